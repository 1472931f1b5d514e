#!/usr/bin/env bash
# Demo on the sample captures: train on clean traffic, then analyse traffic with attacks.
set -euo pipefail
lazaret=$1
out=${2:-out}
mkdir -p "$out"
run() { printf '\n\033[1m$ %s\033[0m\n' "lazaret ${*}"; "$lazaret" "$@"; }

run train -r captures/clean-train.pcap -o "$out/demo.model" --inventory captures/inventory.yaml
run replay -r captures/mixed.pcap -m "$out/demo.model" --inventory captures/inventory.yaml --plan "$out/plan.nft"
cat <<EOF

These were 18 minutes of traffic between containers, with attacks in it. The nftables rules that enforcement would have installed
are in $out/plan.nft. To go on:
  $lazaret evaluate -r captures/mixed.pcap -m $out/demo.model --truth captures/mixed.labels.jsonl --inventory captures/inventory.yaml
      how many of the labelled attacks were found, and how fast
  $lazaret replay -r YOUR.pcap            the most anomalous hosts of your own capture, without training
  $lazaret model show $out/demo.model     what the model has learned
EOF
