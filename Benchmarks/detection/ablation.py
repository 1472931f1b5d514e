#!/usr/bin/env python3
"""ablation.py: whether budgets of false alarms hold, and what each part of the detector contributes.

    ablation.py FOLDER [--seeds 31,41,51] [--networks shop,mesh,office] [--budgets 10/day,1/day,1/week] [--budgets-only]
                       [--gauntlet DIR]

Writes the captures of synthetic.py that FOLDER lacks: for each network and seed two calm hours to train on, 4 and 8 clean
hours with harmless anomalies, an hour with 18 loud attacks, and an hour with nine quiet ones. Trains a model for each
budget, evaluates all, and prints a table for each network and one for all together; so do the sample captures, which have
no quiet attacks. The interval contains the true rate of false incidents in 95 % of such measurements (Poisson, exact).
--gauntlet adds the techniques of a recording that Benchmarks/gauntlet/gauntlet.py made in DIR, counted as its table
counts those alerted. Its few clean minutes are all trained on, so they show no false incidents.
With --networks '' only the sample captures and the gauntlet are measured. LAZARET names the program.
"""
import argparse, importlib.util, json, math, os, resource, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.append(ROOT + "/Benchmarks/gauntlet")
from gauntlet import CLEAN, NET, NET6, alerts_of, is_during, is_on, own  # noqa: E402

LAZARET = os.environ.get("LAZARET", ROOT + "/.build/release/lazaret")
DAYS = {"hour": 1 / 24, "day": 1, "week": 7}
VARIANTS = {"full": [], "without the forests": ["forest"], "without patterns": ["patterns"],
            "without evidence over minutes": ["minutes"], "without conversations of ten minutes": ["sustained"],
            "largest values of single features": ["minutes", "sustained", "forest", "patterns"]}


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def per_day(budget):
    count, unit = budget.split("/")
    return float(count) / DAYS[unit]


def interval(count):
    """The exact 95 % interval of a Poisson rate, for a count."""
    def below(most, rate): return sum(math.exp(-rate + n * math.log(rate) - math.lgamma(n + 1)) for n in range(most + 1))

    def solve(most, chance):
        low, high = 1e-9, 10 * count + 20
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if below(most, middle) > chance else (low, middle)
        return low
    return (solve(count - 1, 0.975) if count else 0), solve(count, 0.025)


def synthesise(folder, network, seed):
    """The path of each part, without its suffix."""
    plan = {"train": (seed, 2, "--calm"), "clean": (seed + 1, 4, "--start", "2"),
            "later": (seed + 5, 8, "--start", "6"),
            "loud": (seed + 2, 1, "--start", "3", "--calm", "--attacks"),
            "quiet": (seed + 3, 1, "--start", "3", "--calm", "--quiet")}
    paths = {}
    for part, (number, hours, *options) in plan.items():
        paths[part] = f"{folder}/{network}-{seed}-{part}"
        if not os.path.exists(paths[part] + ".inventory.yaml"):
            run(sys.executable, HERE + "/synthetic.py", network, str(number), str(hours), paths[part], *options)
    return {part: (path + ".pcap", path + ".inventory.yaml", path + ".labels.jsonl") for part, path in paths.items()}


def lab():
    captures = ROOT + "/captures/"
    inventory = captures + "inventory.yaml"
    return {"train": (captures + "clean-train.pcap", inventory, None),
            "clean": (captures + "clean-test.pcap", inventory, None),
            "loud": (captures + "mixed.pcap", inventory, captures + "mixed.labels.jsonl")}


def gauntlet(recording, folder):
    """A recording of gauntlet.py. A label has a technique's time and the attacker's addresses."""
    inventory, labels = recording + "/inventory.yaml", folder + "/gauntlet.labels.jsonl"
    targets = [net + str(number) for net in (NET, NET6) for number in CLEAN.values()]
    with open(recording + "/times.json") as times, open(labels, "w") as file:
        for entry in json.load(times)["entries"]:
            if "missing" in entry: continue
            print(json.dumps({**entry, "kind": entry["name"], "src": sorted(own(entry)), "dst": targets}), file=file)
    return {"train": (recording + "/clean.pcapng", inventory, None),
            "loud": (recording + "/attacks.pcapng", inventory, labels)}


def count_as_table(attacks, model, part):
    """Makes the count that of the gauntlet's table: with less time after a technique, and with alerts on a target.

    Alerts on a target name no offender, as senders forge their addresses. `evaluate` does not compare them with labels;
    `replay` shows them. They are the same in all variants, as no part that a variant leaves out judges targets.
    """
    capture, inventory, labels = part
    events = run(LAZARET, "replay", "-r", capture, "--inventory", inventory, "-m", model, "--format", "eve")
    nameless = [alert for alert in alerts_of(map(json.loads, events.splitlines())) if alert[1] == "unknown"]
    with open(labels) as file: entries = {entry["name"]: entry for entry in map(json.loads, file)}
    for attack in attacks:
        entry = entries[attack["kind"]]
        seconds = [alert[0] - entry["start"] for alert in nameless if is_on(entry, alert)]
        if attack["detected"] and is_during(entry, entry["start"] + attack["seconds_to_detection"]):
            seconds.append(attack["seconds_to_detection"])
        attack.update(detected=bool(seconds), seconds_to_detection=min(seconds, default=None))


def evaluate(model, part, omitted):
    capture, inventory, labels = part
    words = [LAZARET, "evaluate", "-r", capture, "--inventory", inventory, "-m", model, "--format", "json"]
    words += ["--truth", labels] if labels and os.path.exists(labels) else []
    for name in omitted: words += ["--without", name]
    return json.loads(run(*words))


def cell(parts):
    """Found, of how many, and the median seconds to it."""
    attacks = [attack for part in parts for attack in part["attacks"]]
    if not attacks: return "–"
    seconds = [attack["seconds_to_detection"] for attack in attacks if attack["detected"]]
    return f"{len(seconds)} of {len(attacks)}" + (f", {statistics.median(seconds):.1f} s" if seconds else "")


def measure(networks, models, budget, omitted):
    """The evaluations by part, and the CPU seconds."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    found = {part: [evaluate(models[network, budget], parts[part], omitted) for network, parts in networks.items() if part in parts]
             for part in ("loud", "quiet", "clean", "later")}
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin
    if "gauntlet" in networks:
        count_as_table(found["loud"][0]["attacks"], models["gauntlet", budget], networks["gauntlet"]["loud"])
    return found, seconds


HEAD = ("| variant | budget | loud attacks | quiet attacks | false incidents, clean hours | a day (95 % interval) | "
        "false beside attacks | CPU s |\n|---|---|---|---|---|---|---|---|")


def row(name, budget, found, seconds):
    clean = found["clean"] + found["later"]
    hours = sum(part["hours"] for part in clean)
    false = sum(part["false_incidents"] for part in clean)
    beside = sum(part["false_incidents"] for part in found["loud"] + found["quiet"])
    rate = "– (all are trained on) | –"
    if clean:
        low, high = (n / hours * 24 for n in interval(false))
        daily = false / hours * 24
        holds = "holds" if daily <= per_day(budget) else "within chance" if low <= per_day(budget) else "EXCEEDED"
        rate = f"{false} in {hours:.1f} h | {daily:.2f} ({low:.2f} to {high:.2f}): {holds}"
    print(f"| {name} | {budget} | {cell(found['loud'])} | {cell(found['quiet'])} | {rate} | {beside} | {seconds:.1f} |",
          flush=True)
    for part in clean:
        for incident in part["false_incident_list"]: print(f"  false at {budget}: {incident}", file=sys.stderr, flush=True)


def rival(networks):
    if not (importlib.util.find_spec("nfstream") and importlib.util.find_spec("sklearn")): return
    for parts in networks.values():
        for part in ("loud", "quiet"):
            if part not in parts: continue
            print(f"\nNFStream + scikit-learn, {part}:\n", flush=True)
            words = [ROOT + "/Benchmarks/gauntlet/nfstream_forest.py", os.path.dirname(parts["train"][0])]
            if "clean" in parts:
                words = [HERE + "/rival.py", parts["train"][0], parts[part][0], parts[part][2], parts["clean"][0],
                         parts["train"][1]]
            subprocess.run([sys.executable, *words], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="31,41,51")
    parser.add_argument("--networks", default="shop,mesh,office")
    parser.add_argument("--budgets", default="10/day,1/day,1/week")
    parser.add_argument("--budgets-only", action="store_true", help="no variants, and no rival")
    parser.add_argument("--gauntlet", metavar="DIR", help="a recording of Benchmarks/gauntlet/gauntlet.py")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    seeds, budgets = [int(seed) for seed in options.seeds.split(",")], options.budgets.split(",")
    groups = {"sample captures": {"lab": lab()}}
    if options.gauntlet: groups["gauntlet"] = {"gauntlet": gauntlet(options.gauntlet, options.folder)}
    for network in filter(None, options.networks.split(",")):
        groups[network] = {f"{network} {seed}": synthesise(options.folder, network, seed) for seed in seeds}
    total = {budget: ({part: [] for part in ("loud", "quiet", "clean", "later")}, 0) for budget in budgets}
    with tempfile.TemporaryDirectory() as scratch:
        for title, networks in groups.items():
            models = {}
            for number, (network, parts) in enumerate(networks.items()):
                for budget in budgets:
                    path = models[network, budget] = f"{scratch}/{number}-{budget.replace('/', '-')}"
                    capture, inventory, _ = parts["train"]
                    run(LAZARET, "train", "-r", capture, "--inventory", inventory, "-o", path, "--false-alarms", budget)
            print(f"\n{title}\n\n{HEAD}")
            for budget in budgets:
                found, seconds = measure(networks, models, budget, [])
                row("full", budget, found, seconds)
                all_found, all_seconds = total[budget]
                total[budget] = {part: all_found[part] + found[part] for part in found}, all_seconds + seconds
            if options.budgets_only: continue
            for name, omitted in VARIANTS.items():
                if omitted: row(name, budgets[1], *measure(networks, models, budgets[1], omitted))
            rival(networks)
    print(f"\nall networks\n\n{HEAD}")
    for budget in budgets: row("full", budget, *total[budget])


if __name__ == "__main__": main()
