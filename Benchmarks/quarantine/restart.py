"""Times a start with COUNT fences in the ledger and none in the kernel.

restart.py LAZARET COUNT
Run it in a separate network namespace (run.sh does); needs strace. Prints the seconds from the program's start
to the end of the system call that adds the fences, the duration of that call, and the seconds to the program's end.
"""
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

PROGRAM, COUNT = sys.argv[1], int(sys.argv[2])


def address(index):
    value = (11 << 24) + (((index * 2654435761 & 0xFFFFFFFF) >> 9) & 0x7FFFFF) * 2
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def fill(path):
    now = time.time_ns()
    row = "INSERT INTO fences VALUES (?, 'drop', ?, 'standing', ?, ?, 1, ?, ?, ?, NULL, 'policy', 0, 0, 0, 0, '')"
    with sqlite3.connect(path) as ledger:
        ledger.executemany(
            row,
            (
                (
                    address(i), f"q{i:x}", now, now + 3600 * 10**9,
                    "fan-out far beyond what was learned; 3 windows in a row", f"e{i:x}",
                    "peers=412 (usual 3); ports=88 (usual 2); failed=0.93",
                )
                for i in range(COUNT)
            ),
        )
    ledger.close()


with tempfile.TemporaryDirectory() as state:
    where = ["--state", state]
    subprocess.run([PROGRAM, "quarantine", "flush", *where], check=True, stdout=subprocess.DEVNULL)
    fill(f"{state}/lazaret.db")
    trace = f"{state}/trace"
    spy = ["strace", "-f", "--seccomp-bpf", "-ttt", "-T", "-s", "0", "-o", trace, "-e", "execve,sendto"]
    act = [PROGRAM, "quarantine", "add", "192.0.2.1", *where]
    subprocess.run([*spy, *act], check=True, stdout=subprocess.DEVNULL)
    ended = time.time()
    started = fenced = kernel = None
    for line in open(trace):
        at = float(line.split()[1])
        started = at if started is None else started
        # The only message of megabytes; "resumed" if another thread ran in between.
        if match := re.search(r"sendto(\(| resumed).*= (\d{4,}) <([0-9.]+)>", line):
            if kernel is None or float(match[3]) > kernel:
                kernel = float(match[3])
                fenced = at + (kernel if match[1] == "(" else 0)
    print(
        f"start with {COUNT} fences: in force after {fenced - started:.3f} s ({kernel:.3f} s of it "
        f"the kernel), all done after {ended - started:.3f} s"
    )
