"""Writes sets of ADBench as the other scripts read them: those that no setting was chosen on.

python3 adbench.py ADBENCH TARGET     then quality.py with LAZARET_DATA=TARGET and --sets as printed

ADBENCH is a checkout of github.com/Minqi824/ADBench. ADBench numbers its sets. The even ones that are
stored in the repository and not among the twelve of common.py were held out; the odd ones were used for
the choice of the neighbour-aware settings.
"""
import glob, gzip, os, re, sys
import numpy as np

HELD_OUT = (4, 8, 10, 12, 14, 18, 20, 22, 24, 26, 40, 42, 44, 46)


def main():
    folder = os.path.join(sys.argv[2], "tabular")
    os.makedirs(folder, exist_ok=True)
    names = []
    for path in glob.glob(os.path.join(sys.argv[1], "adbench/datasets/Classical/*.npz")):
        number, name = re.fullmatch(r"(\d+)_(.*)\.npz", os.path.basename(path)).groups()
        if int(number) in HELD_OUT:
            with np.load(path) as data:
                rows = np.column_stack([data["X"].astype(np.float32), data["y"]])
            with gzip.open(os.path.join(folder, name + ".csv.gz"), "wt", compresslevel=1) as file:
                np.savetxt(file, rows, fmt="%.9g", delimiter=",")
            names.append((int(number), name))
    print(",".join(name for _, name in sorted(names)))


main()
