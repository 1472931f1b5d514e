"""How many true anomalies are among the first rows shown, after 0, 10 and 30 answers.

One row after the other is shown, the first of those not shown by score and lean; the first ones are
answered by their labels, which moves the leans of the forest's leaves; the rest of the 60 follow in the
order that the answers gave. Two protocols, as in quality.py: *novelty*, trained on half of the normal rows,
and *unsupervised*, trained on what is shown. Of a set with more than 20,000 rows to show, so many are
sampled. Beside it, scikit-learn: a logistic regression of the answers on the standardised columns and the
score of its forest; before both kinds of answers are there, its forest alone.

Weight and step were tuned on the sets `TUNED`; the table ends with the means of these and of the others.

LAZARET_DATA=FOLDER python3 active.py [--seeds 3] [--shown 60] [--sets NAME,NAME] [--no-rival]
    [--weight 0.2] [--step 0.5] [--protocols novelty,unsupervised]
"""
import argparse, os, subprocess, tempfile
import numpy as np
from common import BENCH, SETS, load, scikit

TUNED = SETS[0::2]


def found(train, rows, labels, seed, answers, shown, weight, step):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, part) for part in ("train", "test", "labels")]
        for path, values in zip(paths, (train, rows, labels)):
            values.astype(np.float32).tofile(path)
        run = subprocess.run([BENCH, "active", *paths, str(rows.shape[1]), str(seed), str(answers), str(shown),
                              str(weight), str(step)], check=True, capture_output=True, text=True)
        return int(run.stdout)


def rival(rows, labels, plain, answers, shown):
    from sklearn.linear_model import LogisticRegression
    columns = np.column_stack([rows, plain]).astype(np.float64)
    columns = (columns - columns.mean(0)) / (columns.std(0) + 1e-9)
    left = np.ones(len(labels), bool)
    seen = []

    def places():
        if len({labels[n] for n in seen}) < 2: return plain
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        return model.fit(columns[seen], labels[seen]).decision_function(columns)
    for _ in range(min(answers, shown, len(labels))):
        best = int(np.argmax(np.where(left, places(), -np.inf)))
        left[best] = False
        seen.append(best)
    rest = np.argsort(-np.where(left, places(), -np.inf), kind="stable")[:shown - len(seen)]
    return int(labels[seen].sum() + labels[rest].sum())


def split(name, protocol, seed):
    every, label = load(name)
    random = np.random.default_rng(seed)
    order = random.permutation(len(label))
    train = order
    if protocol == "novelty":
        normal = order[label[order] == 0]
        train = normal[:len(normal) // 2]
        order = random.permutation(np.setdiff1d(order, train))
    order = order[:20_000]
    if protocol == "unsupervised": train = order
    return np.ascontiguousarray(every[train]), np.ascontiguousarray(every[order]), label[order]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shown", type=int, default=60)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--protocols", default="novelty,unsupervised")
    parser.add_argument("--weight", type=float, default=0.2)
    parser.add_argument("--step", type=float, default=0.5)
    parser.add_argument("--no-rival", action="store_true")
    given = parser.parse_args()
    counts = (0, 10, 30)
    columns = [f"{n} answers" for n in counts] + [f"scikit-learn {n}" for n in counts if not given.no_rival]
    for protocol in given.protocols.split(","):
        print(f"\n{protocol}\n\n| set | anomalies | " + " | ".join(columns) + " |")
        print("|---" * (len(columns) + 2) + "|", flush=True)
        means = {}
        for name in given.sets.split(","):
            lines, total = [], []
            for seed in range(given.seeds):
                train, rows, labels = split(name, protocol, seed)
                total.append(labels.sum())
                lines.append([found(train, rows, labels, seed, n, given.shown, given.weight, given.step)
                              for n in counts])
                if not given.no_rival:
                    plain = scikit(train, rows, seed)
                    lines[-1] += [rival(rows, labels, plain, n, given.shown) for n in counts]
            means[name] = np.mean(lines, axis=0)
            print(f"| {name} | {np.mean(total):.0f} | " + " | ".join(f"{m:.1f}" for m in means[name]) + " |",
                  flush=True)
        for title, names in (("tuned on", TUNED), ("not tuned on", [n for n in SETS if n not in TUNED])):
            part = [means[name] for name in names if name in means]
            if part:
                print(f"| **{title}** | | " + " | ".join(f"**{m:.1f}**" for m in np.mean(part, axis=0)) + " |",
                      flush=True)


main()
