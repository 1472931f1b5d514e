"""Times other ways to fill a set: nft -f, nft processes, CrowdSec's firewall bouncer.

peers.py nft COUNT DIR | nft-single COUNT DIR | bouncer COUNT DIR PROGRAM
Run it in a separate network namespace (run.sh does).
"""
import http.server
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time

MODE, COUNT, DIR = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def address(index):
    value = (11 << 24) + (((index * 2654435761 & 0xFFFFFFFF) >> 9) & 0x7FFFFF) * 2
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def nft_file():
    path = f"{DIR}/fill.nft"
    with open(path, "w") as out:
        for family in ("inet", "bridge"):
            out.write(f"add table {family} t\n")
            out.write(f"add set {family} t s {{ type ipv4_addr; flags timeout; }}\n")
            for start in range(0, COUNT, 20000):
                rows = ", ".join(
                    f"{address(i)} timeout 1h" for i in range(start, min(COUNT, start + 20000))
                )
                out.write(f"add element {family} t s {{ {rows} }}\n")
    start = time.perf_counter()
    subprocess.run(["nft", "-f", path], check=True)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return spent, peak


def single():
    nft_file()
    spent = []
    for index in range(COUNT, COUNT + 200):
        one = f"{{ {address(index)} timeout 1h }}"
        script = f"add element inet t s {one}\nadd element bridge t s {one}\n"
        start = time.perf_counter()
        subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True)
        spent.append(time.perf_counter() - start)
    spent.sort()
    print(
        f"nft process, one host to {COUNT}: p50 {spent[100] * 1e3:.3f} ms "
        f"p99 {spent[198] * 1e3:.3f} ms"
    )


class Decisions(http.server.BaseHTTPRequestHandler):
    """The part of CrowdSec's local API that the bouncer uses."""

    answers = []
    served = []

    def do_GET(self):
        first = "startup=true" in self.path
        new = [
            {
                "duration": "1h0m0s", "id": i, "origin": "bench", "scenario": "bench",
                "scope": "Ip", "type": "ban", "value": address(i),
            }
            for i in (range(COUNT) if first else Decisions.answers)
        ]
        Decisions.answers = []
        body = json.dumps({"new": new, "deleted": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if new:
            Decisions.served.append(time.perf_counter())

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def has(index):
    """Whether the bouncer's set contains an address."""
    words = ["nft", "get", "element", "ip", "crowdsec", "crowdsec-blacklists"]
    asked = subprocess.run(words + [f"{{ {address(index)} }}"], capture_output=True)
    return asked.returncode == 0


def bouncer(program):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8085), Decisions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = f"{DIR}/bouncer.yaml"
    with open(config, "w") as out:
        out.write(
            "mode: nftables\nupdate_frequency: 1s\nlog_mode: stdout\nlog_level: info\n"
            "api_url: http://127.0.0.1:8085/\napi_key: bench\ndeny_action: DROP\n"
            "disable_ipv6: true\n"
            "nftables:\n  ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec}\n"
            "  ipv6: {enabled: false}\n"
        )
    log = open(f"{DIR}/bouncer.log", "w")
    child = subprocess.Popen([program, "-c", config], stdout=log, stderr=log)
    try:
        # The order of its batches may differ: all of several samples spread over the list must be in the set.
        wanted = sorted({0, COUNT // 3, COUNT // 2, COUNT - 1})
        deadline = time.perf_counter() + 120
        while not (Decisions.served and all(has(i) for i in wanted)):
            if time.perf_counter() > deadline or child.poll() is not None:
                print("bouncer: gave up;", open(f"{DIR}/bouncer.log").read()[-600:])
                return
            time.sleep(0.002)
        spent = time.perf_counter() - Decisions.served[0]
        status = open(f"/proc/{child.pid}/status").read()
        peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
        print(f"bouncer, {COUNT} hosts: {spent * 1e3:.1f} ms from its list to the set, peak {peak} MB")
        one = []
        for index in range(COUNT, COUNT + 10):
            served = len(Decisions.served)
            Decisions.answers = [index]
            while len(Decisions.served) == served:
                time.sleep(0.0005)
            while not has(index):
                pass
            one.append(time.perf_counter() - Decisions.served[-1])
        one.sort()
        print(
            f"bouncer, one host to {COUNT}: p50 {one[5] * 1e3:.1f} ms max {one[-1] * 1e3:.1f} ms "
            "(with up to 3 ms of asking nft)"
        )
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=60)
        server.shutdown()


if MODE == "nft":
    spent, peak = nft_file()
    print(f"nft -f, {COUNT} hosts: {spent * 1e3:.3f} ms, peak {peak} MB")
elif MODE == "nft-single":
    single()
elif MODE == "bouncer":
    bouncer(sys.argv[4])
