#!/usr/bin/env python3
"""poison.py: which attacks one odd window in the training hides.

    poison.py FOLDER [--seeds 251,261] [--networks shop,mesh,office]

For each network and seed it uses the calm training hours of ablation.py, and writes two more calm hours to attack in. Into
the training it puts one odd event of at most ten seconds: one client opens 15, 60 or 300 connections to a known service; one
sends a known site 100 times its usual upload; one asks for names three times as long; one meets 60 refusals at its usual
services, as in a restart. Then the same client does the like of the odd event: as much, half and a quarter, within ten
seconds (loud) and over ten minutes (quiet). Printed is which of these raise an alert by models of the training without and
with the odd event, by windows alone and with the evidence over minutes, and how far the odd event moved the clean ranges of
the client's workload, in steps. LAZARET names the program.
"""
import argparse, functools, heapq, importlib.util, itertools, json, os, struct, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = 36
SCALES = (10, 60, 600)
SIZES = (1, 0.5, 0.25)


def load(name):
    spec = importlib.util.spec_from_file_location(name, f"{HERE}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


synthetic, ablation = load("synthetic"), load("ablation")
LAZARET = ablation.LAZARET


class Deeds:
    """What a client does once in the training, and an attacker again later; `amount` of it within `seconds`."""

    def __init__(self, lab):
        self.lab, self.who = lab, lab.quiet_targets()

    def connections(self, amount, seconds):
        a, b, port = self.who["retry"]
        for _ in range(int(amount)):
            self.lab.call(self.lab.now, a, b, port, 150, 110, 0.01, False)
            yield seconds / amount

    def upload(self, amount, seconds):
        """`amount` times the usual one, in pieces on one connection."""
        a, b, up, _ = self.who["early"]
        conn = synthetic.Conn(self.lab, a, b, 443, self.lab.now).open()
        for _ in range(20):
            conn.t = max(conn.t, self.lab.now)
            conn.send(0, int(up * amount / 20))
            yield seconds / 20
        conn.close()

    def names(self, amount, seconds):
        a, server = self.who["names"], self.lab.pick("dns")
        for _ in range(int(amount)):
            text = "".join(self.lab.rng.choices("abcdefghijklmnopqrstuvwxyz234567", k=50))
            name = text + ".cdn.far.example"
            relay = functools.partial(self.pass_on, server, name)
            self.lab.ask(self.lab.now, a, server, name, 1, bytes(4), 0, relay)
            yield seconds / amount

    def pass_on(self, server, name, t):
        return self.lab.ask(t, server, self.lab.upstream, name, 1, bytes(4))

    def refusals(self, amount, seconds):
        a, known = self.who["fan"]
        for number in range(int(amount)):
            b, port = known[number % len(known)]
            self.lab.refuse(synthetic.Conn(self.lab, a, b, port, self.lab.now))
            yield seconds / amount


EVENTS = [("connections", 15), ("connections", 60), ("connections", 300), ("upload", 100), ("names", 20),
          ("refusals", 60)]
ACTORS = {"connections": "retry", "upload": "early", "names": "names", "refusals": "fan"}


def actor(who, kind):
    found = who[ACTORS[kind]]
    return found[0] if isinstance(found, tuple) else found


def quiet_lab(network, seed, hours, start, path):
    """A lab in which nobody does anything yet."""
    lab = {"shop": synthetic.Shop, "mesh": synthetic.Mesh, "office": synthetic.Office}[network](
        f"poison {seed}", hours, start, path)
    lab.build()
    lab.heap.clear()
    # Other ports than those of the connections in the capture that this one is merged with.
    for host in lab.all: host.ports = itertools.cycle(range(52_000 + host.ip.packed[-1] % 50, 60_999))
    return lab


def records(path):
    with open(path, "rb") as file:
        header, data = file.read(24), file.read()
    at = 0
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        yield (seconds, micros), data[at:at + 16 + kept]
        at += 16 + kept


def merge(one, other, path):
    with open(one, "rb") as file: header = file.read(24)
    with open(path, "wb", 1 << 20) as file:
        file.write(header)
        for _, record in heapq.merge(records(one), records(other), key=lambda x: x[0]): file.write(record)


def poisoned(network, seed, kind, amount, train, folder):
    """The training capture with the odd event in it."""
    path = f"{folder}/{network}-{seed}-odd-{kind}-{amount}"
    if not os.path.exists(path + ".pcap"):
        lab = quiet_lab(network, seed, 2, 0, path + ".only")
        lab.spawn(getattr(Deeds(lab), kind)(amount, 5), 3000)
        lab.run()
        merge(train, path + ".only.pcap", path + ".pcap")
        os.remove(path + ".only.pcap")
    return path + ".pcap"


def attacked(network, seed, kind, amount, calm, folder):
    """Two calm hours with the attacks in them, and their labels."""
    path = f"{folder}/{network}-{seed}-later-{kind}-{amount}"
    if not os.path.exists(path + ".labels.jsonl"):
        lab = quiet_lab(network, seed + 1, 2.2, 3, path + ".only")
        attacks, deeds, t = synthetic.Attacks(lab, 1), Deeds(lab), 600
        source = actor(deeds.who, kind)
        for seconds, gap in (10, 900), (600, 1500):
            for size in SIZES:
                what = f"{size:g} of it in {seconds} s"
                process = getattr(deeds, kind)(amount * size, seconds)
                lab.spawn(attacks.planted(f"{'loud' if seconds == 10 else 'quiet'} {size:g}", source, [], what, process), t)
                t += gap
        lab.run()
        merge(calm, path + ".only.pcap", path + ".pcap")
        os.remove(path + ".only.pcap")
        with open(path + ".labels.jsonl", "w") as file:
            for label in sorted(lab.labels, key=lambda x: x["start"]): print(json.dumps(label), file=file)
    return path


def limits(model, workload):
    """The largest clean values of a workload, after the transform, by scale: each is preceded by its name and count."""
    data, found, at = open(model, "rb").read(), [], 0
    key = struct.pack("<I", len(workload)) + workload.encode()
    while (at := data.find(key, at)) >= 0:
        at += len(key)
        if at + 8 + 12 * COLUMNS > len(data): break
        count, = struct.unpack_from("<Q", data, at)
        values = struct.unpack_from(f"<{3 * COLUMNS}f", data, at + 8)
        parts = [values[n * COLUMNS:(n + 1) * COLUMNS] for n in range(3)]
        ordered = all(a <= b <= c for a, b, c in zip(*parts))
        if 0 < count < 1 << 32 and ordered: found.append(parts[2])
    return found[:3]


def features():
    """Names and steps of the columns, from the program's own table."""
    rows = [line.split("|") for line in ablation.run(LAZARET, "model", "features").splitlines() if line.startswith("| `")]
    return [(row[1].strip(" `"), float(row[6])) for row in rows]


def detected(pcap, inventory, model, labels, *without):
    words = [word for part in without for word in ("--without", part)]
    text = ablation.run("nice", "-n", "10", LAZARET, "evaluate", "-r", pcap, "--inventory", inventory, "-m", model, "--truth", labels, *words,
                        "--format", "json")
    answer = json.loads(text)
    order = [f"{loud} {size:g}" for loud in ("loud", "quiet") for size in SIZES]
    got = {a["kind"]: a["detected"] for a in answer["attacks"]}
    return "".join("+" if got[kind] else "-" for kind in order), answer["false_incidents"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="251,261")
    parser.add_argument("--networks", default="shop,mesh,office")
    options = parser.parse_args()
    columns = features()
    print("Of six attacks (loud 1, 1/2, 1/4; quiet 1, 1/2, 1/4) those that raise an alert: +\n")
    print("| network, seed | odd event | by windows: clean | with it | with evidence: clean | with it "
          "| furthest moved limits, in steps | false |\n|---|---|---|---|---|---|---|---|")
    for network, seed in itertools.product(options.networks.split(","), map(int, options.seeds.split(","))):
        work = f"{options.folder}/poison"
        os.makedirs(work, exist_ok=True)
        train = f"{options.folder}/{network}-{seed}-train"
        calm = f"{work}/{network}-{seed}-calm"
        if not os.path.exists(calm + ".inventory.yaml"):
            ablation.run("nice", "-n", "10", sys.executable, HERE + "/synthetic.py", network, str(seed + 7), "2.2", calm, "--start", "3", "--calm")
        models = work + f"/{network}-{seed}.{os.path.basename(LAZARET)}"

        def trained(pcap, name):
            path = f"{models}.{name}.model"
            ablation.run("nice", "-n", "10", LAZARET, "train", "-r", pcap, "--inventory", train + ".inventory.yaml", "-o", path)
            return path
        clean = trained(train + ".pcap", "clean")
        for kind, amount in EVENTS:
            odd = trained(poisoned(network, seed, kind, amount, train + ".pcap", work), f"{kind}-{amount}")
            later = attacked(network, seed, kind, amount, calm + ".pcap", work)
            lab = quiet_lab(network, seed, 1, 0, work + "/unused")
            workload = actor(lab.quiet_targets(), kind).name
            moved = sorted(((b - a) / columns[n][1], f"{columns[n][0]} in {SCALES[scale]} s")
                           for scale, pair in enumerate(zip(limits(clean, workload), limits(odd, workload)))
                           for n, (a, b) in enumerate(zip(*pair)) if b > a)[::-1]
            cells = []
            for parts in ["minutes", "sustained"], []:
                for model in clean, odd:
                    found, wrong = detected(later + ".pcap", calm + ".inventory.yaml", model, later + ".labels.jsonl", *parts)
                    cells.append(found)
            text = ", ".join(f"{name} {steps:.1f}" for steps, name in moved[:3])
            print(f"| {network} {seed} | {amount} {kind} ({workload}) | {' | '.join(f'`{c}`' for c in cells)} | {text} | {wrong} |", flush=True)


if __name__ == "__main__": main()
