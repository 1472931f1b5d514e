#!/usr/bin/env python3
"""rival.py: compares a detector made from NFStream and scikit-learn with `lazaret evaluate`, on the same captures.

    python3 -m venv venv; venv/bin/pip install nfstream scikit-learn
    venv/bin/python Benchmarks/detection/rival.py [CLEAN-TRAIN MIXED LABELS CLEAN-TEST [INVENTORY]]

The rival: NFStream with statistics meters flows (cut after 10 s, so that windows are timely); flows become vectors
per source address and 10 s window; an isolation forest of 200 trees is fitted on the clean training capture only. Three
thresholds are shown: scikit-learn's own, and two from the clean capture (fitted on one half, the 99.9 % quantile and
the largest score of the other half). Scores are means over five seeds. A window counts as seen at its end, although
NFStream reports a flow only when it is over, which favours the rival.

The rules are the same for both: an attack is found when its source, or an address that it spoofed, is flagged between its
first packet and 10 s after its last; other flags are false alarms, and a minute of quiet ends an incident; a victim is an
address that the label names as target, and a clean workload is one in the inventory that did not attack.
LAZARET names the program.
"""
import collections, ipaddress, json, math, os, re, resource, subprocess, sys, time

import numpy
from nfstream import NFStreamer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAZARET = os.environ.get("LAZARET", ROOT + "/.build/release/lazaret")
SPAN = 10
SEEDS = range(1, 6)


def entropy(counts):
    total = sum(counts.values())
    return -sum(c / total * math.log2(c / total) for c in counts.values())


def vector(flows):
    n = len(flows)
    total = lambda name: sum(getattr(f, name) for f in flows)
    mean = lambda name: total(name) / n
    ports, peers = collections.Counter(f.dst_port for f in flows), collections.Counter(f.dst_ip for f in flows)
    log = math.log1p
    return [
        log(n), log(len(peers)), log(len(ports)), log(len({(f.dst_ip, f.dst_port) for f in flows})),
        entropy(ports), entropy(peers),
        log(total("src2dst_packets")), log(total("dst2src_packets")), log(total("src2dst_bytes")), log(total("dst2src_bytes")),
        (total("src2dst_bytes") + 1) / (total("dst2src_bytes") + 1) if total("dst2src_bytes") < total("src2dst_bytes") else
        -(total("dst2src_bytes") + 1) / (total("src2dst_bytes") + 1),
        mean("bidirectional_duration_ms"), mean("src2dst_mean_ps"), mean("dst2src_mean_ps"), mean("bidirectional_stddev_ps"),
        mean("bidirectional_mean_piat_ms"), mean("bidirectional_stddev_piat_ms"),
        log(total("src2dst_syn_packets")), log(total("dst2src_rst_packets")), log(total("bidirectional_fin_packets")),
        sum(f.dst2src_packets == 0 for f in flows) / n, sum(f.protocol == 6 for f in flows) / n,
        sum(f.protocol == 17 for f in flows) / n, sum(f.protocol == 1 for f in flows) / n,
    ]


def windows(capture):
    """{(source, window's start): vector}"""
    groups = collections.defaultdict(list)
    for flow in NFStreamer(source=capture, statistical_analysis=True, n_dissections=0, idle_timeout=SPAN, active_timeout=SPAN, n_meters=1):
        groups[flow.src_ip, int(flow.bidirectional_first_seen_ms / 1000) // SPAN * SPAN].append(flow)
    return {key: vector(flows) for key, flows in sorted(groups.items())}


def guilty(source, attack):
    borrowed = attack.get("spoofed")
    return source in attack["src"] or borrowed and ipaddress.ip_address(source) in ipaddress.ip_network(borrowed)


def judge(flagged, labels, hours):
    """flagged: (source, start, end) of windows. Returns the attacks found, the seconds to each, and false alarms by source."""
    found, false = {}, collections.defaultdict(list)
    for source, start, end in sorted(flagged, key=lambda w: w[2]):
        hit = [i for i, a in enumerate(labels) if guilty(source, a) and end >= a["start"] and start <= a["end"] + 10]
        for i in hit:
            found.setdefault(i, max(0, end - labels[i]["start"]))
        if not hit:
            false[source].append((start, end))
    incidents, victims = 0, set()
    for source, spans in false.items():
        last = -1e18
        for start, end in spans:
            incidents += start - last > 60
            last = max(last, end)
            if any(source in a["dst"] and a["start"] - 10 <= end and start <= a["end"] + 10 for a in labels):
                victims.add(source)
    return found, incidents, incidents / hours, victims, set(false) - victims


def row(name, known, labels, mixed, test, cpu, auc="", ap=""):
    found, _, per_hour, victims, clean = mixed
    clean = {source for source in clean | test[4] if source in known}
    times = sorted(found.values())
    middle = f"{times[len(times) // 2]:.1f}" if times else "-"
    print(f"| {name} | {len(found)} of {len(labels)} | {middle} | {per_hour:.1f} | {test[2]:.1f} | {len(victims)} | {len(clean)} | {auc} | {ap} | {cpu:.1f} |")


def lazaret(train, mixed, labels, test, inventory):
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    options = ["--inventory", inventory] if inventory else []
    model = "/tmp/lazaret-rival.model"
    run = lambda *words: subprocess.run([LAZARET, *words], check=True, capture_output=True, text=True).stdout
    run("train", "-r", train, "-o", model, *options)

    def flagged(capture):
        out = []
        for line in run("replay", "-r", capture, "-m", model, "--format", "eve", *options).splitlines():
            event = json.loads(line)
            if event["event_type"] == "alert":
                detail = event["lazaret"]
                # A window is reported at its end, an incident once.
                out.append((detail, detail["window_start"], detail["window_end"]))
        return out

    one, two = flagged(mixed), flagged(test)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(run("evaluate", "-r", mixed, "-m", model, "--truth", labels, "--format", "json", *options))
    return one, two, end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime, report


def main():
    given = sys.argv[1:] or [f"{ROOT}/captures/{n}" for n in ("clean-train.pcap", "mixed.pcap", "mixed.labels.jsonl", "clean-test.pcap", "inventory.yaml")]
    train, mixed, label_path, test = given[:4]
    inventory = given[4] if len(given) > 4 else None
    labels = [json.loads(line) for line in open(label_path)]
    known = set(re.findall(r"\d+\.\d+\.\d+\.\d+(?=[,\]\s]|$)", open(inventory).read(), re.M)) if inventory else set()
    begin = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    data = {name: windows(path) for name, path in (("train", train), ("mixed", mixed), ("test", test))}
    table = {name: numpy.array(list(rows.values())) for name, rows in data.items()}
    starts = sorted({start for _, start in data["train"]})
    middle = starts[len(starts) // 2]
    half = numpy.array([start < middle for _, start in data["train"]])
    score = {"mixed": 0, "test": 0, "held": 0}
    default = {"mixed": 0, "test": 0}
    for seed in SEEDS:
        forest = IsolationForest(n_estimators=200, max_samples=256, random_state=seed).fit(table["train"])
        part = IsolationForest(n_estimators=200, max_samples=256, random_state=seed).fit(table["train"][half])
        for name in ("mixed", "test"):
            score[name] = score[name] - forest.score_samples(table[name]) / len(SEEDS)
        score["held"] = score["held"] - part.score_samples(table["train"][~half]) / len(SEEDS)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - begin[0] + children.ru_utime + children.ru_stime - begin[1].ru_utime - begin[1].ru_stime
    hours = {name: (max(s for _, s in data[name]) - min(s for _, s in data[name]) + SPAN) / 3600 for name in ("mixed", "test")}
    truth = [any(guilty(source, a) and start + SPAN >= a["start"] and start <= a["end"] for a in labels) for source, start in data["mixed"]]
    auc, ap = f"{roc_auc_score(truth, score['mixed']):.3f}", f"{average_precision_score(truth, score['mixed']):.3f}"
    print(f"{len(labels)} attacks in {hours['mixed']:.2f} h of {os.path.basename(mixed)}, and {hours['test']:.2f} clean hours of "
          f"{os.path.basename(test)}; trained on {os.path.basename(train)} alone\n")
    print("| detector | attacks found | median s to it | false incidents an hour | on clean traffic | victims flagged | clean workloads flagged | ROC AUC of windows | average precision | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, threshold in (("scikit-learn's own threshold", 0.5), ("99.9 % of held-out clean", numpy.quantile(score["held"], 0.999)),
                            ("largest of held-out clean", score["held"].max())):
        judged = {}
        for part in ("mixed", "test"):
            flagged = [(source, start, start + SPAN) for (source, start), s in zip(data[part], score[part]) if s > threshold]
            judged[part] = judge(flagged, labels if part == "mixed" else [], hours[part])
        row(f"NFStream + scikit-learn, {name}", known, labels, judged["mixed"], judged["test"], cpu, auc, ap)
    one, two, used, report = lazaret(train, mixed, label_path, test, inventory)
    judged = judge([(d["offender"], s, e) for d, s, e in one], labels, hours["mixed"])
    clean = judge([(d["offender"], s, e) for d, s, e in two], [], hours["test"])
    row("lazaret", known, labels, judged, clean, used, f"{report['roc_auc_windows']:.3f}", "")


if __name__ == "__main__":
    main()
