"""Shared parts of the benchmark scripts: data, forests and measures."""
import gzip, os, subprocess, sys, tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.environ.get("FOREST_BENCH", os.path.join(HERE, ".build/release/forest-bench"))
SETS = ("http smtp backdoor nslkdd_probe ctuflows shuttle mammography satellite cardio annthyroid "
        "thyroid pendigits").split()


def directory():
    """The folder of the public sets: NAME.csv.gz, no header, label last."""
    path = os.path.join(os.environ.get("LAZARET_DATA", ""), "tabular")
    if "LAZARET_DATA" not in os.environ or not os.path.isdir(path):
        sys.exit("skipped: set LAZARET_DATA to the folder that holds tabular/NAME.csv.gz")
    return path


def table(path):
    import pandas
    return pandas.read_csv(path, header=None, dtype=np.float32).to_numpy()


def load(name):
    rows = table(os.path.join(directory(), name + ".csv.gz"))
    return np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int8)


def lazaret(train, test, seed, scoring="insertion"):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, part) for part in ("train", "test", "out")]
        train.tofile(paths[0])
        test.tofile(paths[1])
        subprocess.run([BENCH, "score", paths[0], paths[1], str(train.shape[1]), str(seed), scoring,
                        paths[2]], check=True)
        return np.fromfile(paths[2], dtype=np.float32).astype(np.float64)


def scikit(train, test, seed):
    from sklearn.ensemble import IsolationForest
    forest = IsolationForest(n_estimators=100, max_samples=256, n_jobs=1, random_state=seed)
    return -forest.fit(train).score_samples(test)


ISOTREE = {
    "isotree classic": dict(ndim=1),
    "isotree 2-d": dict(ndim=2),
    "isotree range penalty": dict(ndim=1, penalize_range=True),
    "isotree guided": dict(ndim=2, ntry=10, prob_pick_avg_gain=1.0, penalize_range=True),
}


def isotree(train, test, seed, setting):
    from isotree import IsolationForest
    # Tree t is seeded with seed + t: neighbouring seeds would share almost every tree.
    forest = IsolationForest(ntrees=100, sample_size=256, max_depth="auto", missing_action="fail",
                             nthreads=1, random_seed=1 + 100003 * seed, **ISOTREE[setting])
    return forest.fit(train.astype(np.float64)).predict(test.astype(np.float64))


FORESTS = {
    "lazaret": lambda train, test, seed: lazaret(train, test, seed),
    "lazaret neighbours": lambda train, test, seed: lazaret(train, test, seed, "neighbours"),
    "lazaret classic": lambda train, test, seed: lazaret(train, test, seed, "classic"),
    "scikit-learn": scikit,
    **{name: lambda train, test, seed, name=name: isotree(train, test, seed, name)
       for name in ISOTREE},
}


def measures(labels, scores):
    from sklearn.metrics import average_precision_score, roc_auc_score
    return roc_auc_score(labels, scores), average_precision_score(labels, scores)
