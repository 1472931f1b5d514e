#!/usr/bin/env python3
"""How long it takes from the first packet of a scan until the offender's rule is in the kernel.

    sudo Benchmarks/live/latency.py PROGRAM [PROGRAM…] [ROUNDS] [captures/clean-train.pcap]

A bridge with three hosts in a network namespace. In each of ROUNDS (30), and for one program after the other in turns,
`lazaret monitor --enforce` starts with an empty state and a model of the capture; the offender then opens connections
to a hundred ports a second and more, from a moment chosen at random, so that every phase of the monitor's seconds
occurs. The time runs from before its first packet until `nft monitor` reports an element with a rule on the
offender: its address, MAC address or port. `packets` arrived at the victim before.

Milliseconds; needs iproute2 and nft.
"""
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

NODE, OFFENDER, VICTIM = "lzlatency-node", "lzlatency-offender", "lzlatency-victim"
SPACES = (NODE, OFFENDER, VICTIM)

SCAN = """
import socket, sys, time
print(time.time(), flush=True)
for port in range(1, 60000):
    probe = socket.socket()
    probe.setblocking(False)
    probe.connect_ex((sys.argv[1], port))
    probe.close()
    time.sleep(0.002)
"""


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def inside(space, *words):
    return ["nsenter", f"--net=/run/netns/{space}", *words]


def remove():
    for space in SPACES:
        subprocess.run(["ip", "netns", "del", space], capture_output=True)


def build():
    remove()
    for space in SPACES:
        run("ip", "netns", "add", space)
        run("ip", "-n", space, "link", "set", "lo", "up")
    run("ip", "-n", NODE, "link", "add", "br1", "type", "bridge")
    run("ip", "-n", NODE, "addr", "add", "10.77.1.1/24", "dev", "br1")
    run("ip", "-n", NODE, "link", "set", "br1", "up")
    for number, space in ((10, OFFENDER), (11, VICTIM)):
        run("ip", "-n", NODE, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", NODE, "link", "set", f"p{number}", "master", "br1", "up")
        run("ip", "-n", space, "addr", "add", f"10.77.1.{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
    run(*inside(OFFENDER, "ping", "-c", "1", "-W", "5", "10.77.1.11"))


def arrived():
    link = json.loads(run("ip", "-n", VICTIM, "-s", "-j", "link", "show", "eth0"))[0]
    return link["stats64"]["rx"]["packets"]


def card():
    return json.loads(run("ip", "-n", OFFENDER, "-j", "link", "show", "eth0"))[0]["address"]


def trial(program, model, patience=30):
    """Seconds until the rule, and packets that arrived; None: no rule in time."""
    marks = re.compile(rf'add element .*(10\.77\.1\.10|{card()}|"p10")')
    with tempfile.TemporaryDirectory() as folder:
        for family in ("inet", "bridge"):
            subprocess.run(inside(NODE, "nft", "delete", "table", family, "lazaret"), capture_output=True)
        monitor = subprocess.Popen(
            inside(NODE, program, "monitor", "-i", "br1", "-m", model, "--state", folder + "/state",
                   "-o", folder + "/eve.json", "--socket", "never", "--enforce"),
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in monitor.stderr:
            if "monitoring" in line:
                break
        threading.Thread(target=monitor.stderr.read, daemon=True).start()
        watch = subprocess.Popen(
            inside(NODE, "nft", "monitor", "new", "elements"), stdout=subprocess.PIPE, text=True, bufsize=1)
        seen = []

        def follow():
            for line in watch.stdout:
                if marks.search(line):
                    seen.append((time.time(), arrived()))
                    return

        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        # Windows end with the second: every phase is as likely.
        time.sleep(2 + random.random())
        before = arrived()
        scan = subprocess.Popen(inside(OFFENDER, sys.executable, "-c", SCAN, "10.77.1.11"),
                                stdout=subprocess.PIPE, text=True)
        start = float(scan.stdout.readline())
        reader.join(patience)
        for process in (scan, watch, monitor):
            process.send_signal(signal.SIGTERM)
            process.wait()
        return (seen[0][0] - start, seen[0][1] - before) if seen else None


def main():
    programs = [word for word in sys.argv[1:] if os.access(word, os.X_OK) and not word.endswith(".pcap")]
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 30)
    capture = next((word for word in sys.argv[1:] if word.endswith(".pcap")), "captures/clean-train.pcap")
    if not programs:
        sys.exit(__doc__)
    results = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for number, program in enumerate(programs):
            models[program] = f"{folder}/{number}.model"
            run(program, "train", "-r", capture, "-o", models[program])
        try:
            build()
            for _ in range(rounds):
                for program in programs:
                    results[program].append(trial(program, models[program]))
        finally:
            remove()
    print(f"{'program':40} {'rounds':>6} {'none':>5} {'p50':>8} {'p99':>8} {'packets p50':>12}")
    for program, values in results.items():
        found = sorted(value for value in values if value)
        if not found:
            print(f"{program:40} {len(values):6} {len(values):5}")
            continue
        times = [1000 * value[0] for value in found]
        last = times[min(len(times) - 1, round(0.99 * (len(times) - 1)))]
        packets = statistics.median(value[1] for value in found)
        print(f"{program:40} {len(values):6} {len(values) - len(found):5} {statistics.median(times):8.0f} "
              f"{last:8.0f} {packets:12.0f}")


if __name__ == "__main__":
    main()
