#!/usr/bin/env bash
# Installs the Debian packages that building, testing or benchmarking needs. Does nothing, quickly, when they are there.
# Usage: scripts/setup.sh [build|test|bench]...   (default: build)
set -euo pipefail

build="libssl-dev libjwt-dev libyaml-dev libnghttp2-dev libre2-dev pkg-config g++"
# chromium looks at the admin page, prometheus brings promtool; without them their tests are skipped.
test="python3 python3-venv curl ca-certificates chromium chromium-driver prometheus nghttp2-client openssl git iproute2 systemd"
bench="python3 python3-venv nginx-light wrk gcc make ca-certificates"

packages=""
for purpose in "${@:-build}"; do
    case "$purpose" in
        build) packages+=" $build" ;;
        test) packages+=" $test" ;;
        bench) packages+=" $bench" ;;
        *) echo "setup: unknown purpose '$purpose' (build, test or bench)" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system; make sure that the equivalents of these are installed:$packages" >&2
    exit 0
fi

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=" $package"
done

if ! command -v swift >/dev/null; then
    echo "setup: the Swift toolchain (6.2 or later) is not on the PATH; see https://www.swift.org/install" >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "setup: missing packages; install them with" >&2
    echo "    sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL=1 keeps invoke-rc.d from starting services that a package brings along (nginx).
export RUNLEVEL=1
apt-get update -qq || echo "setup: apt-get update failed; trying with the lists that are there" >&2
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
