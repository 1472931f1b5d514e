#!/usr/bin/env python3
"""Runs scans, floods, guessing and tunnels with real tools against a small network in namespaces.

gauntlet.py run DIR [--lazaret BIN] [--enforce] [--clean SECONDS] [--only WORD]...
    Records clean minutes, trains a model on them, then runs every technique by an attacker of its
    own while `lazaret monitor` watches. Prints a table. DIR keeps captures, events and times.
gauntlet.py replay DIR [--lazaret BIN]
    Judges the captures in DIR again, with a new model of the same clean minutes.

Needs root, iproute2, and the tools; a technique whose tool is missing is left out, and the table says so.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from techniques import TECHNIQUES

HERE = Path(__file__).resolve().parent
NET, NET6, OUTER = "10.88.0.", "fd88::", "10.99.0."
CLEAN = {"web": 10, "db": 11, "zombie": 12, "c1": 21, "c2": 22, "names": 53}
FIRST_ATTACKER = 100


def sh(*words, check=True):
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and result.returncode:
        sys.exit(f"{' '.join(words)}: {result.stdout}")
    return result.stdout


class Network:
    """A gateway with one bridge, its clean hosts and an outside network; removed at the end."""

    def __init__(self):
        self.prefix = f"gauntlet-{os.getpid()}-"
        self.spaces, self.processes = [], []
        self.space("node")
        self.inside("node", "ip link add br0 type bridge")
        self.inside("node", f"ip addr add {NET}1/24 dev br0")
        self.inside("node", f"ip addr add {NET6}1/64 dev br0 nodad")
        self.inside("node", "ip link set br0 up")
        self.inside("node", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        self.space("outside")
        self.wire("outside", "up0", OUTER, 2)
        self.inside("node", f"ip addr add {OUTER}1/24 dev up0")
        self.inside("node", "ip link set up0 up")
        self.inside("outside", f"ip route add default via {OUTER}1")
        for name, number in CLEAN.items():
            self.plug(name, number)

    def space(self, name):
        sh("ip", "netns", "add", self.prefix + name)
        self.spaces.append(name)
        self.inside(name, "ip link set lo up")

    def inside(self, name, command, check=True):
        return sh("ip", "netns", "exec", self.prefix + name, *command.split(), check=check)

    def start(self, name, command, output=subprocess.DEVNULL, folder=None):
        words = ["ip", "netns", "exec", self.prefix + name] + command.split()
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
                                   start_new_session=True)
        self.processes.append(process)
        return process

    def stop(self, process, how=signal.SIGTERM):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.remove(process)

    def wire(self, name, port, net, number):
        space = self.prefix + name
        self.inside("node", f"ip link add {port} type veth peer name eth0 netns {space}")
        self.inside(name, f"ip addr add {net}{number}/24 dev eth0")
        self.inside(name, "ip link set eth0 up")

    def plug(self, name, number):
        """Adds a host to the bridge at port pNUMBER."""
        self.space(name)
        self.wire(name, f"p{number}", NET, number)
        self.inside(name, f"ip addr add {NET6}{number}/64 dev eth0 nodad")
        self.inside(name, f"ip route add default via {NET}1")
        self.inside(name, f"ip -6 route add default via {NET6}1")
        # Hosts that answer pings of their whole network, as some do.
        self.inside(name, "sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0")
        self.inside("node", f"ip link set p{number} master br0 up")

    def unplug(self, name):
        self.spaces.remove(name)
        sh("ip", "netns", "del", self.prefix + name)

    def live(self):
        """Starts the clean hosts' programs."""
        actors = f"{sys.executable} {HERE}/actors.py"
        self.start("web", f"{actors} server 80 443 8080")
        self.start("db", f"{actors} server 5432")
        self.start("db", f"{actors} ftp")
        self.start("names", f"{actors} names")
        if shutil.which("iodined"):
            self.start("outside", "iodined -f -c -P secret 10.100.0.1 t.example")
        time.sleep(1)
        for name in ("c1", "c2"):
            self.start(name, f"{actors} client")

    def close(self):
        for process in list(self.processes):
            self.stop(process)
        for name in list(self.spaces):
            sh("ip", "netns", "del", self.prefix + name, check=False)


def inventory(folder):
    lines = ["networks:", f"  - {{name: shop, prefix: {NET}0/24, gateway: {NET}1}}",
             f"  - {{name: shop6, prefix: '{NET6}/64', gateway: '{NET6}1'}}", "workloads:"]
    lines += [f"  - {{name: {name}, addresses: [{NET}{number}, '{NET6}{number}']}}" for name, number in CLEAN.items()]
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n")


def monitor(network, options, folder, what, more):
    """Starts a monitor; returns when it captures."""
    log = open(folder / f"{what}.log", "w")
    process = network.start(
        "node", f"{options.lazaret} monitor -i br0 -i up0 --inventory {folder}/inventory.yaml --socket never "
        f"--state {folder}/state-{what} -o {folder}/{what}.json -w {folder}/{what}.pcapng {more}", log)
    for _ in range(100):
        if "monitoring" in (folder / f"{what}.log").read_text() or "learning" in (folder / f"{what}.log").read_text():
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the monitor does not start: {(folder / f'{what}.log').read_text()}")


def train(options, folder):
    print(sh(options.lazaret, "train", "-r", str(folder / "clean.pcapng"), "--inventory",
             str(folder / "inventory.yaml"), "-o", str(folder / "node.model")).splitlines()[0])


def attack(network, number, technique, folder):
    """Runs one technique; returns what was run, and when."""
    name, tool, command, seconds, _ = technique
    entry = {"name": name, "number": number, "outside": name.startswith("outside")}
    if not shutil.which(tool):
        return entry | {"missing": tool}
    host = "outside" if entry["outside"] else f"a{number}"
    if host != "outside":
        network.plug(host, number)
        entry["card"] = network.inside(host, "cat /sys/class/net/eth0/address").strip()
        time.sleep(1)
    words = folder / "words"
    words.write_text("\n".join(f"secret{n}" for n in range(200)) + "\n")
    command = command.format(
        web=NET + "10", web6=NET6 + "10", db=NET + "11", zombie=NET + "12", names=NET + "53", gate=NET + "1",
        net=NET + "0/24", outside=OUTER + "2", actors=HERE / "actors.py", words=words)
    entry |= {"command": command, "start": time.time()}
    process = network.start(host, command, open(folder / f"attack-{number}.log", "w"), folder)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    network.stop(process, signal.SIGINT)
    entry["end"] = time.time()
    time.sleep(2)
    if host != "outside":
        network.unplug(host)
    print(f"  {name}: {entry['end'] - entry['start']:.0f} s", flush=True)
    return entry


def run(options, folder):
    folder.mkdir(parents=True, exist_ok=True)
    inventory(folder)
    network = Network()
    try:
        network.live()
        recorder = monitor(network, options, folder, "clean", "--learn 24h")
        print(f"clean traffic for {options.clean} s", flush=True)
        time.sleep(options.clean)
        network.stop(recorder)
        train(options, folder)
        enforce = "--enforce" if options.enforce else ""
        watch = monitor(network, options, folder, "attacks", f"-m {folder}/node.model {enforce}")
        begun = time.time()
        # Clean traffic alone, past the warm-up.
        time.sleep(70)
        chosen = [(FIRST_ATTACKER + n, t) for n, t in enumerate(TECHNIQUES)
                  if not options.only or any(word in t[0] for word in options.only)]
        inner = sorted((c for c in chosen if not c[1][0].startswith("outside")), key=lambda c: -c[1][3])
        with ThreadPoolExecutor(options.at_once) as pool:
            entries = list(pool.map(lambda c: attack(network, *c, folder), inner))
        for number, technique in chosen:
            if technique[0].startswith("outside"):
                time.sleep(15)
                entries.append(attack(network, number, technique, folder))
        time.sleep(5)
        network.stop(watch)
    finally:
        network.close()
    (folder / "times.json").write_text(json.dumps({"begun": begun, "entries": entries}, indent=1))
    table(folder, folder / "attacks.json")


def replay(options, folder):
    train(options, folder)
    events = folder / "replayed.json"
    events.write_text(sh(
        options.lazaret, "replay", "-r", str(folder / "attacks.pcapng"), "-m", str(folder / "node.model"),
        "--inventory", str(folder / "inventory.yaml"), "--format", "eve"))
    table(folder, events)


def title(event):
    return event["alert"]["signature"].removeprefix("Lazaret ")


def own(entry):
    """The addresses of a technique's attacker; none of one outside who forges them."""
    number = entry["number"]
    if entry["outside"]:
        return set() if "random" in entry["name"] else {OUTER + "2"}
    return {f"{NET}{number}", f"{NET6}{number}", f"{NET6}{number:x}"}


def is_during(entry, at):
    return entry["start"] - 1 <= at <= entry["end"] + 20


def alerts_of(events):
    """Of each alert: when, the offender, the target, the title and the event."""
    found = []
    for event in events:
        if event["event_type"] == "alert":
            at, what = datetime.fromisoformat(event["timestamp"]).timestamp(), event.get("lazaret", {})
            found.append((at, what.get("offender"), what.get("target"), title(event), event))
    return found


def is_on(entry, alert):
    """Whether an alert is on a technique: in its time, and on its attacker's address or port."""
    at, offender, _, _, event = alert
    if not is_during(entry, at):
        return False
    if entry["outside"]:
        return not (offender or "").startswith((NET, NET6)) or offender == f"{NET}1"
    return offender in own(entry) or event["lazaret"].get("port") == f"p{entry['number']}"


def table(folder, events):
    """Prints which attacker was alerted, when, as what, whether it was fenced, and who else was accused."""
    times = json.loads((folder / "times.json").read_text())
    names = {t[0]: t[4] for t in TECHNIQUES}
    lines = [json.loads(line) for line in events.read_text().splitlines() if line.startswith("{")]
    alerts, fences = alerts_of(lines), []
    for event in lines:
        what = event.get("lazaret", {})
        if event["event_type"] == "quarantine" and what.get("action") == "fence":
            fences.append((datetime.fromisoformat(event["timestamp"]).timestamp(), what["target"]))
    used, used_fences = set(), set()
    rows, alerted, right, fenced_count, tried = [], 0, 0, 0, 0
    for entry in sorted(times["entries"], key=lambda e: e["number"]):
        if "missing" in entry:
            rows.append((entry["name"], f"not run: no {entry['missing']}", "", "", ""))
            continue
        tried += 1
        number, name = entry["number"], entry["name"]
        mine = []
        for index, alert in enumerate(alerts):
            if is_on(entry, alert):
                mine.append((alert[0], alert[3]))
                used.add(index)
        places = own(entry) | {f"port:p{number}", entry.get("card")}
        stops = [(at, where) for at, where in fences if is_during(entry, at) and where.removesuffix("/32") in places]
        used_fences |= set(stops)
        strong = [m for m in mine if m[1] != "contact never seen before"]
        titles = [what for _, what in sorted(strong or mine)]
        named = list(dict.fromkeys(titles))
        good = bool(set(named) & names.get(name, set()))
        alerted += bool(mine)
        right += good
        fenced_count += bool(stops)
        rows.append((
            name, f"{min(mine)[0] - entry['start']:.1f} s" if mine else "NO",
            ", ".join(named) + ("" if good or not mine else "  (WRONG NAME)"),
            f"{min(stops)[0] - entry['start']:.1f} s" if stops else "", ""))
    width = [max(len(row[n]) for row in rows + [("technique", "alerted", "named", "fenced", "")]) for n in range(4)]
    for row in [("technique", "alerted", "named", "fenced", "")] + rows:
        print("| " + " | ".join(row[n].ljust(width[n]) for n in range(4)) + " |")
    print(f"\n{alerted} of {tried} alerted, {right} by a right name, {fenced_count} fenced")
    others = [(a[1], a[2], a[3], round(a[0] - times["begun"], 1)) for n, a in enumerate(alerts) if n not in used]
    print(f"alerts on others: {len(others)}")
    for offender, target, what, at in others[:40]:
        print(f"  {at} s: {offender} (target {target}): {what}")
    wrong = sorted({where for at, where in fences} - {where for _, where in used_fences})
    print(f"others fenced: {', '.join(wrong) or 'none'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "replay"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lazaret", default=shutil.which("lazaret") or ".build/release/lazaret")
    parser.add_argument("--enforce", action="store_true")
    parser.add_argument("--clean", type=int, default=300, help="seconds of clean traffic to train on")
    parser.add_argument("--only", action="append", default=[], help="techniques whose name has this word")
    parser.add_argument("--at-once", type=int, default=3, help="attackers at a time")
    options = parser.parse_args()
    options.lazaret = os.path.abspath(options.lazaret)
    options.folder = options.folder.resolve()
    (run if options.what == "run" else replay)(options, options.folder)


if __name__ == "__main__":
    main()
