"""The classic score compared with scikit-learn, isotree and reference scores on the public sets.

1. The ROC AUC of 10 seeds differs from either library's by at most 3 standard errors.
2. The mean score of 10 seeds is within 0.006 of NAME.ref.csv.gz (the mean of 20 scikit-learn seeds)
   on average, and correlates with it in rank by 0.99 or more.
3. Two seeds correlate in rank as two seeds of scikit-learn do, within 0.02.
4. The same seed yields the same bits.

python3 correctness.py [--seeds 10] [--keep correctness.json]
"""
import argparse, json, os, sys
import numpy as np
from common import SETS, directory, isotree, lazaret, load, measures, scikit, table


def rank_correlation(one, other):
    from scipy.stats import spearmanr
    pick = np.random.default_rng(0).permutation(len(one))[:50000]
    return float(spearmanr(one[pick], other[pick]).statistic)


def neighbours(scores):
    return float(np.mean([rank_correlation(a, b) for a, b in zip(scores, scores[1:])]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--keep", default="correctness.json")
    arguments = parser.parse_args()
    kept = json.load(open(arguments.keep)) if os.path.exists(arguments.keep) else {}
    seeds = range(arguments.seeds)
    print("| set | AUC | scikit-learn | isotree | standard errors | mean difference | rank "
          "correlation | seed to seed | scikit-learn's | verdict |\n" + "|---" * 10 + "|")
    failed = False
    for name in SETS:
        rows, labels = load(name)
        reference = table(os.path.join(directory(), name + ".ref.csv.gz"))[:, 0]
        own = [lazaret(rows, rows, seed, "classic") for seed in seeds]
        same = np.array_equal(own[0], lazaret(rows, rows, 0, "classic"))
        areas = [measures(labels, scores)[0] for scores in own]
        if name not in kept:
            theirs = [scikit(rows, rows, seed) for seed in seeds]
            kept[name] = [[measures(labels, scores)[0] for scores in theirs],
                          [measures(labels, isotree(rows, rows, seed, "isotree classic"))[0]
                           for seed in seeds], neighbours(theirs)]
            with open(arguments.keep, "w") as file:
                json.dump(kept, file)
        errors = [abs(np.mean(areas) - np.mean(their)) /
                  np.sqrt((np.var(areas, ddof=1) + np.var(their, ddof=1)) / len(areas))
                  for their in kept[name][:2]]
        mean = np.mean(own, axis=0)
        difference = np.abs(mean - reference).mean()
        correlation = rank_correlation(mean, reference)
        good = (max(errors) <= 3 and difference <= 0.006 and correlation >= 0.99 and same
                and abs(neighbours(own) - kept[name][2]) <= 0.02)
        failed |= not good
        print(f"| {name} | {np.mean(areas):.4f} ± {np.std(areas, ddof=1):.4f} | "
              f"{np.mean(kept[name][0]):.4f} | {np.mean(kept[name][1]):.4f} | "
              f"{errors[0]:.1f} / {errors[1]:.1f} | {difference:.4f} | {correlation:.4f} | "
              f"{neighbours(own):.3f} | {kept[name][2]:.3f} | {'good' if good else 'BAD'} |",
              flush=True)
    sys.exit(failed)


main()
