#!/bin/bash
# Records one schedule with a fresh lab:   record-one.sh NAME SEED FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$1 folder=$3
export LAB=lz-$name LAB_SEED=$2
trap '"$here/lab.sh" down' EXIT
"$here/lab.sh" up
"$here/lab.sh" clean 12                                   # a little warm-up
"$here/lab.sh" capture "$folder/$name.pcap"
"$here/lab.sh" play "$here/schedules/$name.txt"
"$here/lab.sh" capture-stop
mkdir -p "$folder/$name.logs"
cp -r "/run/lazaret-lab/$LAB"/{*.log,attacks*} "$folder/$name.logs/"
