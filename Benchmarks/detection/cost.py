#!/usr/bin/env python3
"""cost.py [ROUNDS]: the cost of detection: CPU per packet with windows and scores, and memory of 50,000 active addresses.

The first capture is `conversations` of Benchmarks/meter (generated if it is missing), the second 50,000 addresses that each
query one of two servers every second for a minute, with a new port every ten seconds: every second ends 50,000 windows of
10 s, and every fifth second as many of 60 s. Each is analysed with a model
that was trained on it. LAZARET names the program, WORK another directory for captures.
"""
import os, random, statistics, struct, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.environ.get("WORK", "/tmp/lazaret-bench")
LAZARET = os.environ.get("LAZARET", os.path.join(ROOT, ".build/release/lazaret"))
ADDRESSES, SECONDS = 50_000, 60


def addresses(path):
    """UDP questions and answers of ADDRESSES hosts to eight servers."""
    random.seed(1)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for second in range(SECONDS):
            records = bytearray()
            for host in range(ADDRESSES):
                micro = host * 1_000_000 // ADDRESSES
                client, server = 0x0A000001 + host, 0x0AFF0001 + (host + random.randrange(2)) % 8
                port = 32768 + second // 10 * 401
                for source, target, ports, length in ((client, server, (port, 8125), 60), (server, client, (8125, port), 90)):
                    records += struct.pack("<IIII", 1_700_000_000 + second, micro, 28, length)
                    records += struct.pack("!BBHIBBHIIHHHH", 0x45, 0, length, 0, 64, 17, 0, source, target, *ports, length - 20, 0)
            file.write(records)


def run(*words):
    process = subprocess.Popen([LAZARET, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"lazaret {' '.join(words)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.makedirs(WORK, exist_ok=True)
    conversations, many = WORK + "/conversations.pcap", WORK + "/addresses.pcap"
    if not os.path.exists(conversations):
        generate = WORK + "/generate"
        subprocess.run(["cc", "-O2", "-o", generate, ROOT + "/Benchmarks/meter/generate.c", "-lm"], check=True)
        subprocess.run([generate, conversations, "5000000", "200000", "conversations", "65535", "1"], check=True)
    if not os.path.exists(many):
        addresses(many)
    print("| capture | packets | metering alone, µs a packet | with windows and scores | peak MB of metering | of judging |\n|---|---|---|---|---|---|")
    for path, packets in ((conversations, 5_000_000), (many, ADDRESSES * SECONDS * 2)):
        model = path + ".model"
        run("train", "-r", path, "-o", model)
        meter, judge = [], []
        for _ in range(rounds):
            meter.append(run("flows", "-r", path, "--format", "csv", "-o", "/dev/null"))
            judge.append(run("replay", "-r", path, "-m", model))
        cpu = [statistics.median(seconds for seconds, _ in runs) / packets * 1e6 for runs in (meter, judge)]
        peak = [max(memory for _, memory in runs) for runs in (meter, judge)]
        print(f"| {os.path.basename(path)} | {packets:,} | {cpu[0]:.2f} | {cpu[1]:.2f} | {peak[0]:.0f} | {peak[1]:.0f} |")
    tick = (cpu[1] - cpu[0]) * packets / 1e6 / SECONDS
    print(f"\n{ADDRESSES:,} addresses: {(peak[1] - peak[0]) * 1024 / ADDRESSES:.1f} kB each beyond metering; a second of all of them {tick:.2f} s of CPU")


main()
