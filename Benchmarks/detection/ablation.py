#!/usr/bin/env python3
"""ablation.py: what each part of the detector contributes, at three budgets of false alarms.

    ablation.py FOLDER [--seeds 31,41,51] [--networks shop,mesh] [--clean-hours 4]

Writes the captures of synthetic.py that FOLDER lacks: for each network and seed two calm hours to train on, clean hours
with harmless anomalies, an hour with 18 loud attacks, and an hour with nine quiet ones. Trains a model for each budget,
evaluates all, and prints a table; so do the sample captures, which have no quiet attacks. LAZARET names the program.
"""
import argparse, importlib.util, json, os, resource, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LAZARET = os.environ.get("LAZARET", ROOT + "/.build/release/lazaret")
BUDGETS = ("10/day", "1/day", "1/week")
VARIANTS = {"full": [], "without the forests": ["forest"], "without patterns": ["patterns"],
            "without evidence over minutes": ["minutes"],
            "largest values of single features": ["minutes", "forest", "patterns"]}


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def synthesise(folder, network, seed, clean_hours):
    """The path of each part, without its suffix."""
    plan = {"train": (seed, 2, "--calm"), "clean": (seed + 1, clean_hours, "--start", "2"),
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


def row(name, budget, networks, models, omitted):
    begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    found = {part: [evaluate(models[network, budget], parts[part], omitted) for network, parts in networks.items() if part in parts]
             for part in ("loud", "quiet", "clean")}
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begin
    hours = sum(part["hours"] for part in found["clean"])
    false = sum(part["false_incidents"] for part in found["clean"])
    beside = sum(part["false_incidents"] for part in found["loud"] + found["quiet"])
    print(f"| {name} | {budget} | {cell(found['loud'])} | {cell(found['quiet'])} | {false} in {hours:.1f} h | "
          f"{false / hours * 24:.1f} | {beside} | {seconds:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="31,41,51")
    parser.add_argument("--networks", default="shop,mesh")
    parser.add_argument("--clean-hours", type=int, default=4)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    groups = {"sample captures": {"lab": lab()}}
    for network in options.networks.split(","):
        groups[network] = {f"{network} {seed}": synthesise(options.folder, network, seed, options.clean_hours) for seed in seeds}
    with tempfile.TemporaryDirectory() as scratch:
        for title, networks in groups.items():
            models = {}
            for number, (network, parts) in enumerate(networks.items()):
                for budget in BUDGETS:
                    path = models[network, budget] = f"{scratch}/{number}-{budget.replace('/', '-')}"
                    capture, inventory, _ = parts["train"]
                    run(LAZARET, "train", "-r", capture, "--inventory", inventory, "-o", path, "--false-alarms", budget)
            print(f"\n{title}\n\n| variant | budget | loud attacks | quiet attacks | false incidents, clean hours | a day | "
                  "false beside attacks | CPU s |\n|---|---|---|---|---|---|---|---|")
            for budget in BUDGETS: row("full", budget, networks, models, [])
            for name, omitted in VARIANTS.items():
                if omitted: row(name, "1/day", networks, models, omitted)
            if importlib.util.find_spec("nfstream") and importlib.util.find_spec("sklearn"):
                for parts in networks.values():
                    for part in ("loud", "quiet"):
                        if part not in parts: continue
                        print(f"\nNFStream + scikit-learn, {part}:\n", flush=True)
                        subprocess.run([sys.executable, HERE + "/rival.py", parts["train"][0], parts[part][0],
                                        parts[part][2], parts["clean"][0], parts["train"][1]], check=True)


if __name__ == "__main__": main()
