#!/bin/sh
# The lab's resolver: answers *.lab from /state/hosts, and queries the outside resolver for other names.
exec dnsmasq --keep-in-foreground --user=root --no-resolv --no-hosts --addn-hosts=/state/hosts --local=/lab/ \
    --local-ttl=20 --cache-size=400 --edns-packet-max=1232 --server=203.0.113.53 --log-facility=-
