#!/usr/bin/env python3
"""Compares how two builds judge the crafted attacks and their clean counterparts.

usage: LAZARET_KEEP=DIR swift test --filter AdversaryTests     (keeps each scenario's captures)
       Benchmarks/adversary/table.py DIR LAZARET_BEFORE LAZARET_NOW

LAZARET_BEFORE may be an earlier results.md instead of a program: its fences are copied. A test writes
several scenarios without an order; where the earlier build judged them differently, all its results are
listed. What the earlier file does not have was "not run".

Each build trains its own model of captures/clean-train.pcap and replays every scenario. A fence that
the new build does not set is wrong or in the wrong place: the tests assert the new build's fences.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(words):
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def judge(binary, model, scenario):
    """The fenced targets, and who is alerted as what."""
    words = [binary, "replay", "-m", model, "--format", "eve"]
    for capture in sorted(scenario.glob("*.pcap*")):
        words += ["-r", str(capture)]
    inventory = scenario / "inventory.yaml"
    if inventory.exists():
        words += ["--inventory", str(inventory)]
    done = run(words)
    if done.returncode != 0:
        return None, None
    fenced, alerted = set(), set()
    for line in done.stdout.splitlines():
        event = json.loads(line)
        details = event.get("lazaret", {})
        if event.get("event_type") == "alert":
            alerted.add((details.get("offender", ""), details.get("pattern", "")))
        elif details.get("action") == "fence":
            fenced.add(details.get("target", ""))
    return fenced, alerted


def text(fenced):
    if fenced is None:
        return "cannot read it"
    names = sorted(fenced)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "-"


def earlier(path):
    """The fences of an earlier table, by scenario, in the order of the table."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1] not in ("scenario", "---"):
            results = found.setdefault(cells[1], [])
            if cells[2] not in results:
                results.append(cells[2])
    return found


def compare(before, now):
    """How the earlier fences differ from those of now, as far as both are known."""
    if before is None or now is None:
        return None
    wrong = ["wrong fence"] if before - now else []
    return ", ".join(wrong + (["missed"] if now - before else [])) or "same"


def copied(results, now):
    """The cell and the verdict of fences that an earlier table has."""
    if results is None:
        return "not run", ""
    names = {None if result == "cannot read it" else result for result in results}
    verdicts = {
        compare(None if name is None or " more" in name else set(name.split(", ")) - {"-"}, now)
        for name in names}
    return " or ".join(results), " or ".join(sorted(v or "?" for v in verdicts))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, builds = pathlib.Path(sys.argv[1]), sys.argv[2:]
    table = None
    if builds[0].endswith(".md"):
        table = earlier(builds.pop(0))
    with tempfile.TemporaryDirectory() as scratch:
        models = []
        for number, build in enumerate(builds):
            model = f"{scratch}/{number}.model"
            done = run(
                [build, "train", "-r", "captures/clean-train.pcap", "-o", model]
                + ["--inventory", "captures/inventory.yaml"])
            if done.returncode != 0:
                sys.exit(f"{build}: {done.stderr.strip()}")
            models.append(model)
        wrong, missed, rows = 0, 0, 0
        print("| scenario | fenced before | fenced now | before |")
        print("|---|---|---|---|")
        for test in sorted(p for p in folder.iterdir() if p.is_dir()):
            for scenario in sorted(p for p in test.iterdir() if p.is_dir()):
                results = [judge(build, model, scenario) for build, model in zip(builds, models)]
                now = results[-1][0]
                name = test.name.replace("AdversaryTests.", "").replace("()", "")
                if table is None:
                    before = text(results[0][0])
                    verdict = compare(results[0][0], now) or "same"
                else:
                    before, verdict = copied(table.get(name), now)
                rows += 1
                wrong += verdict.startswith("wrong fence")
                missed += verdict.endswith("missed")
                print(f"| {name} | {before} | {text(now)} | {verdict} |", flush=True)
        print(f"\n{rows} scenarios; the earlier build set a wrong fence in {wrong}, "
              f"and missed one in {missed}.")


main()
