#!/usr/bin/env python3
"""cost.py [ROUNDS]: the cost of detection: CPU and time per packet, and peak memory, of everything that judges captures.

Captures: two million packets of `conversations` of Benchmarks/meter in 100,000 flows; 50,000 addresses that each query one
of two servers every second for a minute, with a new port every ten seconds: every second ends 50,000 windows of 10 s, and
every fifth second as many of 60 s; a million forged senders, 10,000 a second. They are generated if they are missing. Each
is analysed with a model that was trained on it or, the third, on the second, and the first also with that of another
network, in which every window is odd. LAZARET names the program, or several, separated by colons, which run in turns;
THREADS the number of threads (the programs' own default); WORK another directory for captures and models.
"""
import os, random, statistics, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.environ.get("WORK", "/tmp/lazaret-bench")
LAZARET = os.environ.get("LAZARET", os.path.join(ROOT, ".build/release/lazaret"))
THREADS = ["--threads", os.environ["THREADS"]] if "THREADS" in os.environ else []
# flows has no third thread.
FLOW_THREADS = ["--threads", "2"] if THREADS[1:] == ["3"] else THREADS
ADDRESSES, SECONDS = 50_000, 60
FORGED, RATE = 1_000_000, 10_000


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


def forged(path):
    """One SYN of each of FORGED senders to one of eight servers, RATE a second."""
    random.seed(2)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number in range(FORGED):
            second, micro = divmod(number * 1_000_000 // RATE, 1_000_000)
            source, target = random.randrange(0x0B000000, 0xDF000000), 0x0AFF0001 + number % 8
            file.write(struct.pack("<IIII", 1_700_000_000 + second, micro, 40, 40))
            file.write(struct.pack("!BBHIBBHII", 0x45, 0, 40, 0, 64, 6, 0, source, target))
            file.write(struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), 443, number, 0, 0x50, 2, 64240, 0, 0))


def run(*words):
    start = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def modes(program, work):
    """What is measured, by name: the packets, and the program's arguments."""
    made, many, faked = (f"{work}/{name}.pcap" for name in ("made", "addresses", "forged"))
    own, other, theirs = (f"{work}/{os.path.basename(program)}.{name}.model" for name in ("own", "other", "theirs"))
    for capture, model in ((made, own), (ROOT + "/captures/clean-train.pcap", other), (many, theirs)):
        run(program, "train", "-r", capture, "-o", model)
    return {
        "flows": (2_000_000, "flows", *FLOW_THREADS, "-r", made, "--format", "csv", "-o", "/dev/null"),
        "replay, model of the same traffic": (2_000_000, "replay", *THREADS, "-r", made, "-m", own),
        "replay, model of another network": (2_000_000, "replay", *THREADS, "-r", made, "-m", other),
        "ranking": (2_000_000, "replay", *THREADS, "-r", made),
        "train": (2_000_000, "train", *THREADS, "-r", made, "-o", work + "/trained.model"),
        "replay, 50,000 active addresses": (ADDRESSES * SECONDS * 2, "replay", *THREADS, "-r", many, "-m", theirs),
        "replay, a million forged senders": (FORGED, "replay", *THREADS, "-r", faked, "-m", theirs),
    }


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.makedirs(WORK, exist_ok=True)
    made, many, faked = (f"{WORK}/{name}.pcap" for name in ("made", "addresses", "forged"))
    if not os.path.exists(made):
        generate = WORK + "/generate"
        subprocess.run(["cc", "-O2", "-o", generate, ROOT + "/Benchmarks/meter/generate.c", "-lm"], check=True)
        subprocess.run([generate, made, "2000000", "100000", "conversations", "65535", "1"], check=True)
    if not os.path.exists(many):
        addresses(many)
    if not os.path.exists(faked):
        forged(faked)
    programs = {program: modes(program, WORK) for program in LAZARET.split(":")}
    found = {}
    for _ in range(rounds):
        for name in next(iter(programs.values())):
            for program, measured in programs.items():
                packets, *words = measured[name]
                cpu, wall, memory = run(program, *words)
                found.setdefault((name, program), []).append((cpu / packets * 1e6, wall / packets * 1e6, memory))
    columns = [f"{os.path.basename(program)}: CPU µs a packet | time | peak MB" for program in programs]
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|---|---|" * len(programs))
    for name in next(iter(programs.values())):
        cells = []
        for program in programs:
            runs = found[name, program]
            cpu, wall = (statistics.median(run[part] for run in runs) for part in (0, 1))
            cells.append(f"{cpu:.2f} | {wall:.2f} | {max(memory for _, _, memory in runs):.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


main()
