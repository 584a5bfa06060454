#!/usr/bin/env bash
# Makes the virtual environment DIR from REQUIREMENTS and keeps it up to date; prints nothing when nothing is to do.
# Usage: scripts/venv.sh DIR REQUIREMENTS
set -euo pipefail
dir=$1
requirements=$2
stamp=$(sha256sum "$requirements" | cut -d' ' -f1)
[ "$(cat "$dir/.stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0

echo "venv: making $dir"
# Debian's own Python first: the package python3-venv belongs to it.
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=$(command -v python3)
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
echo "$stamp" >"$dir/.stamp"
