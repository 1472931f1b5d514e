"""Ranking quality on the public sets, compared with scikit-learn and isotree.

novelty       train on half of the normal rows, test on the other half and all anomalies
unsupervised  fit and score everything
Both over 5 seeds, one setting for all sets. Prints Markdown; results are stored in a JSON file, so that
a second run computes only missing ones: remove those that should be measured again.

python3 quality.py [--seeds 5] [--keep quality.json] [--forests NAME,NAME] [--sets NAME,NAME]
"""
import argparse, json, os
import numpy as np
from common import FORESTS, SETS, load, measures


def split(labels, seed):
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(labels == 0))
    half = len(normal) // 2
    return normal[:half], np.concatenate([normal[half:], np.flatnonzero(labels == 1)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", default="quality.json")
    parser.add_argument("--forests", default=",".join(FORESTS))
    parser.add_argument("--sets", default=",".join(SETS))
    arguments = parser.parse_args()
    sets = arguments.sets.split(",")
    names = arguments.forests.split(",")
    kept = json.load(open(arguments.keep)) if os.path.exists(arguments.keep) else {}
    for dataset in sets:
        rows, labels = None, None
        for protocol in ("novelty", "unsupervised"):
            for name in names:
                for seed in range(arguments.seeds):
                    key = f"{protocol}|{name}|{dataset}|{seed}"
                    if key in kept:
                        continue
                    if rows is None:
                        rows, labels = load(dataset)
                    everything = np.arange(len(labels))
                    train, test = split(labels, seed) if protocol == "novelty" else (
                        everything, everything)
                    scores = FORESTS[name](np.ascontiguousarray(rows[train]),
                                           np.ascontiguousarray(rows[test]), seed)
                    kept[key] = measures(labels[test], scores)
        with open(arguments.keep, "w") as file:
            json.dump(kept, file)
    for protocol in ("novelty", "unsupervised"):
        for measure, title in enumerate(("ROC AUC", "average precision")):
            print(f"\n{protocol}, {title}\n\n| set | " + " | ".join(names) + " |")
            print("|---" * (len(names) + 1) + "|")
            means = {name: [] for name in names}
            for dataset in sets:
                for name in names:
                    means[name].append(np.mean([kept[f"{protocol}|{name}|{dataset}|{seed}"][measure]
                                                for seed in range(arguments.seeds)]))
                print(f"| {dataset} | " + " | ".join(f"{means[n][-1]:.4f}" for n in names) + " |")
            print("| **mean** | " + " | ".join(f"**{np.mean(means[n]):.4f}**" for n in names) + " |")


main()
