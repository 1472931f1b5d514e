#!/usr/bin/env python3
"""bench.py [ROUNDS]: meters two generated captures with every installed meter, in turns.

Each round runs every case once, so that noise of the machine affects all; the table has medians of CPU
time and of the time that passes, and ratios of medians. All but `lazaret flows` use one thread. Needs a release build of lazaret, and a C compiler with libpcap.
LAZARET names another binary, WORK another directory for captures, IDEAL a program to compare with, in
which {} is replaced by the path, NFSTREAM a Python that has nfstream.
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.environ.get("WORK", "/tmp/lazaret-bench")
LAZARET = os.environ.get("LAZARET", os.path.join(ROOT, ".build/release/lazaret"))
FILES = {
    "conversations": ("5000000", "200000", "conversations", "65535", "1"),
    "probes": ("5000000", "2000000", "probes", "128", "2"),
}
ONE = "lazaret flows, one thread"
NFSTREAM = """
import sys
from nfstream import NFStreamer
for flow in NFStreamer(source=sys.argv[1], statistical_analysis=sys.argv[2] == "1", n_dissections=0, n_meters=1):
    pass
"""


def build():
    os.makedirs(WORK, exist_ok=True)
    for name, libraries in (("generate", ["-lm"]), ("count", ["-lpcap"])):
        source, program = os.path.join(HERE, name + ".c"), os.path.join(WORK, name)
        subprocess.run(["cc", "-O2", "-o", program, source] + libraries, check=True)
    for name, arguments in FILES.items():
        path = os.path.join(WORK, name + ".pcap")
        if not os.path.exists(path):
            subprocess.run([os.path.join(WORK, "generate"), path, *arguments], check=True)


def cases(path):
    out = os.path.join(WORK, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, "nf"))
    found = {
        "lazaret flows": [LAZARET, "flows", "-r", path, "--format", "csv", "-o", "/dev/null"],
        ONE: [LAZARET, "flows", "--threads", "1", "-r", path, "--format", "csv", "-o", "/dev/null"],
        "bare libpcap loop": [os.path.join(WORK, "count"), path],
    }
    if "IDEAL" in os.environ:
        found["ideal in C"] = [word.replace("{}", path) for word in os.environ["IDEAL"].split()]
    for name, arguments in {
        "softflowd -m 8000000": ["softflowd", "-r", path, "-m", "8000000", "-6", "-c", "none",
                                 "-p", os.path.join(out, "sf.pid")],
        "nfpcapd": ["nfpcapd", "-r", path, "-w", os.path.join(out, "nf")],
        "argus": ["argus", "-X", "-r", path, "-w", os.path.join(out, "argus")],
    }.items():
        if shutil.which(arguments[0]):
            found[name] = arguments
    if "NFSTREAM" in os.environ:
        for name, statistics_on in (("NFStream", "0"), ("NFStream, statistics", "1")):
            found[name] = [os.environ["NFSTREAM"], "-c", NFSTREAM, path, statistics_on]
    return found


def run(arguments):
    start = time.monotonic()
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, process.returncode


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    build()
    for name, (packets, flows, *_) in FILES.items():
        path = os.path.join(WORK, name + ".pcap")
        with open(path, "rb") as file:
            while file.read(1 << 22):
                pass
        results = {case: [] for case in cases(path)}
        for number in range(rounds):
            for case, arguments in cases(path).items():
                # It takes minutes, so one round is enough for a comparison.
                if case.startswith("NFStream") and number >= 1:
                    continue
                results[case].append(run(arguments))
        base = statistics.median(run[0] for run in results[ONE])
        print(f"\n{name}: {packets} packets, {flows} flows; medians of {rounds} rounds in turns\n")
        print("| meter | CPU s | µs a packet | times lazaret | time, s | million packets a second | peak MB |")
        print("|---|---|---|---|---|---|---|")
        for case, runs in results.items():
            cpu, wall = (statistics.median(run[part] for run in runs) for part in (0, 1))
            memory = max(run[2] for run in runs)
            failed = "" if all(run[3] == 0 for run in runs) else " (failed)"
            print(f"| {case}{failed} | {cpu:.2f} | {cpu / int(packets) * 1e6:.3f} | {cpu / base:.2f} | "
                  f"{wall:.2f} | {int(packets) / wall / 1e6:.2f} | {memory:.0f} |")


main()
