#!/usr/bin/env python3
"""The memory of a monitor under load over a long time with changing addresses.

    sudo Benchmarks/live/soak.py LAZARET MODEL CAPTURE [SECONDS] [PACKETS_PER_SECOND] [MORE WORDS FOR monitor …]

In a separate network namespace, tcpreplay sends CAPTURE over a veth pair repeatedly, each time with other addresses (--unique-ip), for SECONDS (3600).
Every ten seconds it prints packets seen and lost, flows, hosts, resident memory by the kernel's count (without shared pages), and CPU. At the end, it compares the
memory of the second half with the end of the first quarter, and prints whether it grew. Needs tcpreplay and iproute2."""
import json, os, re, shutil, signal, subprocess, sys, tempfile, time

SPACE = f"lzsoak-{os.getpid()}"


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def inside(*words):
    return ["ip", "netns", "exec", SPACE, *words]


def resident(pid):
    text = open(f"/proc/{pid}/status").read()
    return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) / 1024


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    binary, model, capture = (os.path.abspath(path) for path in sys.argv[1:4])
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 3600
    rate = sys.argv[5] if len(sys.argv) > 5 else "100000"
    folder = tempfile.mkdtemp(prefix="lzsoak-")
    socket = f"{folder}/control.sock"
    run("ip", "netns", "add", SPACE)
    monitor = sender = None
    try:
        run(*inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"))
        run(*inside("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"))
        for link in ("v0", "v1"):
            run(*inside("ip", "link", "set", link, "up"))
        monitor = subprocess.Popen(
            inside(binary, "monitor", "-i", "v1", "-m", model, "--state", f"{folder}/state", "-o", f"{folder}/eve.json", "--socket", socket, *sys.argv[6:]),
            stderr=open(f"{folder}/err", "w"))
        while "monitoring" not in open(f"{folder}/err").read():
            if monitor.poll() is not None:
                raise SystemExit(open(f"{folder}/err").read())
            time.sleep(0.1)
        sender = subprocess.Popen(
            inside("tcpreplay", "-q", "-i", "v0", "--preload-pcap", "--unique-ip", "--loop", "100000000", "--duration", str(seconds), "--pps", rate, capture),
            stdin=subprocess.DEVNULL, stdout=open(f"{folder}/sent", "w"), stderr=subprocess.STDOUT)
        began, before, memory = time.time(), cpu(monitor.pid), []
        print(f"{'s':>6} {'packets':>12} {'lost':>10} {'flows':>9} {'hosts':>7} {'refused':>9} {'alerts':>8} {'MiB':>7} {'CPU %':>6}", flush=True)
        while sender.poll() is None and monitor.poll() is None:
            time.sleep(10)
            answer = run("curl", "-s", "-m", "5", "--unix-socket", socket, "http://lazaret/api/v1/status")
            status = json.loads(answer) if answer else {}
            memory.append(resident(monitor.pid))
            used = cpu(monitor.pid)
            print(f"{time.time() - began:6.0f} {status['capture']['kernel_packets']:12} {status['capture']['kernel_drops']:10} "
                  f"{status['flow']['active_flows']:9} {status['hosts']:7} {status['hosts_dropped']:9} {status['alerts']:8} {memory[-1]:7.1f} "
                  f"{100 * (used - before) / 10:6.1f}", flush=True)
            before = used
        if monitor.poll() is not None:
            raise SystemExit(f"the monitor ended with {monitor.returncode}: {open(f'{folder}/err').read()[-2000:]}")
        print(open(f"{folder}/sent").read())
        quarter, half = memory[len(memory) // 4], memory[len(memory) // 2:]
        print(f"memory: {quarter:.0f} MiB after a quarter; {min(half):.0f} to {max(half):.0f} MiB in the second half")
        monitor.send_signal(signal.SIGTERM)
        print(f"ended with {monitor.wait(60)}: " + open(f"{folder}/err").read().strip().splitlines()[-1])
    finally:
        for process in (sender, monitor):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


main()
