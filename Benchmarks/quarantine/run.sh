#!/bin/sh
# Compares the time of the fence with `nft -f`, a `nft` process per host, and CrowdSec's firewall bouncer,
# in separate network namespaces. Needs root, nft and python3. BOUNCER is the path of the bouncer's
# program; if it is empty, the bouncer is omitted. With LAZARET (path of the program), a start with a full
# ledger and an empty kernel is timed too; that needs strace.
set -e
here=$(cd "$(dirname "$0")" && pwd)
swift build --package-path "$here" -c release --product fence-bench >&2
bench=$(swift build --package-path "$here" -c release --show-bin-path)/fence-bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for count in 1 1000 100000; do
    for round in 1 2 3; do unshare -n "$bench" fill $count; done
    for round in 1 2 3; do unshare -n python3 "$here/peers.py" nft $count "$work"; done
done
for round in 1 2 3; do unshare -n "$bench" single 100000; done
unshare -n "$bench" single 1000
unshare -n python3 "$here/peers.py" nft-single 100000 "$work"
for round in 1 2 3; do unshare -n "$bench" restore 100000; done
if [ -n "$LAZARET" ]; then
    for round in 1 2 3 4 5; do unshare -n python3 "$here/restart.py" "$LAZARET" 100000; done
fi
unshare -n "$bench" fill 10000 net
unshare -n "$bench" single 10000 net
if [ -n "$BOUNCER" ]; then
    for count in 1 1000 100000; do
        unshare -n python3 "$here/peers.py" bouncer $count "$work" "$BOUNCER"
    done
fi
