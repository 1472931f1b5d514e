#!/usr/bin/env python3
"""One ring for all ports beside a ring for each interface: frames lost, and what a frame costs.

    swift build --package-path Benchmarks/live -c release
    sudo Benchmarks/live/ports.py [PORTS,PORTS…] [RATE,RATE…] [SECONDS] [ROUNDS]

A bridge with as many ports (2,4,20) in a network namespace of its own; each port sends 128-byte frames to the next one, RATE
(50000,100000,200000; 0: as fast as it goes) a second in all, for SECONDS (3), in ROUNDS (5). In turns nobody listens, one
ring hears all ports (`ports`), a ring each hears what comes in at a port (`each`), one ring hears the bridge, which
does not say who sent a frame (`whole`), and `ports` while all frames pass a bridge that is not watched (`beside`).

`lost` is what found no room in the rings, by the kernel's count: under load veths themselves lose frames before anybody sees them. `listener` is the CPU of who listens, decoding included. `sender`
is the CPU of who sends: it does the kernel's work as well, so the difference to `nobody` is what capturing costs there.
Microseconds a frame; medians. Needs iproute2 and a C compiler.
"""
import os
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NODE, HOSTS = "lzports-node", "lzports-hosts"


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def inside(space, *words):
    return ["ip", "netns", "exec", space, *words]


def received(ports):
    """Frames that came in at all ports so far."""
    paths = [f"/sys/class/net/v{port}/statistics/rx_packets" for port in range(ports)]
    return sum(int(word) for word in run(*inside(NODE, "cat", *paths)).split())


def build(ports):
    for space in (NODE, HOSTS):
        subprocess.run(["ip", "netns", "del", space], capture_output=True)
        run("ip", "netns", "add", space)
        run(*inside(space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                    "net.ipv6.conf.default.disable_ipv6=1"))
    run("ip", "-n", NODE, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", NODE, "link", "set", "br0", "up")
    for port in range(ports):
        run("ip", "-n", NODE, "link", "add", f"v{port}", "type", "veth", "peer", "name", f"h{port}", "netns", HOSTS,
            "address", f"02:00:00:00:01:{port:02x}")
        run("ip", "-n", NODE, "link", "set", f"v{port}", "master", "br0", "up")
        run("ip", "-n", HOSTS, "link", "set", f"h{port}", "up")


def trial(bench, send, words, ports, rate, seconds):
    count = seconds * (rate or 150_000)
    listener = None
    if words:
        listener = subprocess.Popen(
            inside(NODE, bench, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        listener.stderr.readline()
    before = received(ports)
    sent, took, cpu = run(*inside(HOSTS, send, str(ports), str(count), str(rate), "128")).split()
    came = received(ports) - before
    result = {"rate": int(sent) / float(took), "sender": 1e6 * float(cpu) / int(sent), "lost": 0, "listener": 0.0}
    if listener:
        listener.send_signal(signal.SIGINT)
        seen, drops, used = listener.communicate(timeout=60)[0].split()
        result["lost"] = 100 * int(drops) / came
        result["listener"] = 1e6 * float(used) / max(1, int(seen) if words[-1] != "none" else came)
    return result


def main():
    words = sys.argv[1:]
    ports = [int(word) for word in (words[0] if words else "2,4,20").split(",")]
    rates = [int(word) for word in (words[1] if len(words) > 1 else "50000,100000,200000,0").split(",")]
    seconds = int(words[2]) if len(words) > 2 else 3
    rounds = int(words[3]) if len(words) > 3 else 5
    bench = os.environ.get("BENCH") or run(
        "swift", "build", "--package-path", HERE, "-c", "release", "--show-bin-path").strip() + "/capture-bench"
    with tempfile.TemporaryDirectory() as folder:
        send = os.path.join(folder, "send")
        run("cc", "-O2", "-o", send, os.path.join(HERE, "send.c"))
        print(f"{'ports':>5} {'asked/s':>8} {'who':8} {'sent/s':>8} {'lost %':>8} {'listener':>9} {'sender':>8}")
        try:
            for number in ports:
                build(number)
                run(*inside(HOSTS, send, str(number), "1000", "1000", "128"))
                ways = {
                    "nobody": [], "ports": ["ports"], "each": ["each"] + [f"v{port}" for port in range(number)],
                    "whole": ["whole", "br0"], "beside": ["ports", "none"],
                }
                for rate in rates:
                    results = {way: [] for way in ways}
                    for _ in range(rounds):
                        for way, arguments in ways.items():
                            results[way].append(trial(bench, send, arguments, number, rate, seconds))
                    for way, all_of_it in results.items():
                        middle = {key: statistics.median(one[key] for one in all_of_it) for key in all_of_it[0]}
                        lost = f"{middle['lost']:8.3f}" if way not in ("nobody", "beside") else " " * 8
                        listener = f"{middle['listener']:9.3f}" if way != "nobody" else " " * 9
                        print(f"{number:5} {rate:8} {way:8} {middle['rate']:8.0f} {lost} {listener} "
                              f"{middle['sender']:8.3f}", flush=True)
        finally:
            for space in (NODE, HOSTS):
                subprocess.run(["ip", "netns", "del", space], capture_output=True)


if __name__ == "__main__":
    main()
