#!/usr/bin/env bash
# Builds everything with a sanitizer and runs every test under it: scripts/sanitize.sh thread|address [which tests, as for `swift test`]
# The build is optimised: races are more likely, and the tests take ten minutes instead of an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
folder=$PWD/.build/sanitize-$kind
reports=$folder/reports
build=(-c release -Xswiftc -enable-testing --sanitize="$kind" --scratch-path "$folder")
preload=()
# The sanitizers' shim replaces functions of Swift's shared libraries.
export LAZARET_SHARED_RUNTIME=yes
export LAZARET_BINARY=$folder/release/lazaret
# Reports are written to a file, so reports of programs that a test starts or kills are found too.
case $kind in
thread)
    export TSAN_OPTIONS="log_path=$reports/report suppressions=$PWD/scripts/tsan-suppressions.txt"
    preload=(LD_PRELOAD="$folder/tsan-shim.so")
    ;;
address) export ASAN_OPTIONS="log_path=$reports/report detect_leaks=0" ;;
*)
    echo "sanitize: thread or address" >&2
    exit 64
    ;;
esac
swift build --build-tests "${build[@]}"
if [ "$kind" = thread ]; then clang -O2 -shared -fPIC scripts/tsan-shim.c -o "$folder/tsan-shim.so"; fi
rm -rf "$reports"
mkdir -p "$reports"
tests() { timeout 60m env "${preload[@]}" swift test --skip-build "${build[@]}" "$@" || failed=1; }
if [ $# -gt 1 ]; then
    tests "${@:2}"
else
    # Tests with real containers run separately, as in `make test`.
    tests --skip '^ContainerTests\.'
    tests --no-parallel --filter '^ContainerTests\.'
fi
if compgen -G "$reports/*" >/dev/null; then
    cat "$reports"/*
    echo "sanitize: $kind: reports above, in $reports" >&2
    exit 1
fi
if [ -n "${failed:-}" ]; then
    echo "sanitize: $kind: no report, but tests failed" >&2
    exit 1
fi
echo "sanitize: $kind: clean"
