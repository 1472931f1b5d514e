#!/usr/bin/env bash
# Runs the built tests, and prints how many passed, failed and were skipped, and why: scripts/test.sh [FLAGS OF
# THE BUILD...]. If CI is set, only the tests in Tests/skips.txt may be skipped.
#
# Tests with real containers and real attack tools run last and separately, because a node that monitors them needs the CPU. Two variables make
# tests larger: LAZARET_LIVES, the number of containers that start and end in the tests of the directory (docs/workloads.md
# has results for 10000 scripted and 6 real ones), and LAZARET_DATA, a folder of captures to compare with libpcap.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v python3 >/dev/null || { echo "python3 is needed: apt-get install python3" >&2; exit 1; }
streams=$(mktemp -d)
status=0
# The tests' own program: two instances of `swift test` would compete for the build's database.
tests=$(swift build "$@" --show-bin-path)/lazaretPackageTests.xctest
run() {
    timeout --foreground "$2" "$tests" --testing-library swift-testing --event-stream-version 0 \
        --event-stream-output-path "$streams/$1" "${@:3}"
}
# Who interrupts the script ends what runs in the background, too: a shell has that ignore the signal.
programs_run=
trap '[ -z "$programs_run" ] || pkill -P "$programs_run" || true; rm -rf "$streams"' EXIT
# Tests whose servers and clients use Swift's thread pool run separately from those that block its threads
# while they wait for a program. Most of the time these wait, so two processes run them at a time.
pool='^(HTTPServerTests|HTTPClientTests|ControlServerTests)\.'
live='^(ContainerTests\.|AdversaryTests\.LiveTests/)'
programs='^(CommandLineTests)\.'
run programs 40m --filter "$programs" &
programs_run=$!
run libraries 40m --skip "$live" --skip "$pool" --skip "$programs" || status=$?
wait $programs_run || status=$?
programs_run=
run pool 15m --filter "$pool" || status=$?
run live 20m --no-parallel --filter "$live" || status=$?
[ $status -eq 0 ] || echo "a run of tests ended with status $status"
scripts/test-summary.py Tests/skips.txt "$streams"/* || status=1
exit $status
