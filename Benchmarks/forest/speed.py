"""Speed compared with scikit-learn and isotree, in turns: 100 trees of 256 rows over 32 columns.

python3 speed.py [--rows 1000000] [--rounds 3]

Prints the least CPU time of all rounds on one thread, and the least wall time on two. Rows are
normally distributed, one in 200 with a larger deviation.
"""
import argparse, json, subprocess, time
from common import BENCH
import numpy as np


def timed(body, repeats):
    best = [float("inf"), float("inf")]
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        body()
        best = [min(best[0], time.process_time() - cpu), min(best[1], time.perf_counter() - wall)]
    return best


def rivals(rows):
    from isotree import IsolationForest as Isotree
    from sklearn.ensemble import IsolationForest as Scikit
    one, some = rows[:1].copy(), rows[:256].copy()
    out = {}
    makers = {
        "scikit-learn": lambda threads: Scikit(n_estimators=100, max_samples=256, random_state=1,
                                               n_jobs=threads),
        "isotree": lambda threads: Isotree(
            ntrees=100, sample_size=256, ndim=1, max_depth="auto", missing_action="fail",
            nthreads=threads, random_seed=1),
    }
    for name, make in makers.items():
        out[name] = {"fit": timed(lambda: make(1).fit(rows), 3)}
        for threads in (1, 2):
            forest = make(threads).fit(rows)
            score = forest.score_samples if name == "scikit-learn" else forest.predict
            out[name][f"batch {threads}"] = timed(lambda: score(rows), 1)
            if threads == 1:
                out[name]["256 rows"] = timed(lambda: score(some), 30)
                out[name]["one row"] = timed(lambda: score(one), 100)
    return out


def own(count):
    out = {"lazaret classic": {}, "lazaret": {}, "lazaret neighbours": {}}
    for threads in (1, 2):
        words = [BENCH, "speed", str(count), "32", str(threads)]
        figures = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        for name, prefix in (("lazaret classic", "classic"), ("lazaret", "insertion"),
                             ("lazaret neighbours", "neighbours")):
            out[name][f"batch {threads}"] = figures[f"{prefix} batch"]
            if threads == 1:
                out[name]["fit"] = figures["neighbours fit" if prefix == "neighbours" else "fit"]
                out[name]["256 rows"] = figures[f"{prefix} 256 rows"]
                out[name]["one row"] = figures[f"{prefix} one row"]
                if prefix != "neighbours":
                    out[name]["attribute one row"] = figures["attribute one row"]
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(arguments.rows, 32)).astype(np.float32)
    rows[::200] += generator.normal(scale=6, size=rows[::200].shape).astype(np.float32)
    best = {}
    for _ in range(arguments.rounds):
        for figures in (rivals(rows), own(arguments.rows)):
            for name, values in figures.items():
                for what, pair in values.items():
                    old = best.setdefault(name, {}).get(what, [float("inf")] * 2)
                    best[name][what] = [min(a, b) for a, b in zip(old, pair)]
    names = ["scikit-learn", "isotree", "lazaret classic", "lazaret", "lazaret neighbours"]
    print(f"| {arguments.rows} × 32 | " + " | ".join(names) + " |\n" + "|---" * 6 + "|")
    for what, title, clock, scale, unit in (
            ("fit", "fit, CPU", 0, 1e3, "ms"), ("batch 1", "all rows, CPU", 0, 1, "s"),
            ("batch 2", "all rows, two threads, wall", 1, 1, "s"),
            ("256 rows", "256 rows, CPU", 0, 1e3, "ms"), ("one row", "one row, CPU", 0, 1e6, "µs"),
            ("attribute one row", "one row with shares, CPU", 0, 1e6, "µs")):
        cells = [f"{best[n][what][clock] * scale:.3g} {unit}" if what in best[n] else "–"
                 for n in names]
        print(f"| {title} | " + " | ".join(cells) + " |")


main()
