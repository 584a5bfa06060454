#!/usr/bin/env bash
# Checks that the code keeps to its rules: the formatter's, and the few that a formatter does not know.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
report() { # report TITLE LINES
    [ -n "$2" ] || return 0
    printf 'lint: %s\n%s\n' "$1" "$(sed 's/^/    /' <<<"$2")" >&2
    failed=1
}

mapfile -t swift_files < <(git ls-files --cached --others --exclude-standard 'Package.swift' '*.swift' | sort -u)
existing=()
for file in "${swift_files[@]}"; do [ -f "$file" ] && existing+=("$file"); done
if ! swift format lint --strict --parallel "${existing[@]}"; then
    echo "lint: run 'make fmt'" >&2
    failed=1
fi

# Foundation costs 40 MB of binary and a global lock here and there; only the executable and tests may use it.
report 'Foundation in a library target' \
    "$(grep -nE '^(public |package |@preconcurrency |@_exported )*import Foundation' -r Sources/JSON Sources/CEL Sources/Auth Sources/Proxy || true)"
report 'force-try, force-cast or fatalError' \
    "$(grep -nE '(^|[^A-Za-z])(try!|as!|fatalError\()' -r Sources --include '*.swift' | grep -vE '^[^:]+:[0-9]+:\s*//' || true)"
report 'a test that is switched off or asserts nothing' \
    "$(grep -rnE '\.disabled\(|#expect\(true\)|@pytest\.mark\.skip|pytest\.skip\(' Tests spec-tests --include '*.swift' --include '*.py' || true)"
report 'a sleep in a Swift test: wait for a condition with a deadline' \
    "$(grep -rnE 'Task\.sleep|usleep\(|[^a-z]sleep\(' Tests --include '*.swift' || true)"
shopt -s nullglob
for script in scripts/*.sh bench/*.sh .ci/run; do
    bash -n "$script" || failed=1
done
if [ "$failed" = 0 ]; then echo "lint: ${#existing[@]} Swift files are fine"; fi
exit "$failed"
