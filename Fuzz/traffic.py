#!/usr/bin/env python3
"""traffic.py LAZARET SEEDS [FIRST]: analyses captures of random traffic, one for each seed; no run may end by a signal.

Where FuzzDecoder and FuzzCapture try single frames and files, this tries what windows, verdicts, incidents and quarantine make
of many: bursts of scans, floods, logins, DNS, ARP, DHCP, neighbour discovery, tunnels, fragments and ICMP errors, at times
near 1970 and the end of what a capture can express, with clocks that are set back and ahead, in several formats. Each capture is
replayed with a model of other random traffic and without one, trained on, and metered, with the default number of threads and with
one: the output must be the same, and each line of JSON must be one. A failure prints the seed, and leaves the capture below TMPDIR;
the exit code is then 1.
"""
import json, os, random, struct, subprocess, sys, tempfile

NO_MAC, ALL = bytes(6), b"\xff" * 6


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) // 2 * 2]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Traffic:
    def __init__(self, seed):
        self.random = random.Random(seed)
        pick = self.random
        self.hosts = [self.host(number) for number in range(pick.choice((2, 5, 30)))]
        self.time = pick.choice((0, 0, 1, 5, 60, 599, 601, 2**31 - 3, 2**31, 2**32 - 700, 2**32 - 5, 1_700_000_000, 1_700_000_000))
        self.frames = []

    def host(self, number):
        mac = bytes((2, 0, 0, 0, number >> 8, number & 255))
        if self.random.random() < 0.25:
            return mac, struct.pack("!QQ", 0xFD00 << 48, 0x10 + number)
        network = self.random.choice((0x0A000000, 0x0A000000, 0xAC110000, 0xC0000200, 0x08080800, 0xE0000000, 0))
        return mac, struct.pack("!I", network + number + 1)

    def add(self, data):
        self.frames.append((self.time, data))
        self.time += self.random.choice(self.steps)

    def ip(self, source, target, protocol, payload, fragment=0, hops=64):
        (mac, address), (to, peer) = source, target
        if len(address) != len(peer):
            peer = (peer * 4)[:len(address)]
        if len(address) == 16:
            packet = struct.pack("!IHBB", 0x60000000, len(payload) & 0xFFFF, protocol, hops) + address + peer
            kind = 0x86DD
        else:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload) & 0xFFFF, self.random.randrange(4), fragment, hops, protocol, 0)
            packet = head[:10] + struct.pack("!H", checksum(head + address + peer)) + address + peer
            kind = 0x800
        return to + mac + struct.pack("!H", kind) + packet + payload

    def tcp(self, source, target, ports, flags, data=b"", sequence=1):
        head = struct.pack("!HHIIBBHHH", *ports, sequence, sequence, 0x50, flags, 1024, 0, 0)
        self.add(self.ip(source, target, 6, head + data))

    def udp(self, source, target, ports, data):
        self.add(self.ip(source, target, 17, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data))

    def pair(self):
        return self.random.choice(self.hosts), self.random.choice(self.hosts)

    def conversation(self, count):
        for _ in range(count):
            (one, other), port = self.pair(), self.random.choice((22, 80, 443, 3306, 21, 25, 53, 5432, 8080, 40000))
            ports = (self.random.randrange(1024, 65536), port)
            back = (port, ports[0])
            self.tcp(one, other, ports, 2)
            if self.random.random() < 0.3:
                self.tcp(other, one, back, 0x14)
                continue
            self.tcp(other, one, back, 0x12)
            for _ in range(self.random.randrange(6)):
                data = self.random.choice((b"", b"GET / HTTP/1.1\r\nAuthorization: Basic YTpi\r\n\r\n", b"USER a\r\n", b"530 Login incorrect.\r\n", bytes(1400)))
                self.tcp(*self.random.choice(((one, other, ports), (other, one, back))), 0x18, data)
            self.tcp(one, other, ports, self.random.choice((0x11, 0x14, 0x10)))
            self.tcp(other, one, back, 0x11)

    def scan(self, count):
        (one, other), flags = self.pair(), self.random.choice((2, 0, 1, 0x29, 0x10, 0x12, 4, 0x3F, 0x11))
        sweeps = self.random.random() < 0.5
        for number in range(count):
            peer = self.random.choice(self.hosts) if sweeps else other
            self.tcp(one, peer, (self.random.choice((4444, 1024 + number)), 1 + number % 65535), flags)
            if self.random.random() < 0.2:
                self.tcp(peer, one, (1 + number % 65535, 4444), 0x14)

    def dns(self, count):
        one, other = self.pair()
        for number in range(count):
            label = bytes(self.random.choice(b"abcdef0123456789") for _ in range(self.random.choice((3, 20, 63))))
            name = bytes((len(label),)) + label + b"\x07example\x03com\0"
            flags = self.random.choice((0x0100, 0x8180, 0x8183))
            message = struct.pack("!HHHHHH", number & 0xFFFF, flags, 1, 0, 0, 0) + name + struct.pack("!HH", self.random.choice((1, 16, 28)), 1)
            if flags & 0x8000:
                self.udp(other, one, (53, 5353), message)
            else:
                self.udp(one, other, (5353, 53), message)

    def arp(self, count):
        one, other = self.pair()
        for number in range(count):
            kind, asked = self.random.choice((1, 1, 2)), self.random.choice(self.hosts)[1][:4]
            if self.random.random() < 0.5:
                asked = struct.pack("!I", 0x0A000000 + number)
            sender = self.random.choice((one, one, other))[1][:4]
            self.add(ALL + one[0] + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, kind) + one[0] + sender + NO_MAC + asked)

    def icmp(self, count):
        one, other = self.pair()
        v6 = len(one[1]) == 16
        for number in range(count):
            kind = self.random.choice((128, 129, 133, 134, 135, 136, 137, 1, 3) if v6 else (8, 8, 0, 3, 5, 11, 13))
            body = self.random.choice((bytes(8), bytes(1200), one[1] * 4, self.ip(other, one, 17, bytes(8))[14:]))
            self.add(self.ip(one, other, 58 if v6 else 1, struct.pack("!BBHHH", kind, number % 4, 0, 7, number & 0xFFFF) + body, hops=255))

    def dhcp(self, count):
        one, other = self.pair()
        for _ in range(count):
            message = struct.pack("!BBBBI", self.random.choice((1, 2)), 1, 6, 0, 7) + bytes(228) + b"\x63\x82\x53\x63" + bytes((53, 1, self.random.choice((1, 2, 5)), 255))
            self.udp(one, other, (67, 68), message)

    def flood(self, count):
        one, other = self.pair()
        size, fragment = self.random.choice((0, 8, 1400, 60000)), self.random.choice((0, 0, 0x2000, 0x2001, 0x00B9))
        for number in range(count):
            forged = (one[0], struct.pack("!I", self.random.randrange(2**32))) if self.random.random() < 0.3 else one
            head = struct.pack("!HHHH", 1024 + number % 60000, 123, 8 + size & 0xFFFF, 0)
            self.add(self.ip(forged, other, self.random.choice((17, 6, 47, 132, 50)), head + bytes(min(size, 1400)), fragment))

    def tunnel(self, count):
        one, other = self.pair()
        inner = Traffic(self.random.randrange(2**32))
        inner.steps = [0]
        inner.conversation(max(1, count // 8))
        for _, frame in inner.frames[:count]:
            kind = self.random.choice(("vxlan", "gre", "ipip"))
            if kind == "vxlan":
                self.udp(one, other, (50000, 4789), struct.pack("!II", 0x08000000, 42 << 8) + frame)
            elif kind == "gre":
                self.add(self.ip(one, other, 47, struct.pack("!HH", 0, 0x800) + frame[14:]))
            else:
                self.add(self.ip(one, other, 4, frame[14:]))

    def garbage(self, count):
        for _ in range(count):
            if self.frames:
                data = bytearray(self.random.choice(self.frames)[1])
                for _ in range(self.random.randrange(4)):
                    data[self.random.randrange(len(data))] = self.random.randrange(256)
                self.add(bytes(data[:self.random.randrange(1, len(data) + 1)]))

    def fill(self):
        kinds = (self.conversation, self.scan, self.dns, self.arp, self.icmp, self.dhcp, self.flood, self.tunnel, self.garbage)
        for _ in range(self.random.randrange(1, 12)):
            self.steps = self.random.choice(([0], [0.001], [0.0001, 0.01], [0.5, 1.5], [1, 10, 31], [61], [-0.5, 0.6], [0.001] * 60 + [-700, 700], [0.01] * 50 + [86_400]))
            self.random.choice(kinds)(self.random.choice((1, 3, 40, 300)))
            self.time += self.random.choice((0, 0.2, 1, 9, 60, 599, -30, -4000, 100_000, 2**31))
        return self

    def cooked(self, data):
        """The frame as it was received at a port of a bridge: link type 276."""
        number = 2 + data[11] % 7 if len(data) >= 14 and self.random.random() < 0.98 else self.random.randrange(2**32)
        return data[12:14].ljust(2, b"\0") + bytes(2) + struct.pack("!IHBB", number, 1, self.random.choice((0, 0, 0, 1, 2, 3, 4)), 6) + data[6:12].ljust(8, b"\0") + data[14:]

    def write(self, path):
        style = self.random.choice(("us", "ns", "big", "ng"))
        ports = self.random.random() < 0.3
        most = self.random.choice((64, 200, 65535))
        with open(path, "wb") as file:
            if style == "ng":
                unit = self.random.choice((3, 6, 9))
                option = struct.pack("<HHBxxx", 9, 1, unit) + struct.pack("<HH", 0, 0)
                file.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
                file.write(struct.pack("<IIHHI", 1, 20 + len(option), 276 if ports else 1, 0, 0) + option + struct.pack("<I", 20 + len(option)))
            else:
                order = ">" if style == "big" else "<"
                unit = 9 if style == "ns" else 6
                file.write(struct.pack(order + "IHHiIII", 0xA1B23C4D if unit == 9 else 0xA1B2C3D4, 2, 4, 0, 0, 65535, 276 if ports else 1))
            for time, data in self.frames:
                if ports:
                    data = self.cooked(data)
                kept = data[:most]
                if style == "ng":
                    stamp = int(time * 10**unit) & (2**64 - 1)
                    size = 32 + (len(kept) + 3) // 4 * 4
                    file.write(struct.pack("<IIIIIII", 6, size, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(kept), len(data)))
                    file.write(kept + bytes(-len(kept) % 4) + struct.pack("<I", size))
                else:
                    second = int(time // 1)
                    file.write(struct.pack(order + "IIII", second & 0xFFFFFFFF, int((time - second) * 10**unit), len(kept), len(data)) + kept)


def execute(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)


def explained(lazaret, output, capture, model, path):
    """What is wrong with the explanations of the first and the last alert."""
    with open(path, "wb") as file:
        file.write(output)
    try:
        alerts = [line["lazaret"]["event_id"] for line in map(json.loads, output.splitlines()) if line["event_type"] == "alert"]
    except (ValueError, KeyError) as error:
        return [f"{capture}: {error!r}"]
    runs = {name: execute(lazaret, "explain", name, "--events", path, "-r", capture, "-m", model) for name in alerts[:1] + alerts[-1:]}
    return [f"{capture}: explain {name} ended with {run.returncode}: {run.stderr[-300:]}" for name, run in runs.items() if run.returncode]


def number(name):
    raise ValueError(f"{name} is no number of JSON")


def fault(output):
    """What is wrong with lines of JSON; None: nothing."""
    try:
        lines = [json.loads(line, parse_constant=number) for line in output.splitlines()]
    except ValueError as error:
        return str(error)
    late = [line for line in lines if "start" in line and line.get("end", line["start"]) < line["start"]]
    return f"ends before it starts: {late[0]}"[:300] if late else None


def main():
    lazaret, seeds = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    failures = 0
    work = tempfile.mkdtemp(prefix="lazaret-traffic-")
    model = f"{work}/model"
    for seed in range(first, first + seeds):
        capture = f"{work}/{seed}.pcap"
        Traffic(seed).fill().write(capture)
        made = f"{work}/made.model"
        runs = [["replay", "-r", capture, "--format", "eve", "--report", "/dev/null"], ["train", "-r", capture, "-o", made, "--exclude-suspects"], ["train", "-r", capture, "-o", made], ["flows", "-r", capture, "--format", "eve"]]
        if os.path.exists(model):
            runs += [["replay", "-r", capture, "-m", model, "--format", "eve", "--report", "/dev/null"], ["replay", "-r", capture, "-m", model, "--format", "json", "--plan", "/dev/null"], ["check", "-r", capture, "-m", model]]
        if os.path.exists(made):
            os.remove(made)
        problems = []
        for words in runs:
            run, alone = (execute(lazaret, *words, *more) for more in ([], ["--threads", "1"]))
            if words[0] == "replay" and "-m" in words and "eve" in words:
                problems += explained(lazaret, run.stdout, capture, model, f"{work}/events")
            if run.returncode not in (0, 1, 3):
                problem = f"ended with {run.returncode}: {run.stderr[-300:].decode(errors='replace')}"
            elif (run.returncode, run.stdout) != (alone.returncode, alone.stdout):
                problem = "depends on the number of threads"
            else:
                problem = fault(run.stdout) if "eve" in words or "json" in words else None
            if problem:
                problems.append(f"seed {seed}: {' '.join(words)}: {problem}")
        # A model of other traffic: that of the seed before.
        if os.path.exists(made):
            os.replace(made, model)
        print("\n".join(problems), end="\n" if problems else "", flush=True)
        failures += bool(problems)
        if not problems:
            os.remove(capture)
    if not failures:
        for name in os.listdir(work):
            os.remove(f"{work}/{name}")
        os.rmdir(work)
    print(f"{seeds} captures, {failures} failures")
    sys.exit(1 if failures else 0)


main()
