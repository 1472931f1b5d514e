#!/usr/bin/env python3
"""ablation.py: whether budgets of false alarms hold, and what each part of the detector contributes.

    ablation.py FOLDER [--seeds 31,41,51] [--networks shop,mesh,office] [--budgets 10/day,1/day,1/week] [--budgets-only]

Writes the captures of synthetic.py that FOLDER lacks: for each network and seed two calm hours to train on, 4 and 8 clean
hours with harmless anomalies, an hour with 18 loud attacks, and an hour with nine quiet ones. Trains a model for each
budget, evaluates all, and prints a table for each network and one for all together; so do the sample captures, which have
no quiet attacks. The interval contains the true rate of false incidents in 95 % of such measurements (Poisson, exact).
LAZARET names the program.
"""
import argparse, importlib.util, json, math, os, resource, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
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
    return found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin


HEAD = ("| variant | budget | loud attacks | quiet attacks | false incidents, clean hours | a day (95 % interval) | "
        "false beside attacks | CPU s |\n|---|---|---|---|---|---|---|---|")


def row(name, budget, found, seconds):
    clean = found["clean"] + found["later"]
    hours = sum(part["hours"] for part in clean)
    false = sum(part["false_incidents"] for part in clean)
    beside = sum(part["false_incidents"] for part in found["loud"] + found["quiet"])
    low, high = (n / hours * 24 for n in interval(false))
    holds = "holds" if false / hours * 24 <= per_day(budget) else "within chance" if low <= per_day(budget) else "EXCEEDED"
    print(f"| {name} | {budget} | {cell(found['loud'])} | {cell(found['quiet'])} | {false} in {hours:.1f} h | "
          f"{false / hours * 24:.2f} ({low:.2f} to {high:.2f}): {holds} | {beside} | {seconds:.1f} |", flush=True)
    for part in clean:
        for incident in part["false_incident_list"]: print(f"  false at {budget}: {incident}", file=sys.stderr, flush=True)


def rival(networks):
    if not (importlib.util.find_spec("nfstream") and importlib.util.find_spec("sklearn")): return
    for parts in networks.values():
        for part in ("loud", "quiet"):
            if part not in parts: continue
            print(f"\nNFStream + scikit-learn, {part}:\n", flush=True)
            subprocess.run([sys.executable, HERE + "/rival.py", parts["train"][0], parts[part][0],
                            parts[part][2], parts["clean"][0], parts["train"][1]], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="31,41,51")
    parser.add_argument("--networks", default="shop,mesh,office")
    parser.add_argument("--budgets", default="10/day,1/day,1/week")
    parser.add_argument("--budgets-only", action="store_true", help="no variants, and no rival")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    seeds, budgets = [int(seed) for seed in options.seeds.split(",")], options.budgets.split(",")
    groups = {"sample captures": {"lab": lab()}}
    for network in options.networks.split(","):
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
