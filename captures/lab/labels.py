"""Writes labels from the log of the attacks, with the exact times of their first and last packets in the capture.

labels.py CAPTURE ATTACKS.jsonl > LABELS.jsonl"""
import json, re, subprocess, sys

capture, log = sys.argv[1:]
stamp = re.compile(r"^(\d+\.\d+) ", re.M)         # the content of packets may print lines of its own
for a in sorted(map(json.loads, open(log)), key=lambda a: a["start"]):
    lines = subprocess.run(["tcpdump", "-tt", "-n", "-r", capture, a["filter"]], capture_output=True, text=True, check=True).stdout
    times = [t for t in map(float, stamp.findall(lines)) if a["start"] - 0.5 <= t <= a["end"] + 3]
    if not times:
        sys.exit(f"no packet of {a['kind']} by {a['offender']} in {capture}: {a['filter']}")
    out = {"start": round(times[0] - 0.001, 6), "end": round(times[-1] + 0.001, 6), "kind": a["kind"], "src": a["src"], "dst": a["dst"]}
    out |= {k: a[k] for k in ("spoofed", "prefix") if k in a}
    if a["mac"]:
        out["mac"] = a["mac"] if len(a["mac"]) > 1 else a["mac"][0]
    out |= {"offender": a["offender"], "tool": a["tool"], "what": a["what"], "packets": len(times), "filter": a["filter"]}
    print(json.dumps(out))
