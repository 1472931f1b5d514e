#!/usr/bin/env python3
"""Reads the captures, checks them against inventory and labels, and prints their contents as Markdown.

verify.py FOLDER [--readme]     checks FOLDER/*.pcap; --readme writes the tables to FOLDER/README.md
It checks that every frame exists once (a routed packet must not appear a second time with a smaller TTL), times are in order,
MAC and IP addresses of containers match, clean captures contain no attacker's address, and every attack has its expected shape."""
import ipaddress, json, os, re, struct, subprocess, sys
from collections import Counter, defaultdict

here = os.path.dirname(os.path.abspath(__file__))
folder = sys.argv[1]
boxes = {f[5]: f for f in (line.split() for line in open(here + "/topology.txt")) if f[:1] == ["box"]}
problems = []


def packets(path):
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        sec, usec, caught, length = struct.unpack_from("<IIII", data, at)
        yield sec + usec / 1e6, length, data[at + 16:at + 16 + caught]
        at += 16 + caught
    if at != len(data):
        problems.append(f"{path}: ends within a record")


def dotted(b):
    return ".".join(map(str, b))


def kind_of(address):
    if address in boxes:
        return boxes[address][2]
    return "outside" if not address.startswith("10.60.") else "other"


def survey(name):
    """The statistics of one capture, and a list of decoded packets for the labels."""
    n = size = arp = 0
    last, first = 0, None
    senders, protocols, seconds = Counter(), Counter(), Counter()
    recent, twice, routed_twice, evil, badmac = {}, 0, 0, 0, Counter()
    decoded = []
    for t, length, f in packets(f"{folder}/{name}.pcap"):
        first = t if first is None else first
        if t < last:
            problems.append(f"{name}: time goes back at {t}")
        last = t
        n, size = n + 1, size + length
        seconds[int(t - first)] += 1
        ether = f[12:14]
        mac = f[6:12].hex(":")
        if ether == b"\x08\x06":
            protocols["ARP"] += 1
            decoded.append((t, length, "arp", mac, dotted(f[28:32]), dotted(f[38:42]), 0, 0, 0))
            continue
        if ether != b"\x08\x00":
            protocols["0x" + ether.hex()] += 1
            continue
        proto, src, dst = f[23], dotted(f[26:30]), dotted(f[30:34])
        at = 14 + f[14] % 16 * 4
        sport, dport = struct.unpack_from(">HH", f, at) if proto in (6, 17) else (0, 0)
        flags = f[at + 13] if proto == 6 else 0
        protocols[{6: "TCP", 17: "UDP", 1: "ICMP"}.get(proto, str(proto))] += 1
        senders[kind_of(src)] += 1
        decoded.append((t, length, proto, mac, src, dst, sport, dport, flags))
        evil += any(ipaddress.ip_address(a) in ipaddress.ip_network(p) for a in (src, dst) for p in ("203.0.113.64/26", "198.18.0.0/15")) \
            if src[:3] != "10." or dst[:3] != "10." else 0
        if src in boxes and mac != "02:42:" + ":".join(f"{int(x):02x}" for x in src.split(".")):
            badmac[src, mac] += 1
        # The same IP packet again within 20 ms: with the same TTL, or with one less, like a second sighting after routing.
        ident, ttl = f[18:20], f[22]
        key = (ident, f[14:18], f[20:22], f[23:24], f[26:])
        if ident != b"\0\0":
            old = recent.get(key)
            if old and t - old[0] < 0.02:
                twice += old[1] == ttl
                routed_twice += abs(old[1] - ttl) == 1
            recent[key] = (t, ttl)
            if len(recent) > 50000:
                recent.clear()
    if twice or routed_twice:
        problems.append(f"{name}: {twice} packets twice, {routed_twice} once more after routing")
    if evil and name.startswith("clean"):
        problems.append(f"{name}: {evil} packets of attackers")
    if badmac and name.startswith("clean"):
        problems.append(f"{name}: addresses with a foreign MAC: {badmac.most_common(3)}")
    rates = [seconds[s] for s in range(int(last - first))]
    rates.sort()
    print(f"{name}: {n} packets, duplicates {twice}, again after routing {routed_twice}, attackers' packets {evil}", file=sys.stderr)
    return dict(n=n, seconds=last - first, size=size, bytes=os.path.getsize(f"{folder}/{name}.pcap"), senders=senders,
                protocols=protocols, p50=rates[len(rates) // 2], top=rates[-1], first=first), decoded


def shape(label, decoded):
    """The offender's traffic to its victims within the label's time: packets, bytes, hosts, ports, SYNs."""
    macs = label.get("mac", [])
    macs = [macs] if isinstance(macs, str) else macs
    victims = [ipaddress.ip_network(d) for d in label["dst"]]
    hosts, ports, sources, n, size, syns = set(), set(), set(), 0, 0, 0
    for t, length, proto, mac, src, dst, sport, dport, flags in decoded:
        if label["kind"] == "arp-sweep" and proto != "arp":
            continue
        if label["start"] <= t <= label["end"] and (src in label["src"] if not (label.get("spoofed") or proto == "arp") else mac in macs):
            if label.get("spoofed") and ipaddress.ip_address(src) not in ipaddress.ip_network(label["spoofed"]):
                continue
            if any(ipaddress.ip_address(dst) in v for v in victims):
                n, size = n + 1, size + length
                hosts.add(dst), ports.add(dport), sources.add(src)
                syns += proto == 6 and flags & 0x12 == 2
    return n, size, len(hosts), len(ports), syns, len(sources)


EXPECTED = {    # kind: (least packets, hosts, ports, SYNs, bytes)
    "port-scan-fast": (1000, 1, 1000, 1000, 0), "syn-flood": (4000, 1, 1, 4000, 0), "exfil-slow": (400, 1, 1, 40, 1_000_000),
    "http-password-guessing": (1200, 1, 1, 100, 0), "udp-flood": (4000, 1, 1, 0, 800_000), "dns-tunnel": (300, 1, 1, 0, 160_000),
    "ssh-password-guessing": (100, 1, 1, 5, 0), "beacon": (200, 1, 1, 28, 0), "exfil-bulk": (8000, 1, 1, 1, 12_000_000),
    "db-password-guessing": (1500, 1, 1, 400, 0), "icmp-tunnel": (600, 1, 1, 0, 600_000), "lateral-movement": (60, 1, 1, 7, 0),
    "port-scan-horizontal": (1016, 508, 2, 1016, 0), "arp-sweep": (250, 250, 1, 0, 0), "syn-flood-spoofed": (2000, 1, 1, 2000, 0),
    "port-scan-slow": (90, 1, 90, 90, 0), "subnet-scan": (4000, 254, 2, 4000, 0), "subnet-flood": (4800, 1, 1, 0, 0)}

rows, workloads, text = [], [], []
names = [n for n in ("clean-train", "clean-test", "mixed") if os.path.exists(f"{folder}/{n}.pcap")]
for name in names:
    s, decoded = survey(name)
    p = ", ".join(f"{k} {v:,}" for k, v in s["protocols"].most_common())
    rows.append(f"| `{name}.pcap` | {s['seconds']:.0f} s | {s['n']:,} | {s['size'] / 1e6:.1f} MB | {s['bytes'] / 1e6:.1f} MB | {s['p50']} / {s['top']} | {p} |")
    workloads.append((name, s["senders"], s["n"]))
    if name == "mixed" and os.path.exists(f"{folder}/mixed.labels.jsonl"):
        table = []
        for label in map(json.loads, open(f"{folder}/mixed.labels.jsonl")):
            got = shape(label, decoded)
            n, size, hosts, ports, syns, sources = got
            least = EXPECTED[label["kind"]]
            if n < least[0] or hosts < least[1] or ports < least[2] or syns < least[3] or size < least[4]:
                problems.append(f"mixed: {label['kind']} by {label['offender']} is too small: packets, bytes, hosts, ports, SYNs {got}, wanted {least}")
            by = f"`{label['src'][0]}` outside" if label["offender"] == label["src"] else \
                ", ".join(label["offender"]) if len(label["offender"]) < 4 else f"{label['offender'][0]} … {label['offender'][-1]}"
            by += f" as {sources} addresses of {label['spoofed']}" if "spoofed" in label else ""
            table.append(f"| {label['start'] - s['first']:.1f} – {label['end'] - s['first']:.1f} | {label['kind']} | {by} | {label['tool']} | {label['what']} | {n:,} | {size:,} | {hosts} | {ports} |")
text += ["| file | duration | packets | on the wire | file size | packets/s median / most | protocols |", "|---|---|---|---|---|---|---|", *rows, "",
         "Packets sent, by workload:", "", "| workload | " + " | ".join(w[0] for w in workloads) + " |", "|---|" + "---|" * len(workloads)]
for who in sorted({k for w in workloads for k in w[1]}, key=lambda k: (k in ("outside", "other"), k)):
    text.append(f"| {who if who != 'other' else '(gateway, spoofed)'} | " + " | ".join(f"{w[1][who]:,}" for w in workloads) + " |")
if "mixed" in names and os.path.exists(f"{folder}/mixed.labels.jsonl"):
    text += ["", "The attacks in `mixed.pcap`; seconds from the first packet; packets, bytes, hosts and ports are what the offender sent to the victims "
             "within the label's time:", "", "| seconds | kind | offender | tool | what | packets | bytes | hosts | ports |", "|---|---|---|---|---|---|---|---|---|", *table]
text = "\n".join(text) + "\n"
if "--readme" in sys.argv:
    path = f"{folder}/README.md"
    old = open(path).read()
    open(path, "w").write(re.sub(r"(<!-- numbers: .*? -->\n).*?(<!-- end of numbers -->)", lambda m: m[1] + text + m[2], old, flags=re.S))
else:
    print(text)
for p in problems:
    print("PROBLEM:", p, file=sys.stderr)
sys.exit(1 if problems else 0)
