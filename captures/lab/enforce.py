#!/usr/bin/env python3
"""Runs every attack of the lab against `lazaret monitor --enforce`, live, and prints how soon each was fenced.

    sudo captures/lab/enforce.py LAZARET MODEL [FOLDER]

For each attack: seconds from its first packet (as captured where it enters the gateway) to the fence (as the kernel
reports it to `nft monitor`) and to the first packet after it; and the fenced hosts that attacked nothing.
Everything happens in the lab's network namespaces. The exit status is 1 if a loud attack was not fenced or another host was.
"""
import datetime, ipaddress, json, os, re, statistics, subprocess, sys, threading, time

os.environ.setdefault("LAB", "lz-enforce")
os.environ.setdefault("LAB_SEED", "11")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from attacks import ADDRESS, ATTACKS, mac

LAZARET, MODEL = (os.path.abspath(p) for p in sys.argv[1:3])
FOLDER = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else "/tmp/lazaret-enforce"
NICS = ["out0", "br-dmz", "br-app", "br-data", "br-jobs"]
# Reported and not fenced: slow attacks can wait for an operator, and one new contact may be a deploy.
WATCHED = {"exfil-slow", "beacon", "lateral-movement"}
# The attackers' network: a tool that continues uses the next address there when one is fenced.
OUTSIDE = "203.0.113.64/26"
TOOLS = "nmap|hydra|hping3|iodined|ptunnel-ng"
# Few enough at a time that the budget of fences is not reached.
PHASES = [
    (120, {"exfil-slow": 15, "port-scan-fast": 25, "syn-flood": 40, "udp-flood": 55, "exfil-bulk": 70, "db-guess": 90}),
    (150, {"beacon": 15, "port-scan-slow": 17, "lateral-movement": 30, "arp-sweep": 60, "syn-flood-spoofed": 80,
           "syn-flood-spoofed-local": 100}),
    (190, {"outside-scan": 15, "http-guess": 45, "ssh-guess": 75, "dns-tunnel": 110, "icmp-tunnel": 155,
           "port-scan-horizontal": 165}),
    (45, {"subnet-scan": 15}),
    (45, {"subnet-flood": 15}),
]


def lab(*words, **more):
    return subprocess.run([HERE + "/lab.sh", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def start(*words, **more):
    # Some tools leave files where they run.
    return subprocess.Popen([HERE + "/lab.sh", *words], stdin=subprocess.DEVNULL, cwd=FOLDER, **more)


def end(process, seconds=20):
    """lab.sh gateway does not replace itself: the program is its child."""
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    for pid in children or [process.pid]:
        subprocess.run(["kill", "-TERM", pid])
    process.wait(seconds)


def offenders(kind):
    attack = ATTACKS[kind]
    addresses = [ADDRESS.get(w, w) for w in attack["who"]]
    return addresses, [mac(a) for a, w in zip(addresses, attack["who"]) if w in ADDRESS]


def play(number, seconds, attacks):
    folder = f"{FOLDER}/{number}"
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if os.path.isfile(f"{folder}/{name}"):
            os.remove(f"{folder}/{name}")
    state = f"{folder}/state"
    subprocess.run(["rm", "-rf", state])
    fences = []

    def listen(stream):
        for line in stream:
            if line.startswith("add element"):
                fences.append((time.time(), line))

    # Packets that the firewall drops on a bridge never reach the bridge's interface: capture where they enter.
    incoming = start("gateway", "tcpdump", "-i", "any", "-Q", "in", "-n", "-s", "128", "-B", "16384", "-Z", "root", "-w", f"{folder}/any.pcap",
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    nft = start("gateway", "nft", "monitor", stdout=subprocess.PIPE, text=True)
    threading.Thread(target=listen, args=(nft.stdout,), daemon=True).start()
    monitor = start("gateway", LAZARET, "monitor", *[w for n in NICS for w in ("-i", n)], "-m", MODEL, "--enforce", "--state", state,
                    "-o", f"{folder}/eve.json", stderr=open(f"{folder}/monitor.log", "w"))
    users = start("clean", str(seconds), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t0, begun, running = time.time(), {}, []
    for kind, at in sorted(attacks.items(), key=lambda pair: pair[1]):
        time.sleep(max(0, t0 + at - time.time()))
        begun[kind] = time.time()
        running.append(start("attack", kind, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    time.sleep(max(0, t0 + seconds - time.time()))
    listing = subprocess.run([HERE + "/lab.sh", "gateway", LAZARET, "quarantine", "list", "--state", state, "--format", "json"],
                             capture_output=True, text=True, check=True).stdout
    held = [json.loads(line) for line in listing.splitlines()]
    end(monitor)
    end(nft)
    end(incoming)
    users.wait(60)
    for family in ("inet", "bridge"):
        lab("gateway", "nft", "delete", "table", family, "lazaret")
    # Tools that wait for answers would continue in the next phase.
    for kind in attacks:
        for who in ATTACKS[kind]["who"]:
            if who in ADDRESS:
                lab("event", "restart", who)
    pids = subprocess.run(["ip", "netns", "pids", os.environ["LAB"] + "-evil"], capture_output=True, text=True).stdout.split()
    for pid in pids:
        with open(f"/proc/{pid}/comm") as name:
            if re.fullmatch(TOOLS, name.read().strip()):
                os.kill(int(pid), 15)
    for process in running:
        process.terminate()
    with open(f"{folder}/eve.json") as lines:
        alerts = [e for e in map(json.loads, lines) if e["event_type"] == "alert"]
    return begun, fences, held, alerts, f"{folder}/any.pcap"


def targets(line):
    return re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|\d+\.\d+\.\d+\.\d+(?:/\d+)?", line)


def within(target, prefix):
    return ":" not in target and ipaddress.ip_network(target).subnet_of(ipaddress.ip_network(prefix))


def covers(target, addresses, macs):
    if ":" in target:
        return target in macs
    return any(ipaddress.ip_address(a) in ipaddress.ip_network(target) for a in addresses)


def stamp(event):
    return datetime.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def packets(capture, expression, since):
    out = subprocess.run(["tcpdump", "-tt", "-n", "-r", capture, expression], capture_output=True, text=True, check=True).stdout
    return [t for t in map(float, re.findall(r"^(\d+\.\d+) ", out, re.M)) if t >= since - 0.5]


def main():
    rows, wrong = [], []
    os.makedirs(FOLDER, exist_ok=True)
    lab("up")
    try:
        lab("clean", "12")
        for number, (seconds, attacks) in enumerate(PHASES):
            begun, fences, held, alerts, capture = play(number, seconds, attacks)
            guilty_a = [a for k in attacks for a in offenders(k)[0]]
            guilty_m = [m for k in attacks for m in offenders(k)[1]]
            for _, line in fences:
                for target in targets(line):
                    prefixes = [OUTSIDE] + [ATTACKS[k]["prefix"] for k in attacks if "prefix" in ATTACKS[k]]
                    if not any(within(target, prefix) for prefix in prefixes) and not covers(target, guilty_a, guilty_m) and target not in wrong:
                        wrong.append(target)
            for kind in attacks:
                addresses, macs = offenders(kind)
                # Cooked captures have no MAC address to filter by.
                expression = ATTACKS[kind]["filter"].replace("ether src {M} and ", "").replace("ether src {M}", "host {A}")
                seen = packets(capture, expression.replace("{A}", addresses[0]), begun[kind])
                told = [stamp(e) for e in alerts if covers(e["src_ip"], addresses, []) and stamp(e) >= begun[kind] - 1]
                when = [t for t, line in fences if any(covers(x, addresses, macs) for x in targets(line)) and t >= begun[kind]]
                after = [t for t in seen if when and t > when[0]]
                rows.append({
                    "attack": kind, "first": seen[0] if seen else None, "alert": told[0] - seen[0] if told and seen else None, "fence": when[0] - seen[0] if when and seen else None,
                    "held": after[0] - seen[0] if after else None, "before": len(seen) - len(after), "after": len(after)})
                print(json.dumps(rows[-1]), flush=True)
            print(json.dumps([{k: h.get(k) for k in ("target", "packets_held", "workload")} for h in held]), flush=True)
    finally:
        lab("down")
    number = lambda value: "-" if value is None else f"{value:.2f}"
    print("\n| attack | s to the alert | s to the fence | s to the first packet held back | packets before it | packets after it |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['attack']} | {number(row['alert'])} | {number(row['fence'])} | {number(row['held'])} | {row['before']} | {row['after']} |")
    times = sorted(row["held"] for row in rows if row["held"] is not None)
    print(f"\n{len([r for r in rows if r['fence'] is not None])} of {len(rows)} fenced, {len(times)} held back while they went on; to the "
          f"first packet held back: p50 {statistics.median(times):.2f} s, p99 {times[min(len(times) - 1, int(len(times) * 0.99))]:.2f} s")
    print("fenced and not guilty:", ", ".join(wrong) or "none")
    sys.exit(1 if wrong or any(row["fence"] is None and row["attack"] not in WATCHED for row in rows) else 0)


main()
