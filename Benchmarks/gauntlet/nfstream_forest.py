#!/usr/bin/env python3
"""What a detector made from NFStream and scikit-learn finds in the gauntlet's recording: nfstream_forest.py DIR

    python3 -m venv venv; venv/bin/pip install nfstream scikit-learn
    venv/bin/python Benchmarks/gauntlet/nfstream_forest.py DIR       # after gauntlet.py run DIR

The detector is that of Benchmarks/detection/rival.py: vectors per source address and 10 s, an isolation forest fitted on
the clean recording, and the largest score of half of it as threshold. An attack counts as found if a window of the
attacker's address, or for attacks from outside of any outside address, is flagged between its start and 10 s after its
end. The table shows the attacks that it misses, and the clean hosts that it flags.
"""
import json
import sys
from pathlib import Path

import numpy
from sklearn.ensemble import IsolationForest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "detection"), str(HERE)]
from rival import SPAN, windows  # noqa: E402
from gauntlet import CLEAN, NET, NET6, own  # noqa: E402


def main():
    folder = Path(sys.argv[1])
    times = json.loads((folder / "times.json").read_text())
    clean, attacks = windows(str(folder / "clean.pcapng")), windows(str(folder / "attacks.pcapng"))
    table = numpy.array(list(clean.values()))
    starts = sorted({start for _, start in clean})
    half = numpy.array([start < starts[len(starts) // 2] for _, start in clean])
    held, score = 0, 0
    for seed in range(1, 6):
        part = IsolationForest(n_estimators=200, random_state=seed).fit(table[half])
        whole = IsolationForest(n_estimators=200, random_state=seed).fit(table)
        held = held - part.score_samples(table[~half]) / 5
        score = score - whole.score_samples(numpy.array(list(attacks.values()))) / 5
    flagged = [key for key, value in zip(attacks, score) if value > held.max()]
    seen = {key for key in attacks}
    tried = [e for e in times["entries"] if "missing" not in e]
    found, missed, unseen = 0, [], 0
    for entry in sorted(tried, key=lambda e: e["number"]):
        def is_of(key):
            source, start = key
            about = not source.startswith((NET, NET6)) if entry["outside"] else source in own(entry)
            return about and start + SPAN >= entry["start"] and start <= entry["end"] + 10

        if any(map(is_of, flagged)):
            found += 1
        else:
            missed.append(entry["name"])
            unseen += not any(map(is_of, seen))
    print(f"{found} of {len(tried)} found; of those missed, {unseen} have no flow of the attacker's address")
    print(f"missed: {', '.join(missed)}")
    hosts = {f"{NET}{n}" for n in CLEAN.values()} | {f"{NET6}{n}" for n in CLEAN.values()}
    wrong = [key for key in flagged if key[0] in hosts]
    print(f"windows of clean hosts flagged: {len(wrong)}, of {len({source for source, _ in wrong})} hosts")


if __name__ == "__main__":
    main()
