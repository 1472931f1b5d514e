#!/usr/bin/env python3
"""scaling.py [--hosts 100,…,200000] [--packets 1e6,…,1e8] [--svg FILE]: how CPU time grows with packets and with hosts.

Hosts that are active every second, by hosts.c, through `lazaret replay` with a model of the same traffic. Packets: 1,000
hosts, longer and longer. Hosts: 40 seconds of each number of hosts. The captures go through a pipe and take no disk, but
for those to train on. Prints two tables, and draws both into FILE, with logarithmic axes: what is linear has slope 1.
LAZARET names the program, WORK the directory for models.
"""
import argparse, math, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LAZARET = os.environ.get("LAZARET", os.path.join(ROOT, ".build/release/lazaret"))
SECONDS = 40


def run(generator, hosts, packets, *words):
    """CPU seconds and peak MB of the program that reads the generator's capture."""
    source = subprocess.Popen([generator, str(hosts), str(packets)], stdout=subprocess.PIPE)
    process = subprocess.Popen([LAZARET, *words], stdin=source.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    source.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if source.wait() or process.returncode:
        sys.exit(f"lazaret {' '.join(words)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(generator, work, hosts, packets):
    """The time without that of a start with the model."""
    model = f"{work}/{hosts}.model"
    if not os.path.exists(model):
        run(generator, hosts, hosts * 2 * SECONDS, "train", "-r", "-", "-o", model)
    start, _ = run(generator, hosts, 2, "replay", "-r", "-", "-m", model)
    seconds, peak = run(generator, hosts, packets, "replay", "-r", "-", "-m", model)
    return seconds - start, peak


def panel(left, title, axis, points):
    """Points of (amount, CPU seconds), and a line of slope 1 through the first."""
    width, height, top = 330, 250, 50
    decades = [math.floor(math.log10(min(x for x, _ in points))), math.ceil(math.log10(max(x for x, _ in points)))]
    lowest = math.floor(math.log10(min(y for _, y in points)))
    highest = math.ceil(math.log10(max(y for _, y in points)))
    across = lambda x: left + (math.log10(x) - decades[0]) / (decades[1] - decades[0]) * width
    up = lambda y: top + height - (math.log10(y) - lowest) / (highest - lowest) * height
    out = [f'<text x="{left}" y="{top - 18}" class="title">{title}</text>']
    for power in range(decades[0], decades[1] + 1):
        x = across(10 ** power)
        out.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" class="grid"/>')
        out.append(f'<text x="{x:.1f}" y="{top + height + 18}" text-anchor="middle">{10 ** power:,}</text>')
    for power in range(lowest, highest + 1):
        y = up(10 ** power)
        out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" class="grid"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** power:g} s</text>')
    (x0, y0), x1 = points[0], points[-1][0]
    out.append(f'<line x1="{across(x0):.1f}" y1="{up(y0):.1f}" x2="{across(x1):.1f}" y2="{up(y0 * x1 / x0):.1f}" class="slope"/>')
    out += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="4" class="point"/>' for x, y in points]
    out.append(f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">{axis}</text>')
    return out


def draw(path, packets, hosts):
    style = ("text{font:12px sans-serif;fill:#333}.title{font-weight:bold}.grid{stroke:#ddd}"
             ".slope{stroke:#999;stroke-dasharray:5 4}.point{fill:#1f6feb}")
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 360"><style>{style}</style>',
             '<rect width="880" height="360" fill="white"/>']
    lines += panel(70, "CPU time of 1,000 hosts", "packets", packets)
    lines += panel(510, f"CPU time of {SECONDS} seconds", "hosts active every second", hosts)
    lines += ['<text x="70" y="352">Dashed: growth in proportion to the first point.</text>', "</svg>"]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--packets", default="1e6,3e6,1e7,3e7,1e8")
    options.add_argument("--hosts", default="100,1000,10000,50000,100000,200000")
    options.add_argument("--svg")
    options = options.parse_args()
    amounts = lambda text: [int(float(word)) for word in text.split(",")]
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORK")) as work:
        generator = work + "/hosts"
        subprocess.run(["cc", "-O2", "-o", generator, HERE + "/hosts.c"], check=True)
        by_packets, by_hosts = [], []
        print("| packets | CPU s | µs a packet | peak MB |\n|---|---|---|---|")
        for count in amounts(options.packets):
            seconds, peak = measure(generator, work, 1000, count)
            by_packets.append((count, seconds))
            print(f"| {count:,} | {seconds:.2f} | {seconds / count * 1e6:.2f} | {peak:.0f} |", flush=True)
        print("\n| hosts | CPU s | µs a host and second | peak MB |\n|---|---|---|---|")
        for count in amounts(options.hosts):
            seconds, peak = measure(generator, work, count, count * 2 * SECONDS)
            by_hosts.append((count, seconds))
            print(f"| {count:,} | {seconds:.2f} | {seconds / count / SECONDS * 1e6:.2f} | {peak:.0f} |", flush=True)
    if options.svg:
        draw(options.svg, by_packets, by_hosts)


main()
