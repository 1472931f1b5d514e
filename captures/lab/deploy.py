#!/usr/bin/env python3
"""Deploys under `lazaret monitor --enforce`, with a separate Docker in a network namespace.

    sudo captures/lab/deploy.py LAZARET [LIVES] [FOLDER]

A shop of two services is learned for a minute. Then LIVES containers are started and ended, as fast as this machine can: every replica
is replaced repeatedly, addresses are reassigned between the services, and the daemon is restarted in the middle. None of this may raise
an alert or a fence. At the end another image gets the address of a trusted container and scans ports: it must be reported under its own
name and fenced, and the fence must be removed when a container of the shop gets the address back. The exit status is 1 if a check fails."""
import concurrent.futures, json, os, random, shutil, signal, subprocess, sys, threading, time

LAZARET = os.path.abspath(sys.argv[1])
LIVES = int(sys.argv[2]) if len(sys.argv) > 2 else 300
D = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else "/tmp/lazaret-deploy"
NS = f"lzd-{os.getpid()}"
SOCK = f"{D}/docker.sock"
random.seed(7)
NET = "10.67.0."
WEBS, JOBS = list(range(11, 17)), list(range(21, 27))
counter = iter(range(1, 1 << 30))


def sh(*words, check=True):
    return subprocess.run(words, check=check, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def inside(*words, **more):
    return sh("nsenter", f"--net=/run/netns/{NS}", *words, **more)


def docker(*words, **more):
    return sh("docker", "-H", f"unix://{SOCK}", *words, **more)


def start_daemon():
    log = open(f"{D}/dockerd.log", "a")
    daemon = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{NS}", "dockerd", "--data-root", f"{D}/data", "--exec-root", f"{D}/exec", "-p", f"{D}/pid", "-H",
         f"unix://{SOCK}", "--storage-driver", "overlay2", "--userland-proxy=false", "--live-restore"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(200):
        if "Version" in sh("curl", "-s", "-m", "2", "--unix-socket", SOCK, "http://d/version", check=False):
            return daemon
        time.sleep(0.2)
    sys.exit(f"dockerd does not answer; see {D}/dockerd.log")


def make_image():
    os.makedirs(f"{D}/rootfs/bin")
    os.makedirs(f"{D}/rootfs/tmp")
    shutil.copy("/bin/busybox", f"{D}/rootfs/bin/")
    for name in ("sh", "sleep", "usleep", "nc", "httpd"):
        os.symlink("busybox", f"{D}/rootfs/bin/{name}")
    sh("tar", "-C", f"{D}/rootfs", "-cf", f"{D}/image.tar", ".")
    docker("import", f"{D}/image.tar", "web:1")
    for tag in ("web:2", "job:1", "job:2", "intruder:1"):
        docker("tag", "web:1", tag)


def run(service, image, spot, script):
    name = f"{service}-{next(counter)}"
    docker("run", "-d", "--init", "--name", name, "--network", "shop", "--ip", NET + str(spot), "--label", "com.docker.compose.project=shop",
           "--label", f"com.docker.compose.service={service}", image, "sh", "-c", script)
    return name


def web(spot, image="web:1"):
    return run("web", image, spot, "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp")


def job(spot, image="job:1"):
    targets = " ".join(map(str, WEBS))
    return run("job", image, spot, f"while true; do for n in {targets}; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {NET}$n 80 >/dev/null & usleep 200000; done; wait; done")


def events():
    with open(f"{D}/eve.json") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def rss(pid):
    return int(next(l for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")).split()[1]) >> 10


def until(seconds, condition):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def fenced(address):
    return address in inside("nft", "list", "ruleset")


def main():
    failures = []
    shutil.rmtree(D, ignore_errors=True)
    os.makedirs(D)
    sh("ip", "netns", "add", NS)
    sh("ip", "-n", NS, "link", "set", "lo", "up")
    daemon = monitor = None
    try:
        daemon = start_daemon()
        make_image()
        network = docker("network", "create", "--subnet", NET + "0/24", "shop").strip()
        alive = {spot: web(spot) for spot in WEBS} | {spot: job(spot) for spot in JOBS}
        with open(f"{D}/lazaret.yaml", "w") as file:
            file.write(f"interfaces: [containers]\nstate: {D}/state\nevents: {D}/eve.json\nenforce: true\n"
                       f"workloads: {{docker: {SOCK}, podman: never, kubernetes: never}}\n")
        sh(LAZARET, "inventory", "export", "-c", f"{D}/lazaret.yaml", "-o", f"{D}/inventory.yaml")
        tcpdump = subprocess.Popen(["nsenter", f"--net=/run/netns/{NS}", "tcpdump", "-i", "br-" + network[:12], "-Z", "root", "-U", "-w", f"{D}/clean.pcap"],
                                   stderr=subprocess.DEVNULL)
        time.sleep(60)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait()
        print(sh(LAZARET, "train", "-r", f"{D}/clean.pcap", "-o", f"{D}/node.model", "--inventory", f"{D}/inventory.yaml"))
        monitor = subprocess.Popen(["nsenter", f"--net=/run/netns/{NS}", LAZARET, "monitor", "-c", f"{D}/lazaret.yaml", "-m", f"{D}/node.model"],
                                   stderr=open(f"{D}/monitor.log", "w"))
        if not until(15, lambda: "watching" in open(f"{D}/monitor.log").read()):
            sys.exit(open(f"{D}/monitor.log").read())
        time.sleep(5)
        before, began, lived = rss(monitor.pid), time.time(), 0
        lock = threading.Lock()

        def replace(turn):
            nonlocal lived
            with lock:
                spot = random.choice([s for s in alive if alive[s]])
                old, alive[spot] = alive[spot], None
            docker("rm", "-f", old)
            # One in eight addresses is reassigned to the other service.
            is_web = (spot in WEBS) != (turn % 8 == 7)
            # A service keeps the address that its callers use.
            new = web(spot, f"web:{1 + turn % 2}") if is_web or spot in WEBS else job(spot, f"job:{1 + turn % 2}")
            with lock:
                alive[spot] = new
                lived += 1

        for half in (0, 1):
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(replace, range(half * LIVES // 2, (half + 1) * LIVES // 2)))
            if half == 0:
                daemon.terminate()
                daemon.wait()
                daemon = start_daemon()
        seconds = time.time() - began
        time.sleep(12)
        told = [e for e in events() if e["event_type"] != "stats"]
        rules = inside("nft", "list", "ruleset")
        print(f"{lived} lives in {seconds:.0f} s ({lived / seconds:.1f} a second), {len(told)} alerts and fences, "
              f"monitor {before} MiB before and {rss(monitor.pid)} MiB after")
        if told:
            failures.append("a deploy raised: " + json.dumps(told[:3])[:1500])
        if "elements" in rules and NET in rules:
            failures.append("a deploy was fenced")

        spot = JOBS[0]
        docker("rm", "-f", alive[spot])
        began = time.time()
        docker("run", "-d", "--init", "--name", "thief", "--network", "shop", "--ip", NET + str(spot), "intruder:1", "sh", "-c",
               f"while true; do p=1000; while [ $p -lt 1400 ]; do nc -w 1 {NET}{WEBS[0]} $p </dev/null; p=$((p+1)); done; done")
        if not until(20, lambda: fenced(NET + str(spot))):
            failures.append("the intruder is not fenced")
        print(f"intruder on a job's address: fenced {time.time() - began:.1f} s after docker run")
        names = {e["lazaret"]["workload"] for e in events() if e["event_type"] == "alert"}
        if names != {"intruder"}:
            failures.append(f"told of {names}, not of the intruder alone")
        docker("rm", "-f", "thief")
        began = time.time()
        job(spot)
        if not until(20, lambda: not fenced(NET + str(spot))):
            failures.append("the fence falls on who came after")
        time.sleep(5)
        if fenced(NET + str(spot)):
            failures.append("what the intruder did is held against who came after")
        print(f"a job on the address again: the fence has ended {time.time() - began:.1f} s after docker run began")
        print(open(f"{D}/monitor.log").read())
    finally:
        if monitor:
            monitor.send_signal(signal.SIGTERM)
            monitor.wait(20)
        ids = docker("ps", "-aq", check=False).split()
        if ids:
            docker("rm", "-f", *ids, check=False)
        if daemon:
            daemon.terminate()
            daemon.wait()
        for line in reversed(open("/proc/mounts").readlines()):
            if line.split()[1].startswith(D + "/"):
                sh("umount", "-l", line.split()[1], check=False)
        sh("ip", "netns", "del", NS, check=False)
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


main()
