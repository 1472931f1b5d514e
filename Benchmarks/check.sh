#!/usr/bin/env bash
# check.sh [--update]: counts the instructions of metering, analysis, ranking and training on a small capture, and compares
# them with Benchmarks/instructions.txt. More than 3 % above is a failure; --update writes the file.
#
# Counts do not depend on what else runs on the machine. They depend on the compiler, the C library and the processor's
# features; the file names those that it was written with, and only with the same is more a failure. The instructions of a start of the program are subtracted.
# One thread does all the work: what threads need to wait for each other is not the same in each run.
# LAZARET names the program, WORK the directory for captures and for the profiles, which callgrind_annotate reads.
set -euo pipefail
cd "$(dirname "$0")/.."
bound=3
known=Benchmarks/instructions.txt
work=${WORK:-$(mktemp -d)}
mkdir -p "$work"
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT

missing=()
for pair in valgrind:valgrind cc:gcc objcopy:binutils; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "check.sh needs ${missing[*]}: apt-get install ${missing[*]}" >&2
    exit 2
fi
lazaret=${LAZARET:-.build/release/lazaret}
[ -x "$lazaret" ] || make build

# Valgrind before 3.20 cannot read the compiler's debug information.
objcopy --strip-debug "$lazaret" "$work/lazaret"
cc -O2 -o "$work/generate" Benchmarks/meter/generate.c -lm
"$work/generate" "$work/check.pcap" 40000 1600 conversations 128 1
"$work/lazaret" train -r "$work/check.pcap" -o "$work/check.model" >/dev/null 2>&1
# The model of another network: every window is odd.
"$work/lazaret" train -r captures/clean-train.pcap -o "$work/other.model" >/dev/null 2>&1

# Hashes are the same in each run.
export SWIFT_DETERMINISTIC_HASHING=1
count() {
    local name=$1
    shift
    if ! valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.$name" "$work/lazaret" "$@" \
        >/dev/null 2>"$work/$name.log"; then
        echo "lazaret $* failed under valgrind:" >&2
        tail -5 "$work/$name.log" >&2
        exit 2
    fi
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/$name.log"
}

start=$(count start --version)
{
    echo "# instructions without those of a start, in thousands; 40,000 packets; written by Benchmarks/check.sh --update"
    echo "# $(swift --version 2>/dev/null | sed -n 's/.*\(Swift version [0-9.]*\).*/\1/p' | head -1)," \
        "$(ldd --version | sed -n 1p), $(uname -m)"
    report() { echo "$1 $((($2 - start) / 1000))"; }
    report flows "$(count flows flows --threads 1 -r "$work/check.pcap" --format csv -o /dev/null)"
    report replay "$(count replay replay --threads 1 -r "$work/check.pcap" -m "$work/check.model" --format eve)"
    report replay-other "$(count replay-other replay --threads 1 -r "$work/check.pcap" -m "$work/other.model" --format eve)"
    report rank "$(count rank replay --threads 1 -r "$work/check.pcap")"
    report train "$(count train train --threads 1 -r "$work/check.pcap" -o "$work/trained.model")"
} >"$work/instructions.txt"

if [ "${1:-}" = --update ]; then
    cp "$work/instructions.txt" "$known"
    cat "$known"
    exit 0
fi
same=1
if [ "$(sed -n 2p "$known")" != "$(sed -n 2p "$work/instructions.txt")" ]; then
    same=0
    echo "note: not compared: the numbers were written with $(sed -n '2s/^# //p' "$known")," \
        "this is $(sed -n '2s/^# //p' "$work/instructions.txt")"
fi
awk -v bound=$bound -v same=$same '
    /^#/ { next }
    NR == FNR { known[$1] = $2; next }
    !($1 in known) { print $1 ": not in the file"; worse = 1; next }
    {
        change = ($2 / known[$1] - 1) * 100
        verdict = change > bound ? "more than " bound " % above" : change < -bound ? "less: write the file again" : "ok"
        if (change > bound) worse = 1
        printf "%-14s %10d  before %10d  %+6.2f %%  %s\n", $1, $2, known[$1], change, verdict
    }
    END { exit same && worse }' "$known" "$work/instructions.txt"
