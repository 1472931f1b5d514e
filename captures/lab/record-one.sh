#!/bin/bash
# Records one schedule with a fresh lab:   record-one.sh NAME SEED OUT-FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$1 out=$3
export LAB=lz-$name LAB_SEED=$2
"$here/lab.sh" up
trap '"$here/lab.sh" down' EXIT
"$here/lab.sh" clean 12                                   # the users warm it up
"$here/lab.sh" capture "$out/$name.pcap"
"$here/lab.sh" play "$here/schedules/$name.txt"
"$here/lab.sh" capture-stop
cp -r "/run/lazaret-lab/$LAB" "$out/$name.state"          # logs, attacks.jsonl, tool output
