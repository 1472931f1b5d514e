#!/usr/bin/env python3
"""answers.py: what an operator's answers change in the ranking of hosts without a model.

    answers.py FOLDER [--seeds 51,61] [--networks shop,mesh,office] [--no-rival]

Writes the captures of synthetic.py that FOLDER lacks: for each network and seed an hour with 18 loud attacks and an hour
with nine quiet ones. Each is ranked by `lazaret replay`. An operator answers the first 10, or the first 30 hosts, by the
labels: an attacker, or benign. The others are then ranked again with `--answers`. The table has the average precision
of attackers among these others: in the order without answers, in that with them, and in that of a logistic regression
of scikit-learn on the logarithms of the same windows' values and the same score, if both kinds of answers are there. Captures
without an attacker among the others are left out. LAZARET names the program.
"""
import argparse, ipaddress, json, math, os, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LAZARET = os.environ.get("LAZARET", os.path.dirname(os.path.dirname(HERE)) + "/.build/release/lazaret")
PARTS = {"loud": ("--attacks", 2), "quiet": ("--quiet", 3)}
COUNTS = (10, 30)


def synthesise(folder, network, seed, part):
    option, offset = PARTS[part]
    path = f"{folder}/{network}-{seed}-{part}"
    if not os.path.exists(path + ".inventory.yaml"):
        subprocess.run([sys.executable, HERE + "/synthetic.py", network, str(seed + offset), "1", path, "--start", "3",
                        "--calm", option], check=True, stdout=subprocess.DEVNULL)
    return path


def rank(path, answers=()):
    """The hosts in their order, with answers about some of them."""
    words = [LAZARET, "replay", "-r", path + ".pcap", "--inventory", path + ".inventory.yaml", "--format", "json"]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for host, bad in answers:
            file.write(json.dumps({"start": host["window_start"], "end": host["window_end"],
                                   "kind": "attack" if bad else "benign", "src": [host["offender"]]}) + "\n")
        file.flush()
        words += ["--answers", file.name] if answers else []
        out = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def attackers(path):
    labels = [json.loads(line) for line in open(path + ".labels.jsonl")]
    prefixes = [ipaddress.ip_network(source) for label in labels for source in label["src"]]
    return lambda host: any(ipaddress.ip_address(host["offender"]) in prefix for prefix in prefixes)


def regression(hosts, answers):
    """The other hosts in the order of a logistic regression."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    others = hosts[len(answers):]
    if len({bad for _, bad in answers}) < 2: return others
    names = sorted({name for host in hosts for name in host["values"]})

    def row(host): return [math.log1p(max(0, host["values"].get(name, 0))) for name in names] + [host["rank_score"]]
    rows = np.array([row(host) for host in hosts])
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-9)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(rows[:len(answers)], [bad for _, bad in answers])
    places = model.decision_function(rows[len(answers):])
    return [others[number] for number in np.argsort(-places, kind="stable")]


def precision(hosts, is_bad):
    """The average precision of attackers; nil: there is none."""
    found, total = 0, 0
    for place, host in enumerate(hosts, 1):
        if is_bad(host):
            found += 1
            total += found / place
    return total / found if found else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="51,61")
    parser.add_argument("--networks", default="shop,mesh,office")
    parser.add_argument("--no-rival", action="store_true")
    given = parser.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    ways = ["no answers", "with answers"] + ([] if given.no_rival else ["logistic regression"])
    titles = [f"{count}: {way}" for count in COUNTS for way in ways]
    print("| captures | " + " | ".join(titles) + " |\n" + "|---" * (len(titles) + 1) + "|", flush=True)
    every = []
    for network in given.networks.split(","):
        for part in PARTS:
            rows = [measure(synthesise(given.folder, network, int(seed), part), given.no_rival)
                    for seed in given.seeds.split(",")]
            every += rows
            line(f"{network}, {part}", rows)
    line("**mean**", every)


def measure(path, no_rival):
    is_bad = attackers(path)
    first = rank(path)
    cells = []
    for count in COUNTS:
        answers = [(host, is_bad(host)) for host in first[:count]]
        known = {host["offender"] for host, _ in answers}
        again = [host for host in rank(path, answers) if host["offender"] not in known]
        orders = [first[count:], again] + ([] if no_rival else [regression(first, answers)])
        cells += [precision(order, is_bad) for order in orders]
    return cells


def line(title, rows):
    def mean(column):
        values = [row[column] for row in rows if row[column] is not None]
        return f"{statistics.mean(values):.3f}" if values else "–"
    print(f"| {title} | " + " | ".join(mean(column) for column in range(len(rows[0]))) + " |", flush=True)


main()
