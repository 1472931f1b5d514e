#!/usr/bin/env python3
"""Measures Maltrail's own table of trails with a million entries, 60 % addresses and 40 % names:
    git clone https://github.com/stamparm/maltrail; Benchmarks/indicators/maltrail.py maltrail
Each mode runs in a process of its own: `heap`, `build` (the memory-mapped file is made) and `mmap`.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

COUNT = 1_000_000


def address(numbers):
    return "%d.%d.%d.%d" % (numbers.randrange(32, 96), *(numbers.randrange(256) for _ in range(3)))


def megabytes(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) // 1024


def nanoseconds(keys, contains):
    start = time.perf_counter()
    hits = sum(1 for key in keys if contains(key))
    return "%d ns, %d hits of %d" % ((time.perf_counter() - start) / len(keys) * 1e9, hits, len(keys))


def measure(source, mode, trails):
    sys.path.insert(0, source)
    from core import common
    from core.settings import config

    config.TRAILS_FILE = trails
    start = time.perf_counter()
    table = common.load_trails(True, freeze=True) if mode == "heap" else common.load_trails_mmap(True)
    print("%s: load %.1f s, process %d MB, %d MB at most, %d trails" % (
        mode, time.perf_counter() - start, megabytes("VmRSS"), megabytes("VmHWM"), len(table)))
    numbers = random.Random(7)
    print("  address", nanoseconds([address(numbers) for _ in range(200_000)], table.__contains__))
    names = [
        ["www", "%x" % numbers.getrandbits(40), "d%d" % (index % 5000), "example", "org"]
        for index in range(50_000)
    ]
    print("  name of five labels", nanoseconds(
        names, lambda name: any(".".join(name[at:]) in table for at in range(len(name)))))


def main():
    source = os.path.abspath(sys.argv[1])
    if len(sys.argv) == 4:
        return measure(source, sys.argv[2], sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        trails = os.path.join(folder, "trails.csv")
        numbers = random.Random(5)
        with open(trails, "w") as file:
            for index in range(COUNT):
                trail = (address(numbers) if index % 5 < 3
                         else "%x.d%d.example.org" % (numbers.getrandbits(64), index % 5000))
                file.write(trail + ",malware,(static)\n")
        for mode in ("heap", "build", "mmap"):
            subprocess.run([sys.executable, __file__, source, mode, trails], check=True)


main()
