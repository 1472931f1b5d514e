#!/usr/bin/env python3
"""The highest packet rate that each meter receives from a veth without losing packets, and its CPU time per packet.

    sudo Benchmarks/live/bench.py LAZARET MODEL CAPTURE [SECONDS] [RATE,RATE…]

In a separate network namespace, replay.c sends CAPTURE over a veth pair at one rate after the other, for SECONDS (10)
each; 0 is as fast as it goes, and SENDERS that many at once (1). `lazaret monitor`, a bare libpcap loop (meter/count.c), softflowd and argus listen at the
other end in turns, each with its own defaults. Received is the meter's own count of packets; lost is the rest of the
sent packets. CPU is the meter's own (user and system) per received packet; so is that of its busiest thread, which a
line's packets keep busy first: on a machine whose cores the sender does not need, the meter carries the inverse of it.
`lazaret 2` has `capture.threads: 2`. Needs a C compiler with libpcap, and iproute2; rivals that are not installed are
omitted.
"""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SPACE = "lzlive"
RATES = [100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 0]
HERE = os.path.dirname(os.path.abspath(__file__))
# One core sends about 350,000 packets a second over a veth.
SENDERS = int(os.environ.get("SENDERS", "1"))
TOOLS = tempfile.mkdtemp(prefix="lzlive-")


def build():
    for name, source in (("replay", "replay.c"), ("count", "../meter/count.c")):
        run("cc", "-O2", "-o", os.path.join(TOOLS, name), os.path.join(HERE, source), "-lpcap")


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def inside(*words):
    return ["ip", "netns", "exec", SPACE, *words]


def lazaret(binary, model, folder, threads):
    state = os.path.join(folder, "state")
    events = os.path.join(folder, "eve.json")
    errors = os.path.join(folder, "err")
    configuration = os.path.join(folder, "lazaret.yaml")
    with open(configuration, "w") as file:
        file.write(f"capture: {{threads: {threads}}}\n")
    words = [binary, "monitor", "-c", configuration, "-i", "v1", "-m", model, "--state", state, "-o", events]
    words += ["--socket", "never"]
    process = subprocess.Popen(inside(*words), stderr=open(errors, "w"))

    def ready():
        return "monitoring" in open(errors).read()

    def seen():
        text = open(errors).read()
        return int(re.search(r"stopped: \d+ s, (\d+) packets", text).group(1))

    return process, ready, seen


def softflowd(folder):
    control = os.path.join(folder, "ctl")
    process = subprocess.Popen(
        inside("softflowd", "-d", "-i", "v1", "-m", "2000000", "-c", control, "-p", os.path.join(folder, "pid")),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready():
        return os.path.exists(control)

    def before_stop():
        text = run("softflowctl", "-c", control, "statistics")
        softflowd.count = int(re.search(r"Packets processed: (\d+)", text).group(1))

    process.before_stop = before_stop
    return process, ready, lambda: softflowd.count


def bare(folder):
    errors = os.path.join(folder, "err")
    process = subprocess.Popen(
        inside(os.path.join(TOOLS, "count"), "-i", "v1"), stdout=subprocess.PIPE, stderr=open(errors, "w"), text=True)
    return process, lambda: "listening" in open(errors).read(), lambda: int(process.stdout.read().split()[0])


def argus(folder):
    out = os.path.join(folder, "argus.out")
    process = subprocess.Popen(
        inside("argus", "-i", "v1", "-w", out, "-F", "/dev/null"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = time.time()

    def seen():
        text = run("racount", "-r", out)
        for line in text.splitlines():
            words = line.split()
            if words and words[0] == "sum":
                return int(words[2])
        return 0

    return process, lambda: time.time() - started > 2, seen


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds_of(stat):
    fields = open(stat).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of user and system time of a running process with all its threads, and of each thread."""
    # `ip netns exec` replaces itself: the process is the meter.
    threads = {task: seconds_of(f"/proc/{pid}/task/{task}/stat") for task in os.listdir(f"/proc/{pid}/task")}
    return seconds_of(f"/proc/{pid}/stat"), threads


def memory_of(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def trial(start, capture, rate, seconds):
    folder = tempfile.mkdtemp(prefix="lzlive-")
    try:
        process, ready, seen = start(folder)
        end = time.time() + 20
        while not ready():
            if time.time() > end or process.poll() is not None:
                raise SystemExit("a meter did not start")
            time.sleep(0.1)
        time.sleep(0.5)
        before, threads = cpu_of(process.pid)
        words = inside(os.path.join(TOOLS, "replay"), "v0", capture, str(rate // SENDERS), str(seconds))
        senders = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(SENDERS)]
        counts = [sender.communicate()[0].split() for sender in senders]
        sent, actual = sum(int(count[0]) for count in counts), sum(float(count[1]) for count in counts)
        time.sleep(2)
        now, after = cpu_of(process.pid)
        cpu = now - before
        busiest = max(spent - threads.get(task, 0) for task, spent in after.items())
        memory = memory_of(process.pid)
        if hasattr(process, "before_stop"):
            process.before_stop()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        received = seen()
        return sent, actual, received, cpu, busiest, memory
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    binary, model, capture = (os.path.abspath(path) for path in sys.argv[1:4])
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 10
    meters = [
        (f"lazaret {threads}", lambda folder, threads=threads: lazaret(binary, model, folder, threads))
        for threads in (1, 2)
    ]
    meters.append(("bare libpcap loop", bare))
    if shutil.which("softflowd"):
        meters.append(("softflowd", softflowd))
    if shutil.which("argus"):
        meters.append(("argus", argus))
    build()
    subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
    run("ip", "netns", "add", SPACE)
    try:
        run(*inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"))
        run(*inside("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"))
        for link in ("v0", "v1"):
            run(*inside("ip", "link", "set", link, "up"))
        print(f"{'meter':18} {'asked/s':>9} {'sent/s':>9} {'sent':>9} {'lost':>8} {'lost %':>7} {'us CPU/packet':>14} {'busiest':>8} {'MB':>6}")
        for rate in [int(rate) for rate in sys.argv[5].split(",")] if len(sys.argv) > 5 else RATES:
            for name, start in meters:
                sent, actual, received, cpu, busiest, memory = trial(start, capture, rate, seconds)
                lost = max(0, sent - received)
                print(
                    f"{name:18} {rate:9} {actual:9.0f} {sent:9} {lost:8} {100 * lost / sent:7.3f} "
                    f"{1e6 * cpu / max(received, 1):14.2f} {1e6 * busiest / max(received, 1):8.2f} "
                    f"{memory:6.0f}", flush=True)
    finally:
        subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
        shutil.rmtree(TOOLS, ignore_errors=True)


if __name__ == "__main__":
    main()
