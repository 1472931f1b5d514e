#!/usr/bin/env python3
"""One row of SQLite for each flow, indexed by time and by both ends: rows.py COUNT FILE."""
import os
import random
import sqlite3
import sys
import time

count, path = int(sys.argv[1]), sys.argv[2]
if os.path.exists(path):
    os.remove(path)
file = sqlite3.connect(path)
file.execute("PRAGMA journal_mode = WAL")
file.execute(
    "CREATE TABLE flows (start INTEGER, length INTEGER, orig INTEGER, resp INTEGER, orig_port INTEGER,"
    " resp_port INTEGER, proto INTEGER, state INTEGER, orig_workload INTEGER, resp_workload INTEGER,"
    " orig_packets INTEGER, resp_packets INTEGER, orig_bytes INTEGER, resp_bytes INTEGER)")
for column in ("start", "orig_workload", "resp_workload"):
    file.execute(f"CREATE INDEX by_{column} ON flows ({column})")
random.seed(1)


def rows(size, first):
    for number in range(size):
        packets = 1 + int(random.random() ** 3 * 400)
        yield (
            1_790_000_000_000 + (first + number) * 12, int(random.random() ** 3 * 60000),
            0x0A000000 + int(random.random() ** 3 * 200) * 256 + 2, 0x0A000000 + int(random.random() ** 3 * 40) * 256 + 2,
            random.randint(32768, 65535), 5000, 6, 2, int(random.random() ** 3 * 200), int(random.random() ** 3 * 40),
            packets, packets, packets * random.randint(60, 260), packets * random.randint(60, 1460))


began = time.time()
for first in range(0, count, 50_000):
    with file:
        size = min(50_000, count - first)
        file.executemany(f"INSERT INTO flows VALUES ({','.join('?' * 14)})", rows(size, first))
seconds = time.time() - began
file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
size = os.path.getsize(path)
print(f"flows {count} seconds {seconds:.1f} per_second {count / seconds:.0f} bytes {size} per_flow {size / count:.1f}")
