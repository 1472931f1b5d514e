#!/usr/bin/env python3
"""Compares how two builds judge the crafted attacks and their clean counterparts.

usage: LAZARET_KEEP=DIR swift test --filter AdversaryTests     (keeps each scenario's captures)
       Benchmarks/adversary/table.py DIR LAZARET_BEFORE LAZARET_NOW

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


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, builds = pathlib.Path(sys.argv[1]), sys.argv[2:]
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
                (before, _), (now, alerted) = (
                    judge(build, model, scenario) for build, model in zip(builds, models))
                verdict = []
                if before is not None and now is not None:
                    if before - now:
                        verdict.append("wrong fence")
                        wrong += 1
                    if now - before:
                        verdict.append("missed")
                        missed += 1
                rows += 1
                name = test.name.replace("AdversaryTests.", "").replace("()", "")
                print(f"| {name} | {text(before)} | {text(now)} | {', '.join(verdict) or 'same'} |")
        print(f"\n{rows} scenarios; the earlier build set a wrong fence in {wrong}, "
              f"and missed one in {missed}.")


main()
