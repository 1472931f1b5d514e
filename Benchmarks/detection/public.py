#!/usr/bin/env python3
"""Replays public captures of scans, floods, guessing and tunnels without a model: is the actor ranked first?

public.py LAZARET [--with CAPTURE] FOLDER...
    Looks for the captures below in the folders (clones of the repositories that they come from, or a collection of
    their files), replays each and prints the actor's place. The exit status is 1 if an actor of a scan, a flood or
    guessing is not first. --with merges a capture of clean traffic into each: most of these have few other hosts.
"""
import json
import os
import subprocess
import sys

# Repository, file name, parent folder (where the name is not unique), kind, actors.
CAPTURES = [
    ("ntop/nDPI", "synscan.pcap", "", "scan", ["172.16.0.8"]),
    ("cisco/joy", "kali-password-attack_hydra.pcap", "", "guessing", ["192.168.1.2"]),
    ("zeek/zeek", "bruteforce.pcap", "ftp", "guessing", ["192.168.56.1"]),
    ("zeek/zeek", "sshguess.pcap", "ssh", "guessing", ["192.168.56.1"]),
    ("OISF/suricata-verify", "denial6-5.pcap", "", "flood", ["2001:db8:1::2"]),
    ("OISF/suricata-verify", "input.pcap", "tcp-session-syn-flood-drop-precedence", "flood", ["192.0.2.10"]),
    ("OISF/suricata-verify", "eth-ip-gre-ppp-max-ip-packet.pcap", "", "flood", ["1.1.1.1"]),
    ("chrissanders/packets", "synscan.pcapng", "", "scan", ["172.16.0.8"]),
    ("chrissanders/packets", "activeosfingerprinting.pcapng", "", "scan", ["172.16.16.128"]),
    ("chrissanders/packets", "arppoison.pcapng", "", "takeover", ["172.16.0.105"]),
    ("OTRF/Security-Datasets", "empire_psexec_dcerpc_tcp_svcctl_WORKSTATION5_2020-09-20121608.cap", "",
     "command and control", ["172.18.39.5"]),
    ("ntop/nDPI", "dns_exfiltration.pcap", "", "tunnel", ["192.168.220.56"]),
    ("ntop/nDPI", "icmp-tunnel.pcap", "", "tunnel", ["192.168.154.131"]),
    ("ntop/nDPI", "WebattackSQLinj.pcap", "", "one exploit", ["172.16.0.1"]),
]
MUST_BE_FIRST = {"scan", "flood", "guessing"}


def find(folders, name, parent):
    for folder in folders:
        for place, _, files in os.walk(folder):
            if name in files and (not parent or os.path.basename(place) == parent):
                return os.path.join(place, name)
            flat = f"{parent}__{name}"
            if parent and flat in files:
                return os.path.join(place, flat)
    return None


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    lazaret, folders, more = sys.argv[1], sys.argv[2:], []
    if folders[0] == "--with":
        more, folders = ["-r", folders[1]], folders[2:]
    first, tried, failed = 0, 0, 0
    print("| repository | capture | kind | actor | place | as |\n|---|---|---|---|---|---|")
    for repository, name, parent, kind, actors in CAPTURES:
        path = find(folders, name, parent)
        label = f"{parent}/{name}" if parent else name
        if path is None:
            print(f"| {repository} | {label} | {kind} | | not found | |")
            continue
        tried += 1
        text = subprocess.run([lazaret, "replay", "--format", "json", "-r", path, *more],
                              capture_output=True, text=True, timeout=300).stdout
        entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        hit = next((entry for entry in entries if entry.get("offender") in actors), {})
        place, name = hit.get("rank"), hit.get("pattern") or "no known pattern"
        first += place == 1
        failed += place != 1 and kind in MUST_BE_FIRST
        print(f"| {repository} | {label} | {kind} | {actors[0]} | {place} | {name if place else ''} |", flush=True)
    print(f"\n{first} of {tried} actors are first")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
