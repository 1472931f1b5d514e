#!/usr/bin/env python3
"""How long it takes from the first packet of a scan until each response to it takes effect.

    sudo Benchmarks/live/responses.py PROGRAM [ROUNDS] [KIND…]

A Docker daemon of its own runs in a network namespace, with a container that scans another one: 500 connections a
second, at most for 20 s, from a moment chosen at random. `lazaret monitor --enforce` starts with an empty state for each
of ROUNDS (10) and each KIND:

    fence       the rule in nftables (`nft monitor`)
    limit       the same, for `actions: [limit]`
    disconnect, pause, stop     Docker's own event, with its time; `stop` has `grace: 1s`
    wireguard   the peer has no allowed addresses any more (`wg show`, every 5 ms): the offender is a peer of wireguard-go,
                and the victim accepts its connections: without whole handshakes, its address would be no proof
    request     a server on loopback has received the request
    exec        the program has begun

The time runs from before the first packet. Milliseconds; needs root, dockerd, containerd, runc, a static busybox,
iproute2, nft, and for `wireguard` wireguard-go and wg.
"""
import http.server
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

NODE, PEER = "lzresponse-node", "lzresponse-peer"
KINDS = ["fence", "limit", "disconnect", "pause", "stop", "wireguard", "request", "exec"]
CONTAINERS = ("disconnect", "pause", "stop")
OFFENDER, VICTIM = "10.125.77.11", "10.125.77.10"
SCAN = """
import socket, sys, time
print(time.time(), flush=True)
end = time.time() + 20
for port in range(1, 60000):
    if time.time() > end:
        break
    probe = socket.socket()
    # Whole handshakes where only the address says who sends: without them, it is no proof.
    probe.settimeout(2 if len(sys.argv) > 2 else 0)
    try:
        probe.connect_ex((sys.argv[1], port))
    except OSError:
        pass
    probe.close()
    time.sleep(0.002)
"""


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def inside(space, *words):
    return ["nsenter", f"--net=/run/netns/{space}", *words]


def until(condition, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f"nothing within {seconds} s: {condition.__name__}")


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait()


class Docker:
    """A daemon in the node's namespace; the machine's own is not used."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="lzr-", dir="/tmp")
        self.socket = self.folder + "/engine.sock"
        root = self.folder + "/rootfs"
        os.makedirs(root + "/bin")
        shutil.copy(shutil.which("busybox"), root + "/bin/busybox")
        os.symlink("busybox", root + "/bin/sleep")
        run("tar", "-C", root, "-cf", self.folder + "/image.tar", ".")
        self.log = open(self.folder + "/log", "w")
        self.server = subprocess.Popen(
            inside(NODE, "dockerd", "--data-root", self.folder + "/data", "--exec-root", self.folder + "/exec", "-p",
                   self.folder + "/pid", "-H", "unix://" + self.socket, "--storage-driver", "overlay2",
                   "--userland-proxy=false", "--ip6tables=false"), stdout=self.log, stderr=self.log)
        until(self.answers)
        self.ask("import", self.folder + "/image.tar", "web:1")
        self.ask("network", "create", "--subnet", "10.125.77.0/24", "lzr")
        pid = self.start("victim", VICTIM)
        self.door = subprocess.Popen(
            ["nsenter", "-n", "-t", pid, sys.executable, "-m", "http.server", "60001"], cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.victim = pid

    def accept(self):
        """Has the victim accept every second connection, and refuse the others."""
        run("nsenter", "-n", "-t", self.victim, "iptables", "-t", "nat", "-A", "PREROUTING", "-i", "eth0", "-s", "10.99.0.2",
            "-p", "tcp", "-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0", "-j", "REDIRECT", "--to-ports", "60001")

    def answers(self):
        return subprocess.run(["docker", "-H", "unix://" + self.socket, "version"], capture_output=True).returncode == 0

    def ask(self, *words):
        return run("docker", "-H", "unix://" + self.socket, *words)

    def start(self, name, address):
        self.ask("run", "-d", "--name", name, "--network", "lzr", "--ip", address, "web:1", "/bin/sleep", "900")
        return self.ask("inspect", "-f", "{{.State.Pid}}", name).strip()

    def remove(self, *names):
        subprocess.run(["docker", "-H", "unix://" + self.socket, "rm", "-f", *names], capture_output=True)

    def events(self):
        return subprocess.Popen(["docker", "-H", "unix://" + self.socket, "events", "--format", "{{json .}}"],
                                stdout=subprocess.PIPE, text=True, bufsize=1)

    def close(self):
        end(self.door)
        self.remove("offender", "victim")
        end(self.server)
        for line in reversed(open("/proc/mounts").read().split("\n")):
            if len(line.split()) > 1 and line.split()[1].startswith(self.folder + "/"):
                subprocess.run(["umount", "-l", line.split()[1]])
        shutil.rmtree(self.folder, ignore_errors=True)


class Tunnel:
    """A peer of wireguard-go, whose packets the node forwards to the victim."""

    def __init__(self):
        self.ends = []

    def build(self, folder):
        keys = []
        for name, space in (("wgn", NODE), ("wgp", PEER)):
            secret = run("wg", "genkey").strip()
            path = f"{folder}/{name}.key"
            with open(path, "w") as out:
                os.fchmod(out.fileno(), 0o600)
                out.write(secret)
            keys.append((path, run("wg", "pubkey", input=secret).strip()))
        self.key = keys[1][1]
        for number, (name, space) in enumerate((("wgn", NODE), ("wgp", PEER))):
            # The socket of an interface is at one path for all: /run is private.
            self.ends.append(subprocess.Popen(
                inside(space, "unshare", "--mount", "--propagation", "private", "sh", "-c",
                       f"mount -t tmpfs none /run && mkdir /run/wireguard && exec wireguard-go --foreground {name}"),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            until(lambda: subprocess.run(self.wg(number, "show", name), capture_output=True).returncode == 0)
            theirs = ("10.99.0.2/32", "0.0.0.0/0")[number]
            where = ("192.0.2.2:51820", "192.0.2.1:51820")[number]
            run(*self.wg(number, "set", name, "private-key", keys[number][0], "listen-port", "51820", "peer",
                         keys[1 - number][1], "endpoint", where, "allowed-ips", theirs))
            run("ip", "-n", space, "addr", "add", f"10.99.0.{number + 1}/24", "dev", name)
            run("ip", "-n", space, "link", "set", name, "up")
        run("ip", "-n", PEER, "route", "add", "10.125.77.0/24", "dev", "wgp")
        run(*inside(PEER, "busybox", "ping", "-c", "1", "-W", "5", "10.99.0.1"))
        # The monitor's `wg`: it sees the interface's socket.
        self.program = folder + "/wg"
        with open(self.program, "w") as out:
            out.write(f'#!/bin/sh\nexec {" ".join(self.wg(0))} "$@"\n')
        os.chmod(self.program, 0o755)

    def wg(self, number, *words):
        space = f"/proc/{self.ends[number].pid}/ns"
        return ["nsenter", f"--mount={space}/mnt", f"--net={space}/net", "/usr/bin/wg", *words]

    def allowed(self):
        return run(*self.wg(0, "show", "wgn", "allowed-ips"))

    def restore(self):
        run(*self.wg(0, "set", "wgn", "peer", self.key, "allowed-ips", "10.99.0.2/32"))

    def close(self):
        for one in self.ends:
            end(one)


class Server(http.server.ThreadingHTTPServer):
    """Notes when a request is received."""

    def __init__(self):
        self.times = []
        times = self.times

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                times.append(time.time())
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def entry(kind, folder, tunnel, port):
    if kind in ("disconnect", "pause"):
        return f"{{name: r, action: {kind}}}"
    if kind == "stop":
        return "{name: r, action: stop, grace: 1s}"
    if kind == "wireguard":
        return f"{{name: r, action: wireguard, program: {tunnel.program}}}"
    if kind == "request":
        step = f"{{method: POST, url: 'http://127.0.0.1:{port}/x', body: '{{{{address}}}}'}}"
        return f"{{name: r, action: request, apply: {step}, undo: {step}}}"
    if kind == "exec":
        return f"{{name: r, action: exec, program: {folder}/note, arguments: [{folder}/noted]}}"
    return None


class Round:
    def __init__(self, program, kind, docker, tunnel, server, folder, model):
        self.kind, self.folder, self.docker, self.tunnel, self.server = kind, folder, docker, tunnel, server
        self.found = None
        self.offender = "10.99.0.2" if kind == "wireguard" else OFFENDER
        for name in ("state", "noted"):
            shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
            if os.path.exists(f"{folder}/{name}"):
                os.remove(f"{folder}/{name}")
        for family in ("inet", "bridge"):
            subprocess.run(inside(NODE, "nft", "delete", "table", family, "lazaret"), capture_output=True)
        docker.remove("offender")
        self.pid = docker.start("offender", OFFENDER)
        one = entry(kind, folder, tunnel, server.server_address[1])
        with open(f"{folder}/lazaret.yaml", "w") as out:
            out.write(f"""
interfaces: [{"wgn" if kind == "wireguard" else "containers"}]
model: {model}
state: {folder}/state
control: {{socket: never}}
events: {folder}/eve.json
workloads: {{docker: {docker.socket}, podman: never, kubernetes: never}}
quarantine:
  responses: [{"limit" if kind == "limit" else "drop"}]
  further_responses: [{one or ""}]
""")
        self.log = open(f"{folder}/log", "w+")
        self.monitor = subprocess.Popen(
            inside(NODE, program, "monitor", "-c", f"{folder}/lazaret.yaml", "--enforce"),
            stderr=self.log, stdout=subprocess.DEVNULL)
        until(self.is_ready)

    def is_ready(self):
        if self.monitor.poll() is not None:
            raise SystemExit(open(f"{self.folder}/log").read())
        text = open(f"{self.folder}/log").read()
        return "watching " in text or "monitoring" in text

    def follow(self):
        """Waits for the effect, in a thread of its own."""
        kind = self.kind
        if kind in ("fence", "limit"):
            card = self.docker.ask("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}",
                                   "offender").strip()
            link = run(*inside(NODE, "ip", "-j", "link", "show")) if kind == "fence" else "[]"
            names = [one["ifname"] for one in json.loads(link) if one["ifname"].startswith("veth")]
            marks = re.compile("add element .*(" + "|".join([re.escape(self.offender), card]
                                                            + [f'"{name}"' for name in names]) + ")")
            watch = subprocess.Popen(inside(NODE, "nft", "monitor", "new", "elements"), stdout=subprocess.PIPE, text=True,
                                     bufsize=1)
            self.watch = watch
            for line in watch.stdout:
                if marks.search(line):
                    self.found = time.time()
                    return
        elif kind in CONTAINERS:
            self.watch = self.docker.events()
            wanted = {"disconnect": ("network", "disconnect"), "pause": ("container", "pause"),
                      "stop": ("container", "die")}[kind]
            for line in self.watch.stdout:
                event = json.loads(line)
                if (event["Type"], event["Action"]) == wanted:
                    self.found = event["timeNano"] / 1e9
                    return
        elif kind == "wireguard":
            while not self.over and "10.99.0.2" in self.tunnel.allowed():
                time.sleep(0.005)
            self.found = None if self.over else time.time()
        elif kind == "request":
            while not self.over and not self.server.times:
                time.sleep(0.005)
            self.found = self.server.times[0] if self.server.times else None
        elif kind == "exec":
            path = f"{self.folder}/noted"
            while not self.over and not (os.path.exists(path) and os.path.getsize(path)):
                time.sleep(0.005)
            self.found = None if self.over else int(open(path).readline()) / 1e9

    def measure(self, patience=45):
        self.over, self.watch = False, None
        self.server.times.clear()
        reader = threading.Thread(target=self.follow, daemon=True)
        reader.start()
        # Windows end with the second: every phase is as likely.
        time.sleep(2 + random.random())
        place = ["nsenter", f"--net=/run/netns/{PEER}"] if self.kind == "wireguard" else ["nsenter", "-n", "-t", self.pid]
        whole = ["whole"] if self.kind == "wireguard" else []
        scan = subprocess.Popen([*place, sys.executable, "-c", SCAN, VICTIM, *whole], stdout=subprocess.PIPE, text=True)
        start = float(scan.stdout.readline())
        reader.join(patience)
        self.over = True
        for process in (scan, self.watch, self.monitor):
            if process:
                end(process)
        if self.tunnel:
            self.tunnel.restore()
        if self.found is None:
            print(open(f"{self.folder}/log").read(), file=sys.stderr)
        return None if self.found is None else 1000 * (self.found - start)


def main():
    words = sys.argv[1:]
    if not words or not os.access(words[0], os.X_OK):
        sys.exit(__doc__)
    program = os.path.abspath(words[0])
    rounds = next((int(word) for word in words[1:] if word.isdigit()), 10)
    kinds = [word for word in words[1:] if word in KINDS] or KINDS
    for space in (NODE, PEER):
        subprocess.run(["ip", "netns", "del", space], capture_output=True)
        run("ip", "netns", "add", space)
        run("ip", "-n", space, "link", "set", "lo", "up")
    docker = tunnel = None
    values = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        try:
            run("ip", "-n", NODE, "link", "add", "outer", "type", "veth", "peer", "name", "outer", "netns", PEER)
            for number, space in enumerate((NODE, PEER), 1):
                run("ip", "-n", space, "addr", "add", f"192.0.2.{number}/24", "dev", "outer")
                run("ip", "-n", space, "link", "set", "outer", "up")
            model = folder + "/model"
            run(program, "train", "-r", "captures/clean-train.pcap", "-o", model)
            with open(folder + "/note", "w") as out:
                out.write('#!/bin/sh\ndate +%s%N >>"$1"\n')
            os.chmod(folder + "/note", 0o755)
            # Requests are received in the node's namespace.
            docker = Docker()
            if "wireguard" in kinds:
                tunnel = Tunnel()
                tunnel.build(folder)
                docker.accept()
                run(*inside(NODE, "iptables", "-I", "DOCKER-USER", "-i", "wgn", "-j", "ACCEPT"))
            server = in_namespace(Server)
            for _ in range(rounds):
                for kind in kinds:
                    value = Round(program, kind, docker, tunnel, server, folder, model).measure()
                    values[kind].append(value)
                    print(kind, "-" if value is None else f"{value:.0f}", file=sys.stderr, flush=True)
        finally:
            if tunnel:
                tunnel.close()
            if docker:
                docker.close()
            for space in (NODE, PEER):
                subprocess.run(["ip", "netns", "del", space], capture_output=True)
    print(f"{'effect':12} {'n':>3} {'none':>5} {'p50 ms':>8} {'max ms':>8}")
    for kind in kinds:
        found = sorted(value for value in values[kind] if value is not None)
        none = len(values[kind]) - len(found)
        middle, last = (f"{statistics.median(found):.0f}", f"{found[-1]:.0f}") if found else ("-", "-")
        print(f"{kind:12} {len(found):3} {none:5} {middle:>8} {last:>8}")


def in_namespace(make):
    """What `make` makes with its sockets in the node's namespace."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open(f"/run/netns/{NODE}") as node:
        made = []

        def work():
            # Only this thread changes its namespace.
            if libc.setns(node.fileno(), 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                made.append(make())
            finally:
                libc.setns(own.fileno(), 0x40000000)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return made[0]


if __name__ == "__main__":
    main()
