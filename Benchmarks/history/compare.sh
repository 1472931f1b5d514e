#!/usr/bin/env bash
# Writes COUNT flows to a history, to nfdump's files and to plain SQLite rows, and times queries of the first two:
# Benchmarks/history/compare.sh COUNT FOLDER. Needs nfdump, python3 and 60 bytes for each flow in FOLDER.
set -euo pipefail
count=$1 folder=$2
cd "$(dirname "$0")"
swift build -c release --product history-bench
bench=.build/release/history-bench
mkdir -p "$folder/history" "$folder/nfdump"
echo "== history"
"$bench" write "$folder/history" "$count"
"$bench" query "$folder/history"

echo "== nfdump (LZ4), two records for each flow"
nfcapd -w "$folder/nfdump" -p 29995 -b 127.0.0.1 -y -t 3600 -B 16000000 &
collector=$!
trap 'kill $collector 2>/dev/null || true' EXIT
sleep 1
time "$bench" send 29995 "$count"
sleep 2
kill -TERM $collector
wait $collector || true
trap - EXIT
nfdump -I -R "$folder/nfdump" | grep -E '^(Flows|Sequence)' || true
du -sb "$folder/nfdump"
echo "one outside address:"
time nfdump -q -R "$folder/nfdump" -o csv 'host 198.0.0.5' | wc -l
echo "a port that no flow has:"
time nfdump -q -R "$folder/nfdump" -o csv 'proto tcp and dst port 9' | wc -l

echo "== rows of SQLite, for comparison: $((count / 20)) flows"
python3 rows.py "$((count / 20))" "$folder/rows.db"
