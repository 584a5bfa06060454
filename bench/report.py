#!/usr/bin/env python3
"""report.py RESULTS BINARY REPORT SECS ROUNDS: turns the harness's results into the table of docs/performance.md.

Ratios are the median over rounds of (ours / theirs in the same round): a machine that slows down slows both.
"""

import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

results, binary, report = (Path(argument) for argument in sys.argv[1:4])
seconds, rounds = sys.argv[4:6]
runs = {path.stem: json.loads(path.read_text())["rows"] for path in sorted(results.glob("*.json"))}

#: What is claimed: scenario, the number, ours, theirs, and the most that the ratio may be.
BARS = [
    ("chat", "cpu_us_per_req", "agentgw", "nginx", 1.0, "plain proxying, CPU per request"),
    ("chat", "cpu_us_per_req", "agentgw-ai", "nginx", 1.0, "AI proxying, CPU per request"),
    ("chat", "cpu_us_per_req", "agentgw-ai-jwt", "envoy-jwt-cache", 0.4, "AI proxying with a token and one rule, CPU per request"),
    ("mcp", "cpu_us_per_req", "agentgw-mcp-jwt", "envoy-mcprouter-jwtcache", 0.35, "MCP call with a token and one rule, CPU per call"),
    ("sse", "cpu_us_per_ev", "agentgw-ai", "nginx-stream", None, "streamed events, CPU per event"),
]
#: What is added to a call of one connection: median latency beyond that of no proxy at all.
ADDED = [("mcp-lat", "p50_us", "agentgw-mcp-jwt", "nginx", "direct", 2.0, "MCP call with a token and one rule, median latency added")]
LIMITS = [
    ("idle", "idle_rss_mb", "agentgw-idle", 15, "memory when idle, two event loops (MiB)"),
    ("idle", "startup_ms", "agentgw-idle", 50, "start to first answer (ms)"),
]


def median(scenario: str, peer: str, key: str) -> float | None:
    values = [row[key] for row in runs.get(scenario, {}).get(peer, []) if row.get(key) is not None]
    return statistics.median(values) if values else None


def ratio(scenario: str, key: str, ours: str, theirs: str) -> tuple[float, float, float] | None:
    rows = runs.get(scenario, {})
    pairs = [(a[key], b[key]) for a, b in zip(rows.get(ours, []), rows.get(theirs, [])) if a.get(key) and b.get(key)]
    values = [a / b for a, b in pairs]
    return (statistics.median(values), min(values), max(values)) if values else None


def judge(value: float, bar: float | None) -> str:
    return "" if bar is None else "met" if value <= bar else "**missed**"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


lines = [
    "# Performance",
    "",
    "Written by `make bench`, which runs this build, nginx and Envoy in turn on one core each against the same mock",
    f"provider on another core ({rounds} rounds of {seconds} s per peer, alternating; {processor()}).",
    "CPU time per request is the number to compare: it does not depend on how fast the load generator is. A ratio is the",
    "median over rounds of ours divided by theirs in the same round, with the range in brackets.",
    "",
    "| what | ours | theirs | ratio | bar | |",
    "|---|---|---|---|---|---|",
]
for scenario, key, ours, theirs, bar, what in BARS:
    found = ratio(scenario, key, ours, theirs)
    if found is None:
        lines.append(f"| {what} | not measured | | | {bar or ''} | |")
        continue
    middle, low, high = found
    a, b = median(scenario, ours, key), median(scenario, theirs, key)
    text = f"{middle:.2f} ({low:.2f}–{high:.2f})"
    lines.append(f"| {what} | {a:.1f} µs | {theirs} {b:.1f} µs | {text} | {f'≤ {bar}' if bar else ''} | {judge(middle, bar)} |")
for scenario, key, ours, theirs, base, bar, what in ADDED:
    rows = runs.get(scenario, {})
    added = [
        (a[key] - zero[key], b[key] - zero[key])
        for a, b, zero in zip(rows.get(ours, []), rows.get(theirs, []), rows.get(base, []))
    ]
    if not added:
        lines.append(f"| {what} | not measured | | | ≤ {bar} | |")
        continue
    values = [a / b for a, b in added if b > 0]
    a, b, middle = (statistics.median(column) for column in (*zip(*added), values))
    text = f"{middle:.2f} ({min(values):.2f}–{max(values):.2f})"
    lines.append(f"| {what} | {a:.0f} µs | {theirs} {b:.0f} µs | {text} | ≤ {bar} | {judge(middle, bar)} |")
for scenario, key, ours, bar, what in LIMITS:
    value = median(scenario, ours, key)
    if value is None:
        lines.append(f"| {what} | not measured | | | ≤ {bar} | |")
    else:
        lines.append(f"| {what} | {value:.1f} | | | ≤ {bar} | {judge(value, bar)} |")
size = binary.stat().st_size / 1e6
libraries = subprocess.run(["ldd", str(binary)], capture_output=True, text=True).stdout
runtime = sum(
    Path(line.split("=>")[1].split("(")[0].strip()).stat().st_size
    for line in libraries.splitlines()
    if "=>" in line and "/swift/" in line
)
lines.append(f"| stripped binary, Swift runtime shared (MB) | {size:.1f} | | | ≤ 10 | {judge(size, 10)} |")
if runtime:
    lines.append(f"| shared libraries of the Swift runtime that it loads (MB) | {runtime / 1e6:.1f} | | | | |")
lines.append("")

KEYS = [
    ("rps", "requests/s"),
    ("events_s", "events/s"),
    ("p50_us", "p50 µs"),
    ("p99_us", "p99 µs"),
    ("cpu_us_per_req", "CPU µs/request"),
    ("cpu_us_per_ev", "CPU µs/event"),
    ("startup_ms", "start ms"),
    ("idle_rss_mb", "idle MiB"),
    ("rss_mb", "loaded MiB"),
]
for scenario, peers in runs.items():
    keys = [(key, title) for key, title in KEYS if any(key in row for rows in peers.values() for row in rows)]
    lines += [f"## `{scenario}`", "", "| peer | " + " | ".join(title for _, title in keys) + " | errors |"]
    lines.append("|---|" + "---|" * (len(keys) + 1))
    for peer, rows in peers.items():
        cells = []
        for key, _ in keys:
            values = [row[key] for row in rows if row.get(key) is not None]
            shown = f"{statistics.median(values):,.1f} ({min(values):,.1f}–{max(values):,.1f})" if values else ""
            cells.append(shown)
        errors = sum(int(row.get("non2xx", 0) + row.get("errors", 0)) for row in rows)
        noisy = sum(row.get("other_pct", 0) > 15 for row in rows)
        note = f"{errors}" + (f"; {noisy} of {len(rows)} runs disturbed" if noisy else "")
        lines.append(f"| {peer} | " + " | ".join(cells) + f" | {note if rows else 'failed'} |")
    lines.append("")
lines += [
    "`agentgw` forwards to a plain host, `agentgw-ai` to an AI provider (path types, provider key, model default, body",
    "judged), `agentgw-ai-jwt` the same behind a cached token and one CEL rule. They write no access log, like nginx and Envoy",
    "here; `agentgw-ai-logged` writes its line of JSON per request. `envoy-jwt-cache` verifies the same token with its JWT cache and one CEL rule in RBAC.",
    "`agentgw-mcp` is one MCP target over HTTP, `agentgw-mcp-jwt` the same behind a cached token and one rule about role and tool;",
    "`envoy-mcprouter-jwtcache` is Envoy's mcp_router behind the same policy. `mcp-lat` is one connection, 200 calls a second.",
]
report.parent.mkdir(parents=True, exist_ok=True)
report.write_text("\n".join(lines) + "\n")
print("\n".join(lines[:20]))
print(f"bench: wrote {report}")
