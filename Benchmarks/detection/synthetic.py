#!/usr/bin/env python3
"""synthetic.py: writes captures of container networks other than the sample lab, optionally with labelled attacks.

    synthetic.py LAB SEED HOURS OUT_PREFIX [--start H] [--calm] [--attacks | --quiet]

LAB is `shop` (25 containers on three Docker bridges), `mesh` (80 pods of a Kubernetes cluster, dual stack) or `office`
(60 desktops, servers, cameras, meters and controllers behind one gateway). A lab has
the same services, addresses and regular clients for every seed; SEED determines everything else, so another seed is
another day. --start H begins H hours later in the day (0 is 08:00, on a curve that peaks in the afternoon). --calm omits
the harmless anomalies: deploy, scale-out, full backup, rush, restart, slow client. --stretch N makes attacks N times
slower. --quiet makes ten-minute attacks instead that use known contacts, at one and a half to three times a workload's
usual rate or in another mixture, so that no feature lies far outside what clean hours hold. Written are OUT_PREFIX.pcap,
OUT_PREFIX.inventory.yaml and, with attacks, OUT_PREFIX.labels.jsonl, in the formats of captures/. To train, and to evaluate the hours that follow and one with attacks:

    synthetic.py shop 1 2 train --calm
    synthetic.py shop 2 4 clean --start 2
    synthetic.py shop 3 1 bad   --start 3 --calm --attacks
    lazaret train    -r train.pcap --inventory train.inventory.yaml -o model
    lazaret evaluate -r clean.pcap --inventory clean.inventory.yaml -m model
    lazaret evaluate -r bad.pcap   --inventory bad.inventory.yaml   -m model --truth bad.labels.jsonl

Each frame is recorded once, where it enters the gateway, with real addresses and no NAT (in `mesh`, sockets are translated
before they send, as with Cilium). Payload is cut at 96 bytes, DNS is complete; the lengths in headers are the original ones.
New pods of `mesh` get new addresses, which the inventory lists as an orchestrator would.
"""
import argparse, functools, heapq, ipaddress, itertools, json, math, random, struct

EPOCH = 1_800_000_000 - 1_800_000_000 % 86_400 + 8 * 3600
SNAP, MSS = 96, 1448
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
POOLED = {5432, 6379, 9042}
TLS_PORTS = {443, 8443, 8883, 9093, 6443}
WORDS = ("alder birch cedar dune ember fjord grove heath iris juniper kelp larch maple nettle oak pine quartz reed "
         "sedge thyme umber vale willow yarrow").split()


def ones(data):
    """The sum of 16-bit words for a checksum."""
    return sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))


def fold(total):
    while total > 0xFFFF: total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Net:
    def __init__(self, name, prefix, prefix6=None):
        self.name, self.prefix = name, ipaddress.ip_network(prefix)
        self.prefix6 = prefix6 and ipaddress.ip_network(prefix6)
        self.spare = itertools.count(100)  # addresses of later containers
        self.gateway = Host("gateway", self, 1)
        self.hosts = []


class Host:
    """An end of conversations: a container, a gateway, or (without a network) an outside host."""

    def __init__(self, name, net, number, mac=None, image=None, rtt=0.0003):
        self.name, self.net, self.image, self.rtt = name, net, image or name, rtt
        four = number if net is None else net.prefix[number]
        self.ip = ipaddress.ip_address(four)
        self.ip6 = net.prefix6[number] if net and net.prefix6 else self.ip if self.ip.version == 6 else None
        self.packed = {4: self.ip.packed, 6: self.ip6 and self.ip6.packed}
        self.sums = {v: ones(p) for v, p in self.packed.items() if p}
        self.mac = mac or (b"\x02\x42" + self.ip.packed if net else b"\x02\x00\x5e\x00\x00\x01")
        self.ports = itertools.cycle(range(32768 + number % 97 if net else 32768, 60999))
        self.links, self.known, self.conns, self.up, self.gone = {}, {}, {}, True, False
        self.ttl = 64 if net else 52


@functools.lru_cache(maxsize=4096)
def head(port, way, size):
    """The first bytes of a payload, enough for a dissector."""
    if size < 40: data = b""
    elif port in TLS_PORTS: data = struct.pack("!BHH", 23, 0x303, max(size - 5, 0))
    elif port == 5432:
        if way == 0: data = struct.pack("!cI", b"Q", size - 1) + b"select * from t"
        else: data = struct.pack("!cIH", b"D", size - 1, 0)
    elif port == 6379: data = b"*2\r\n$3\r\nGET\r\n$8\r\nsession1\r\n" if way == 0 else b"$%d\r\n" % max(size - 12, 0)
    elif port == 25: data = b"DATA\r\n" if way == 0 else b"250 2.0.0 Ok\r\n"
    elif port == 22: data = struct.pack("!IBB", size - 4, 6, 94)
    elif port == 2049:
        data = struct.pack("!6I", 0x80000000 | max(size - 4, 0), 7, way, *((2, 100003, 4) if way == 0 else (0, 0, 0)))
    elif port in (80, 8080, 9000, 9100, 9200, 3100):
        data = b"GET /item/1 HTTP/1.1\r\nHost: lab\r\n\r\n" if way == 0 else b"HTTP/1.1 200 OK\r\nServer: lab\r\n\r\n"
    else: data = b""
    data = data[:min(size, SNAP - 54)]
    return data, ones(data)


class Conn:
    """One TCP connection. Every call writes packets from `self.t` on, and moves `self.t` past them."""

    def __init__(self, lab, a, b, port, t, version=4):
        self.lab, self.ends, self.version, self.port, self.t = lab, (a, b), version, port, t
        self.sport, self.born, self.is_open = next(a.ports), t, False
        self.seq = [lab.rng.getrandbits(32), lab.rng.getrandbits(32)]
        self.rtt = (a.rtt + b.rtt) * lab.rng.uniform(0.8, 1.5)
        self.base = a.sums[version] + b.sums[version] + self.sport + port + 6

    def put(self, t, way, flags, size=0, words=None):
        source, destination = self.ends[way], self.ends[1 - way]
        seq, ack = self.seq[way], self.seq[1 - way] if flags & ACK else 0
        options = b"\x02\x04\x05\xb4\x01\x03\x03\x07" if flags & SYN else b""
        data, total = (words, ones(words)) if words else head(self.port, way, size) if size else (b"", 0)
        word = (5 + len(options) // 4) << 12 | flags
        total += (self.base + 20 + len(options) + size + (seq >> 16) + (seq & 0xFFFF) + (ack >> 16) + (ack & 0xFFFF)
                  + word + 502 + (0x204 + 0x5B4 + 0x103 + 0x307 if options else 0))
        ports = (self.sport, self.port) if way == 0 else (self.port, self.sport)
        header = struct.pack("!HHIIHHHH", *ports, seq, ack, word, 502, fold(total), 0) + options + data
        if size: header = header.ljust(min(20 + size, SNAP - 34), b"\0")
        self.lab.ip(t, source, destination, 6, header, 20 + len(options) + size, self.version)
        if size and self.lab.rng.random() < 0.0007:
            self.lab.ip(t + 0.21, source, destination, 6, header, 20 + size, self.version)
        self.seq[way] = (seq + size + (1 if flags & (SYN | FIN) else 0)) & 0xFFFFFFFF

    def open(self):
        self.put(self.t, 0, SYN)
        self.put(self.t + self.rtt, 1, SYN | ACK)
        self.t += self.rtt * 1.2
        self.put(self.t, 0, ACK)
        self.is_open = True
        if self.port in TLS_PORTS:
            self.exchange(517, 3300 if self.ends[1].net else 4400, 0.002)
            self.exchange(80, 260, 0.0005)
        return self

    def send(self, way, size, gap=None):
        """Sends in segments; every second one is acknowledged."""
        gap = gap or (0.00006 if self.rtt < 0.005 else 0.0012)
        count, t = 0, self.t
        while size > 0:
            part = min(size, MSS)
            size -= part
            self.put(t, way, ACK | PSH if size == 0 else ACK, part)
            count += 1
            if count % 2 == 0: self.put(t + self.rtt, 1 - way, ACK)
            t += gap
        self.t = max(t, self.t) + self.rtt
        return count

    def exchange(self, up, down, work=0.001):
        """A request and its answer; `work` is the server's time, or a function from its start to its end."""
        if up: self.send(0, up)
        self.t = work(self.t) if callable(work) else self.t + work
        if down and self.send(1, down) % 2: self.put(self.t, 0, ACK)
        return self.t

    def close(self, way=0, reset=False):
        if not self.is_open: return
        self.is_open = False
        self.t = max(self.t, self.lab.now)
        if reset: return self.put(self.t, way, RST | ACK)
        self.put(self.t, way, FIN | ACK)
        self.put(self.t + self.rtt, 1 - way, FIN | ACK)
        self.put(self.t + self.rtt * 1.2, way, ACK)


class Lab:
    """The time, the heap of future actions, and the packets."""

    def __init__(self, seed, hours, start, path):
        self.rng, self.fixed = random.Random(f"{type(self).__name__} {seed}"), random.Random(type(self).__name__)
        self.start = EPOCH + start * 3600
        self.now, self.end = self.start, self.start + hours * 3600
        self.heap, self.count, self.ident, self.label, self.labels, self.rush = [], itertools.count(), 0, None, [], 1.0
        self.nets, self.services, self.all, self.names, self.cached = [], {}, [], {}, {}
        self.upstream = Host("outside", None, "203.0.113.53", rtt=0.012)
        self.path = path

    def outside(self, address, rtt=None):
        host = Host("outside", None, address, rtt=rtt or self.rng.lognormvariate(-3.6, 0.6))
        host.ports = itertools.cycle(range(self.rng.randrange(32768, 60000), 60999))
        return host

    def add(self, name, net, number=None, image=None):
        """A container; without a number, one that is started later, with the net's next address."""
        mac = None if isinstance(self, Shop) else b"\x0e" + (self.fixed if number else self.rng).randbytes(5)
        host = Host(name, net, number or next(net.spare), mac, image)
        net.hosts.append(host)
        self.all.append(host)
        self.services.setdefault(name, []).append(host)
        self.spawn(self.neighbours(host))
        self.begin(host)
        return host

    def begin(self, host): pass

    def remove(self, host):
        """Stops a host: closes its connections; it answers no more."""
        host.gone, host.up = True, False
        self.services[host.name].remove(host)
        host.net.hosts.remove(host)
        self.hang_up(host)

    def hang_up(self, host, reset=False):
        for other in self.all:
            for key in [k for k in other.conns if host is other or k[0] is host]:
                other.conns.pop(key).close(0 if host is other else 1, reset)

    def pick(self, name): return self.rng.choice(self.services[name])

    def exp(self, mean): return self.rng.expovariate(1 / mean)

    def size(self, least, shape=1.3, most=400_000): return int(min(least * self.rng.paretovariate(shape), most))

    def demand(self):
        """The day's curve, 1 at its peak in the afternoon."""
        return self.rush * (0.6 + 0.4 * math.sin((self.now % 86_400 / 3600 - 9) / 24 * 2 * math.pi))

    def spawn(self, process, after=0.0): heapq.heappush(self.heap, (self.now + after, next(self.count), process, None))

    def every(self, host, seconds, action, jitter=0.05):
        """Calls `action(host)` periodically, as long as the host exists."""
        def process():
            yield self.rng.random() * seconds
            while not host.gone:
                if host.up: action(host)
                yield seconds * self.rng.uniform(1 - jitter, 1 + jitter)
        self.spawn(process())

    def now_and_then(self, host, mean, action):
        def process():
            while True:
                yield self.exp(mean)
                if host.gone: return
                if host.up: action(host)
        self.spawn(process())

    def push(self, t, frame, wire):
        if self.label is not None:
            self.label["start"] = min(self.label["start"], t)
            self.label["end"] = max(self.label["end"], t)
            self.label["packets"] += 1
        heapq.heappush(self.heap, (t, next(self.count), frame, wire))

    def ip(self, t, source, destination, protocol, payload, length, version=4):
        link = source.links.get((destination, version))
        if link is None:
            if source.net is destination.net and source.net: hop = destination.mac
            else: hop = source.net.gateway.mac if source.net else b"\x02\x00\x5e\x00\x00\x02"
            ethernet = hop + source.mac + (b"\x08\x00" if version == 4 else b"\x86\xdd")
            addresses = source.packed[version] + destination.packed[version]
            link = source.links[destination, version] = (ethernet, addresses, ones(addresses) + 0x4500 + 0x4000)
        ethernet, addresses, total = link
        if version == 4:
            self.ident = ident = (self.ident + 1) & 0xFFFF
            check = fold(total + 20 + length + ident + (source.ttl << 8) + protocol)
            header = struct.pack("!HHHHBBH", 0x4500, 20 + length, ident, 0x4000, source.ttl, protocol, check)
        else:
            header = struct.pack("!IHBB", 6 << 28, length, protocol, source.ttl)
        self.push(t, ethernet + header + addresses + payload, 14 + len(header) + len(addresses) + length)

    def udp(self, t, source, destination, sport, dport, data, size=None, version=4):
        size = size or len(data)
        total = source.sums[version] + destination.sums[version] + 17 + 2 * (8 + size) + sport + dport + ones(data)
        header = struct.pack("!HHHH", sport, dport, 8 + size, fold(total) or 0xFFFF)
        kept = data if 53 in (sport, dport) else data[:54]
        self.ip(t, source, destination, 17, header + kept, 8 + size, version)

    def ping(self, t, source, destination, number, size=56, answer=True):
        for kind in (8, 0)[:1 + answer]:
            header = struct.pack("!BBHHH", kind, 0, fold((kind << 8) + 7 + number), 7, number)
            self.ip(t, source, destination, 1, header + bytes(min(size, 46)), 8 + size)
            source, destination, t = destination, source, t + source.rtt + destination.rtt

    def arp(self, t, host, address, owner=None):
        ask = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + host.mac + host.ip.packed + bytes(6) + address.packed
        self.push(t, b"\xff" * 6 + host.mac + b"\x08\x06" + ask, 42)
        if owner:
            reply = struct.pack("!HHBBH", 1, 0x800, 6, 4, 2) + owner.mac + address.packed + host.mac + host.ip.packed
            self.push(t + 0.0001, host.mac + owner.mac + b"\x08\x06" + reply, 42)

    def neighbours(self, host):
        while not host.gone:
            owner = self.rng.choice(host.net.hosts + [host.net.gateway] * 3)
            if owner is not host and host.up: self.arp(self.now, host, owner.ip, owner)
            if host.ip6 and host.up:
                # Neighbour unreachability detection: request and answer are unicast.
                gateway = host.net.gateway
                for kind, a, b in (135, host, gateway), (136, gateway, host):
                    body = struct.pack("!BBHI", kind, 0, 0, 0x60000000 if kind == 136 else 0) + gateway.packed[6]
                    check = fold(ones(body) + a.sums[6] + b.sums[6] + len(body) + 58)
                    a.ttl = 255
                    self.ip(self.now, a, b, 58, body[:2] + struct.pack("!H", check) + body[4:], len(body), 6)
                    a.ttl = 64
            yield self.exp(150)

    def ask(self, t, a, b, name, kind, answer, code=0, relay=None):
        """One DNS question and its answer; `relay` returns the time when the server has it."""
        ident, sport = self.rng.getrandbits(16), self.rng.randrange(32768, 60999)
        question = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + struct.pack("!BHH", 0, kind, 1)
        self.udp(t, a, b, sport, 53, struct.pack("!6H", ident, 0x100, 1, 0, 0, 0) + question)
        t = relay(t) if relay else t + a.rtt + b.rtt
        records = b"" if answer is None else struct.pack("!HHHIH", 0xC00C, kind, 1, 300, len(answer)) + answer
        reply = struct.pack("!6H", ident, 0x8180 | code, 1, 1 if records else 0, 0, 0) + question + records
        self.udp(t, b, a, 53, sport, reply)
        return t + a.rtt

    def lookup(self, t, host, name, kind=1, ttl=30):
        """Queries the lab's resolver, which queries upstream for outside names that are not in its cache."""
        if host.known.get((name, kind), 0) > t: return t
        host.known[name, kind] = t + ttl
        address = self.names.get(name)
        is_local = "." not in name or name.endswith(".local")
        code = 3 if address is None and kind != 15 else 0
        data = address.packed if address and kind == 1 else None
        if kind == 15: data = struct.pack("!H", 10) + b"\x02mx\xc0\x0c"
        server = self.pick("dns")

        def relay(t):
            if is_local or self.cached.get((name, kind), 0) > t: return t + 0.0004
            self.cached[name, kind] = t + 300
            return self.ask(t + 0.0003, server, self.upstream, name, kind, data, code)
        return self.ask(t, host, server, name, kind, data, code, relay)

    def call(self, t, a, b, port, up, down, work=0.002, keep=True, version=4, name=None):
        """One request of `a` to `b`, on a persistent connection (of a pool, for half an hour) or on a new one."""
        key = (b, port, version, self.rng.randrange(6) if port in POOLED else 0)
        conn = a.conns.get(key) if keep else None
        if conn and t - conn.born > 1800 + conn.sport % 600:
            a.conns.pop(key).close()
            conn = None
        if conn is None:
            if name: t = self.resolve(t, a, name)
            conn = Conn(self, a, b, port, t, version)
            if not b.up: return self.refuse(conn)
            conn.open()
            if keep: a.conns[key] = conn
        conn.t = max(conn.t, t)
        conn.exchange(up, down, work)
        if not keep: conn.close()
        return conn.t

    def client(self):
        """The address of a client: a regular one, an office that shares one address, or an unknown one."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.05: return f"198.18.250.{rng.randrange(1, 4)}"
        if draw < 0.65: return self.regulars[int(len(self.regulars) * rng.random() ** 2)]
        return f"198.18.{rng.getrandbits(8)}.{rng.getrandbits(8)}"

    def refuse(self, conn, is_silent=False):
        if conn.ends[1].gone or is_silent:
            for delay in (0, 1, 3):
                conn.put(conn.t + delay, 0, SYN)
                conn.seq[0] -= 1
            return conn.t + 7
        conn.put(conn.t, 0, SYN)
        conn.put(conn.t + conn.rtt, 1, RST | ACK)
        return conn.t + conn.rtt

    def resolve(self, t, a, name): return self.lookup(t, a, name)

    def bulk(self, a, b, port, size, way=0, rate=4e6, keep=None, version=4):
        """A long transfer, a piece at a time."""
        conn = keep or Conn(self, a, b, port, self.now, version).open()
        while size > 0 and conn.is_open:
            piece = int(min(size, 200_000))
            conn.t = max(conn.t, self.now)
            conn.send(way, piece, MSS / rate)
            size -= piece
            yield max(conn.t - self.now, 0.001)
        if keep is None: conn.close()

    def scrape(self, prometheus, host):
        if prometheus is host: return
        size = (2000 + host.ip.packed[3] * 60) * self.rng.uniform(0.95, 1.05)
        self.call(self.now, prometheus, host, 9100, 180, int(size), 0.005)

    def restart(self, host, seconds):
        """Takes a host down for a while: connections are refused."""
        self.hang_up(host, reset=True)
        host.up = False
        yield seconds
        host.up = True

    def deploy(self, name, gap=25):
        """Replaces all containers by new ones, one after the other."""
        for old in list(self.services[name]):
            self.add(name, old.net, image=old.image)
            yield gap
            self.remove(old)

    def scale(self, name, count, seconds):
        more = [self.add(name, self.rng.choice(self.services[name]).net) for _ in range(count)]
        yield seconds
        for host in more:
            if not host.gone: self.remove(host)

    def busy(self, factor, seconds):
        self.rush = factor
        yield seconds
        self.rush = 1.0

    def slow(self, server, port):
        """A client with a slow connection downloads a large file, a segment now and then."""
        conn = Conn(self, self.outside("198.19.7.7", 0.4), server, port, self.now).open()
        conn.send(0, 400)
        for _ in range(600):
            conn.t = max(conn.t, self.now)
            conn.send(1, MSS)
            yield self.exp(0.9)
        conn.close()

    def run(self):
        with open(self.path + ".pcap", "wb", 1 << 20) as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            heap, pack, write, step = self.heap, struct.Struct("<IIII").pack, file.write, next
            while heap:
                t, _, item, wire = heapq.heappop(heap)
                if t >= self.end: break
                if wire is None:
                    self.now = t
                    delay = step(item, None)
                    if delay is not None: heapq.heappush(heap, (t + delay, next(self.count), item, None))
                else:
                    second = int(t)
                    write(pack(second, int((t - second) * 1e6), len(item), wire))
                    write(item)

    def write_inventory(self):
        with open(self.path + ".inventory.yaml", "w") as file:
            print("networks:", file=file)
            for net in self.nets:
                print(f"  - {{name: {net.name}, prefix: {net.prefix}, gateway: {net.gateway.ip}}}", file=file)
                if net.prefix6:
                    gateway = f"gateway: '{net.gateway.ip6}'"
                    print(f"  - {{name: {net.name}-v6, prefix: '{net.prefix6}', {gateway}}}", file=file)
            print("workloads:", file=file)
            for name in dict.fromkeys(h.name for h in self.all):
                hosts = [h for h in self.all if h.name == name]
                addresses = [f"'{h.ip}'" for h in hosts] + [f"'{h.ip6}'" for h in hosts if h.ip6]
                macs = ", ".join(f"'{h.mac.hex(':')}'" for h in hosts)
                print(f"  - name: {name}\n    image: lab/{hosts[0].image}\n    addresses: [{', '.join(addresses)}]\n"
                      f"    macs: [{macs}]", file=file)


class Shop(Lab):
    """A web shop on Docker: three bridges, a proxy, replicas of the application, stores behind."""


    def build(self):
        edge, app, data = (Net(n, f"172.20.{i}.0/24") for i, n in enumerate(("edge", "app", "data"), 1))
        self.nets = [edge, app, data]
        for name, net, *numbers in (
                ("nginx", edge, 10, 11), ("dns", edge, 53), ("mail", edge, 25), ("bastion", edge, 22),
                ("app", app, 11, 12, 13, 14), ("search", app, 20), ("cart", app, 21), ("worker", app, 31, 32, 33),
                ("cron", app, 40), ("prometheus", app, 60), ("grafana", app, 61), ("loki", app, 62),
                ("admin", app, 50), ("postgres", data, 5), ("replica", data, 6), ("redis", data, 7),
                ("opensearch", data, 8), ("minio", data, 9), ("backup", data, 20)):
            for number in numbers: self.add(name, net, number)
        for host in list(self.all): self.names[host.name] = host.ip
        self.pay, self.vault, self.uptime = (self.outside(f"203.0.113.{n}", 0.015) for n in (10, 20, 30))
        self.names |= {"api.pay.example": self.pay.ip, "vault.offsite.example": self.vault.ip}
        self.operators = [self.outside(f"203.0.113.{n}", 0.01) for n in (40, 41)]
        self.regulars = [str(ipaddress.ip_address("198.18.0.0") + self.fixed.randrange(60_000)) for _ in range(3000)]
        self.domains = [f"{self.fixed.choice(WORDS)}{n}.example" for n in range(300)]
        self.spawn(self.visitors())
        self.spawn(self.background())
        watch = lambda h: self.call(self.now, h, self.pick("nginx"), 443, 150, 900, 0.01, False)
        self.every(self.uptime, 60, watch)
        self.now_and_then(self.operators[0], 1500, lambda h: self.spawn(self.shell(self.rng.choice(self.operators))))

    def begin(self, host):
        """The actions that a container starts itself, and those of its operators."""
        one = lambda name: self.services[name][0] if self.services.get(name) else None
        self.every(host, 15, lambda h: self.scrape(one("prometheus"), h), 0.001)
        if host.name not in ("loki", "dns"):
            text = lambda: b"<14>1 - %s app - - - request done in %d ms" % (host.name.encode(), self.rng.randrange(999))
            send = lambda h, to: self.udp(self.now, h, to, 44044, 5514, text(), self.size(90, 2, 900))
            log = lambda h: one("loki") and send(h, one("loki"))
            self.now_and_then(host, 12, log)
        if host.name == "app":
            self.every(host, 30, lambda h: self.call(self.now, h, one("postgres"), 5432, 60, 80, name="postgres"))
        elif host.name == "worker":
            def job(h):
                t = self.call(self.now, h, one("redis"), 6379, 70, self.size(90, 1.5, 6000), name="redis")
                if self.rng.random() < 0.4 * self.demand():
                    t = self.call(t, h, one("postgres"), 5432, 300, self.size(500), 0.01, name="postgres")
                    if self.rng.random() < 0.3: self.post(h, t)
                    if self.rng.random() < 0.2:
                        size = self.size(20_000, 1.3, 2_000_000)
                        self.call(t, h, one("minio"), 9000, size, 200, keep=False, name="minio")
            self.every(host, 5, job, 0.3)
        elif host.name == "cron":
            tick = lambda h: self.call(self.now, h, self.pick("app"), 8080, 120, 300, 2, False, name="app")
            self.every(host, 300, tick, 0)
            report = lambda h: self.spawn(self.bulk(h, one("replica"), 5432, self.size(300_000, 1.2, 8e6), way=1))
            self.every(host, 1200, report, 0.01)
        elif host.name == "prometheus":
            pings = lambda h: [self.ping(self.now, h, one(x), 1) for x in ("nginx", "postgres", "redis")]
            self.every(host, 30, pings, 0.01)
        elif host.name == "grafana":
            # An operator watches a dashboard for a while, which refreshes itself.
            def look(h):
                for _ in range(self.rng.randrange(5, 60)):
                    for _ in range(6): self.call(self.now, h, one("prometheus"), 9090, 700, self.size(3000), 0.02)
                    yield 10
            self.now_and_then(host, 1800, lambda h: self.spawn(look(h)))
        elif host.name == "replica":
            follow = lambda h: self.call(self.now, h, one("postgres"), 5432, 40, self.size(200, 1.2), 0)
            self.now_and_then(host, 2, follow)
        elif host.name == "backup":
            def archive(h):
                self.lookup(self.now, h, "minio")
                yield from self.bulk(h, one("postgres"), 5432, self.size(400_000, 1.5, 4e6), way=1)
                yield from self.bulk(h, one("minio"), 9000, self.size(400_000, 1.5, 4e6))
                self.lookup(self.now, h, "vault.offsite.example")
                yield from self.bulk(h, self.vault, 443, self.size(100_000, 1.5, 1e6))
            self.every(host, 900, lambda h: self.spawn(archive(h)), 0)

    def night_backup(self):
        """A backup of the whole database, to the same place as the archives."""
        host = self.pick("backup")
        self.lookup(self.now, host, "vault.offsite.example")
        yield from self.bulk(host, self.pick("postgres"), 5432, 25e6, way=1)
        yield from self.bulk(host, self.vault, 443, 20e6)

    def post(self, host, t):
        """A mail to a customer: the relay looks up the domain's exchanger and delivers."""
        mail, domain = self.pick("mail"), self.domains[min(int(self.rng.paretovariate(0.5)) - 1, 299)]
        t = self.call(t, host, mail, 25, self.size(2500, 1.5, 60_000), 300, 0.05, False, name="mail")
        number = self.domains.index(domain)
        exchanger = self.outside(f"203.0.113.{100 + number % 120}")
        self.names["mx." + domain] = exchanger.ip
        t = self.lookup(self.lookup(t, mail, domain, 15, 300), mail, "mx." + domain, 1, 300)
        conn = Conn(self, mail, exchanger, 25, t)
        if self.rng.random() < 0.03: return self.refuse(conn, True)
        conn.open().exchange(self.size(2700, 1.5, 60_000), 400, 0.3)
        conn.close()

    def shell(self, operator):
        """An operator's SSH session, which sometimes continues from the bastion to another host."""
        conn = Conn(self, operator, self.pick("bastion"), 22, self.now).open()
        conn.exchange(1500, 2200)
        for _ in range(self.rng.randrange(20, 400)):
            conn.t = max(conn.t, self.now)
            conn.exchange(76, self.size(100, 1.1, 8000))
            yield self.exp(2)
        conn.close()

    def visitors(self):
        while True:
            yield self.exp(8 / self.demand())
            client = self.outside(self.client())
            # A browser opens several connections at once.
            for _ in range(self.rng.choice((1, 1, 2, 4))): self.spawn(self.visit(client), self.exp(0.3))

    def visit(self, client):
        conn = Conn(self, client, self.pick("nginx"), 443, self.now).open()
        for _ in range(min(int(self.rng.paretovariate(0.9)), 40)):
            if not conn.is_open: break
            conn.t = max(conn.t, self.now)
            page = functools.partial(self.page, conn.ends[1])
            conn.exchange(self.size(450, 3, 3000), self.size(5000, 1.25), page)
            for _ in range(self.rng.randrange(3)): conn.exchange(350, self.size(3000, 1.1))
            yield self.exp(12)
        conn.close(0 if self.rng.random() < 0.8 else 1, reset=self.rng.random() < 0.1)

    def page(self, nginx, t):
        """The internal requests for one page."""
        rng, app = self.rng, self.pick("app")

        def work(t):
            one = lambda name: self.services[name][0]
            t = self.call(t, app, one("redis"), 6379, 60, self.size(150, 1.4, 20_000), 0.0003, name="redis")
            for _ in range(rng.randrange(4)):
                up, down = self.size(150, 2, 2000), self.size(300)
                t = self.call(t, app, one("postgres"), 5432, up, down, 0.003, name="postgres")
            if rng.random() < 0.15:
                t = self.call(t, app, one("search"), 8080, 300, self.size(2000), self.find, False, name="search")
            if rng.random() < 0.2:
                basket = lambda t: self.call(t, one("cart"), one("redis"), 6379, 200, 90, name="redis")
                t = self.call(t, app, one("cart"), 8080, 400, 700, basket, False, name="cart")
            if rng.random() < 0.03: t = self.call(t, app, self.pay, 443, 1800, 900, 0.2, False, name="api.pay.example")
            return t
        t = self.call(t, nginx, app, 8080, self.size(500, 3, 3000), self.size(4000, 1.3), work, False, name="app")
        if rng.random() < 0.25:
            t = self.call(t, nginx, self.pick("minio"), 9000, 300, self.size(8000, 1.2), name="minio")
        return t

    def find(self, t):
        return self.call(t, self.pick("search"), self.pick("opensearch"), 9200, 900, self.size(3000), 0.02)

    def background(self):
        """Internet background noise: single probes of closed ports."""
        while True:
            yield self.exp(50)
            stranger = self.outside(f"198.19.{self.rng.getrandbits(8)}.{self.rng.getrandbits(8)}")
            port = self.rng.choice((22, 23, 80, 445, 3389, 8081))
            self.refuse(Conn(self, stranger, self.pick("nginx"), port, self.now))

    def oddities(self):
        return [(0.12, self.restart(self.pick("redis"), 30)), (0.27, self.deploy("app")),
                (0.42, self.night_backup()), (0.58, self.busy(3, 600)), (0.73, self.scale("worker", 3, 1500)),
                (0.86, self.slow(self.pick("nginx"), 443))]

    def targets(self):
        """The attackers and targets, and the network that is swept."""
        s = {name: hosts[0] for name, hosts in self.services.items()}
        _, worker2, worker3 = self.services["worker"]
        _, app2, app3, app4 = self.services["app"]
        doors = [(s["postgres"], 5432), (s["minio"], 22), (s["opensearch"], 9200)]
        return dict(fast=(s["worker"], s["postgres"]), slow=(s["grafana"], s["minio"]),
                    sweep=(s["search"], self.nets[2]), flood=(worker2, s["nginx"]), spoof=(s["cart"], s["nginx"]),
                    udp=app2, guess=s["nginx"], ssh=(app3, s["bastion"]), db=(worker3, s["postgres"]), bulk=app4,
                    relay=s["replica"], drip=s["mail"], dns=s["cron"], icmp=s["admin"], beacon=s["opensearch"],
                    lateral=(s["nginx"], doors), arp=s["loki"], web=self.services["nginx"][1])


    def quiet_targets(self):
        """The actors of the quiet attacks, each with contacts that it always had."""
        s = {name: hosts[0] for name, hosts in self.services.items()}
        app = self.services["app"]
        known = [(s["redis"], 6379), (s["postgres"], 5432), (s["search"], 8080), (s["cart"], 8080), (s["minio"], 9000)]
        return dict(fan=(app[1], known[:4]), names=s["mail"], early=(s["backup"], self.vault, 80_000, 300),
                    mixture=(app[2], self.pay, 4500, 900), probe=(s["prometheus"], 9100),
                    retry=(self.services["worker"][2], s["postgres"], 5432), web=s["nginx"],
                    read=(app[3], s["postgres"], 5432), flood=(s["grafana"], s["prometheus"], 9090))


class Mesh(Lab):
    """Services of a Kubernetes cluster on four nodes: gRPC, brokers, devices from outside, jobs, autoscaling."""

    GRAPH = {"frontend": {"bff": 1.0},
             "bff": {"auth": 0.9, "users": 0.4, "orders": 0.2, "catalog": 0.6, "recommend": 0.3},
             "orders": {"payments": 0.5, "inventory": 0.8, "pricing": 0.7, "kafka": 0.9}, "auth": {"redis": 0.9},
             "users": {"postgres": 0.8}, "catalog": {"redis": 0.7, "cassandra": 0.4, "pricing": 0.5, "geo": 0.1},
             "recommend": {"cassandra": 0.8}, "payments": {"postgres": 0.9, "vault": 0.1},
             "inventory": {"postgres": 0.9}}
    PORTS = {"postgres": 5432, "redis": 6379, "cassandra": 9042, "kafka": 9093, "vault": 8443, "mqtt": 8883,
             "influx": 8086, "nfs": 2049, "frontend": 8080}
    JOBS = {"report", "etl", "cleanup", "dump"}
    # These are contacted by their IPv6 addresses.
    SIX = {"catalog", "pricing", "recommend", "inventory"}

    def build(self):
        self.nets = [Net(f"node{n}", f"10.244.{n}.0/24", f"fd00:10:244:{n}::/64") for n in range(1, 5)]
        counts = dict(dns=2, ingress=2, frontend=3, bff=4, auth=3, users=3, orders=3, payments=2, inventory=2,
                      pricing=3, catalog=4, recommend=3, geo=2, notify=2, kafka=3, cassandra=3, postgres=1, redis=1,
                      mqtt=2, ingest=3, stream=4, influx=1, nfs=1, media=3, vault=1, statsd=1, syslog=1,
                      prometheus=1, grafana=1, argocd=1, device_api=2, billing=2, ledger=2, search=2, audit=1,
                      certs=1, sftp=1, registry=1, mailer=1, wiki=2)
        place = itertools.count()
        for name, count in counts.items():
            for _ in range(count):
                n = next(place)
                self.add(name.replace("_", "-"), self.nets[n % 4], 10 + n // 4)
        for name, hosts in self.services.items(): self.names[f"{name}.prod.svc.cluster.local"] = hosts[0].ip
        sites = ("psp.pay.example push.mobile.example git.forge.example acme.certs.example maps.geo.example "
                 "s3.cloud.example ntp.time.example").split()
        self.sites = {name: self.outside(f"203.0.113.{n}", 0.01) for n, name in enumerate(sites, 10)}
        self.names |= {name: host.ip for name, host in self.sites.items()}
        self.regulars = [f"198.18.{self.fixed.getrandbits(8)}.{self.fixed.getrandbits(8)}" for _ in range(2000)]
        self.spawn(self.requests())
        self.spawn(self.autoscaler())
        for n in range(160):
            self.spawn(self.device(self.outside(f"198.51.100.{n + 20}", 0.06)), self.rng.random() * 30)
        for net in self.nets:
            self.every(net.gateway, 300, self.clock)
        self.every(self.nets[0].gateway, 1800, lambda g: self.spawn(self.dump(self.size(300_000, 1.5, 3e6))))
        for name, seconds, count in (("report", 600, 1), ("etl", 400, 2), ("cleanup", 900, 1)):
            start = lambda g, n=name, c=count: [self.spawn(self.job(n)) for _ in range(c)]
            self.every(self.nets[0].gateway, seconds, start)

    def clock(self, host):
        """NTP to the pool."""
        server = self.sites["ntp.time.example"]
        self.udp(self.now, host, server, 40123, 123, b"\x23\x00\x06\xec" + bytes(44))
        self.udp(self.now + 0.02, server, host, 123, 40123, b"\x24\x01\x06\xe9" + bytes(44))

    def resolve(self, t, a, name):
        """A lookup with a pod's search domains: names with few dots are queried inside first, for both address families."""
        if "." not in name: name += ".prod.svc.cluster.local"
        elif not name.endswith(".local"):
            for domain in ("prod.svc.cluster.local", "svc.cluster.local", "cluster.local"):
                for kind in (1, 28): last = self.lookup(t, a, f"{name}.{domain}", kind)
                t = last
        last = self.lookup(t, a, name, 1)
        return last

    def to(self, t, a, name, up=None, down=None, work=0.003, keep=True):
        """A call of service `name`, or of a site outside."""
        if name in self.sites:
            return self.call(t, a, self.sites[name], 443, up or 900, down or self.size(1500), 0.08, False, name=name)
        if not self.services.get(name): return t
        b = self.pick(name)
        version = 6 if name in self.SIX else 4
        up, down = up or self.size(120, 2, 4000), down or self.size(200, 1.3, 200_000)
        return self.call(t, a, b, self.PORTS.get(name, 50051), up, down, work, keep, version, name=name)

    def tree(self, host, name, t):
        for callee, chance in self.GRAPH.get(name, {}).items():
            if self.rng.random() < chance and self.services.get(callee):
                b = self.pick(callee)
                version = 6 if callee in self.SIX else 4
                work = functools.partial(self.tree, b, callee)
                up, down = self.size(120, 2, 4000), self.size(200, 1.3, 60_000)
                t = self.call(t, host, b, self.PORTS.get(callee, 50051), up, down, work, True, version, name=callee)
        return t + 0.002

    def begin(self, host):
        now_and_then, every, to, rng = self.now_and_then, self.every, self.to, self.rng
        one = lambda name: self.services.get(name, [None])[0]
        udp = lambda h, to, port, text: self.udp(self.now, h, to, 45000, port, text, self.size(60, 2, 800))
        one_way = lambda h, name, port, text: one(name) and udp(h, one(name), port, text)
        if host.name not in ("dns", "statsd", "syslog"):
            if sum(host.name.encode()) % 2:
                every(host, 10, lambda h: one_way(h, "statsd", 8125, b"app.requests:%d|c" % rng.randrange(500)))
            else:
                text = lambda: b"<14>app: request %d done" % rng.randrange(10**6)
                now_and_then(host, 15, lambda h: one_way(h, "syslog", 514, text()))
        name = host.name
        if name not in self.JOBS:
            probe = lambda h: self.call(self.now, h.net.gateway, h, 8081, 110, 130, 0.001, False)
            every(host, 40, probe, 0.001)
            every(host, 30, lambda h: self.scrape(one("prometheus"), h), 0.001)
        if name == "stream":
            every(host, 2, lambda h: to(self.now, h, "kafka", 130, self.size(600, 1.3, 80_000), 0.3), 0.2)
            every(host, 10, lambda h: to(self.now, h, "influx", self.size(3000, 1.6, 60_000), 150))
            now_and_then(host, 8, lambda h: to(self.now, h, "cassandra"))
        elif name == "ingest":
            every(host, 3, lambda h: to(self.now, h, "kafka", self.size(900, 1.6, 30_000), 90), 0.3)
            every(host, 4, lambda h: to(self.now, h, "mqtt", 20, self.size(500, 1.6, 30_000)), 0.3)
        elif name in ("kafka", "cassandra"):
            port = 9093 if name == "kafka" else 7001
            copy = lambda h, mate: self.call(self.now, h, mate, port, 120, self.size(150, 1.3, 60_000))
            every(host, 2, lambda h: [copy(h, x) for x in self.services[h.name] if x is not h and x.up], 0.3)
        elif name == "media":
            def files(h):
                to(self.now, h, "nfs", 180, self.size(15_000, 1.2, 1_500_000))
                if rng.random() < 0.2: to(self.now, h, "nfs", self.size(15_000, 1.2, 800_000), 160)
            now_and_then(host, 20, files)
        elif name == "grafana": now_and_then(host, 20, lambda h: to(self.now, h, "influx", 600, self.size(4000)))
        elif name == "argocd": every(host, 180, lambda h: to(self.now, h, "git.forge.example", 1500, self.size(5000)))
        elif name == "notify": now_and_then(host, 15, lambda h: to(self.now, h, "push.mobile.example"))
        elif name == "geo": now_and_then(host, 40, lambda h: to(self.now, h, "maps.geo.example"))
        elif name == "payments": now_and_then(host, 45, lambda h: to(self.now, h, "psp.pay.example", 2200, 1400))
        elif name == "certs": every(host, 1700, lambda h: to(self.now, h, "acme.certs.example", 4000, 6000))
        elif name in ("billing", "ledger", "audit", "wiki", "search", "device-api"):
            now_and_then(host, 25, lambda h: to(self.now, h, "postgres"))
            if name == "billing": now_and_then(host, 60, lambda h: to(self.now, h, "ledger"))
            if name == "device-api": now_and_then(host, 12, lambda h: to(self.now, h, "mqtt"))
            if name == "wiki": now_and_then(host, 90, lambda h: to(self.now, h, "mailer", 3000, 200))
        elif name == "mqtt": every(host, 64, self.clock)

    def requests(self):
        while True:
            yield self.exp(1.3 / self.demand())
            is_six = self.rng.random() < 0.3
            address = f"2001:db8:{self.rng.randrange(40):x}::{self.rng.randrange(900):x}" if is_six else self.client()
            client = self.outside(address)
            for _ in range(self.rng.choice((1, 1, 1, 4))): self.spawn(self.visit(client), self.exp(0.3))

    def visit(self, client):
        ingress = self.pick("ingress")
        conn = Conn(self, client, ingress, 443, self.now, client.ip.version).open()
        for _ in range(min(int(self.rng.paretovariate(1.1)), 30)):
            conn.t = max(conn.t, self.now)
            site = self.rng.choice(("frontend", "bff"))
            b = self.pick(site)
            inner = functools.partial(self.tree, b, site)
            port = self.PORTS.get(site, 50051)
            up, down = self.size(300, 2, 4000), self.size(700, 1.3)
            work = lambda t: self.call(t, ingress, b, port, up, down, inner, name=site)
            conn.exchange(self.size(350, 2, 4000), self.size(900, 1.25), work)
            yield self.exp(9)
        conn.close(reset=self.rng.random() < 0.1)

    def device(self, device):
        """A meter in the field: publishes, and loses its connection now and then."""
        conn = None
        while True:
            server = self.pick("mqtt")
            if conn is None:
                conn = Conn(self, device, server, 8883, self.now)
                if not server.up: conn = self.refuse(conn) and None
                else: conn.open()
            elif not conn.is_open: conn = None
            else:
                conn.t = max(conn.t, self.now)
                conn.exchange(self.size(90, 2, 1500), 36)
                if self.rng.random() < 0.01:
                    conn.close(reset=self.rng.random() < 0.5)
                    conn = None
            yield self.exp(30)

    def job(self, name):
        """A pod that is started, works, and ends."""
        host = self.add(name, self.rng.choice(self.nets))
        yield self.rng.uniform(1, 3)
        self.resolve(self.now, host, "postgres")
        yield from self.bulk(host, self.pick("postgres"), 5432, self.size(60_000, 1.2, 3e6), way=1)
        if name == "etl":
            for _ in range(self.rng.randrange(5, 25)):
                self.to(self.now, host, "kafka", self.size(2000, 1.5, 60_000), 90)
                if self.rng.random() < 0.2:
                    self.to(self.now, host, "s3.cloud.example", self.size(3000, 1.4, 200_000), 400)
                yield self.exp(2)
        if name == "report": yield from self.bulk(host, self.pick("nfs"), 2049, self.size(40_000, 1.3, 2e6))
        yield 1
        self.remove(host)

    def autoscaler(self):
        while True:
            yield self.exp(1500)
            name = self.rng.choice(("bff", "catalog", "recommend", "stream"))
            self.spawn(self.scale(name, 1, self.rng.uniform(400, 1500)))

    def night_backup(self):
        yield from self.dump(20e6)

    def dump(self, size):
        host = self.add("dump", self.nets[1])
        self.resolve(self.now, host, "s3.cloud.example")
        yield from self.bulk(host, self.pick("postgres"), 5432, size, way=1)
        yield from self.bulk(host, self.sites["s3.cloud.example"], 443, size * 0.7)
        self.remove(host)

    def oddities(self):
        return [(0.12, self.restart(self.pick("redis"), 40)), (0.27, self.deploy("orders")),
                (0.42, self.night_backup()), (0.58, self.busy(3, 600)), (0.73, self.scale("catalog", 3, 1500)),
                (0.8, self.deploy("stream", 40)), (0.86, self.slow(self.pick("ingress"), 443))]

    def targets(self):
        s = {name: hosts[0] for name, hosts in self.services.items()}
        second = {name: hosts[1] for name, hosts in self.services.items() if len(hosts) > 1}
        doors = [(s["postgres"], 5432), (s["vault"], 8443), (s["sftp"], 22)]
        return dict(fast=(s["wiki"], s["postgres"]), slow=(s["grafana"], s["vault"]),
                    sweep=(s["recommend"], self.nets[2]), flood=(s["media"], s["ingress"]),
                    spoof=(s["geo"], second["ingress"]), udp=second["stream"], guess=second["ingress"],
                    ssh=(s["search"], s["sftp"]), db=(s["billing"], s["postgres"]), bulk=s["users"],
                    relay=s["inventory"], drip=s["notify"], dns=s["mailer"], icmp=second["pricing"],
                    beacon=second["ledger"], lateral=(second["frontend"], doors), arp=s["registry"],
                    web=s["ingress"])


    def quiet_targets(self):
        s = {name: hosts[0] for name, hosts in self.services.items()}
        second = {name: hosts[1] for name, hosts in self.services.items() if len(hosts) > 1}
        known = [(h, 50051) for name in ("auth", "users", "orders") for h in self.services[name]]
        return dict(fan=(second["bff"], known), names=second["notify"],
                    early=(s["certs"], self.sites["acme.certs.example"], 4000, 6000),
                    mixture=(second["payments"], self.sites["psp.pay.example"], 6000, 1400),
                    probe=(s["prometheus"], 9100), retry=(s["billing"], s["postgres"], 5432), web=s["ingress"],
                    read=(second["users"], s["postgres"], 5432), flood=(s["grafana"], s["influx"], 8086))


class Office(Lab):
    """An office with a small plant: desktops that browse, a directory, file and print servers, cameras, sensors, controllers."""

    def build(self):
        desk, serve, plant = (Net(n, f"10.60.{i}.0/24") for i, n in enumerate(("desks", "servers", "plant"), 1))
        self.nets = [desk, serve, plant]
        for name, net, *numbers in (
                ("dns", serve, 53), ("directory", serve, 10, 11), ("files", serve, 20), ("mailbox", serve, 25),
                ("postgres", serve, 30), ("erp", serve, 31, 32), ("intranet", serve, 40), ("gitlab", serve, 41),
                ("monitor", serve, 60), ("vault", serve, 61), ("nvr", serve, 70), ("printer", desk, 90, 91),
                ("broker", plant, 5), ("historian", plant, 6), ("scada", plant, 7), ("camera", plant, 20, 21, 22, 23),
                ("controller", plant, 30, 31, 32), ("meter", plant, *range(40, 48)), ("desktop", desk, *range(10, 28)),
                ("laptop", desk, *range(50, 58)), ("kiosk", desk, 80)):
            for number in numbers: self.add(name, net, number)
        for name, hosts in self.services.items(): self.names[f"{name}.office.local"] = hosts[0].ip
        pool = [f"{self.fixed.choice(WORDS)}{n}.example" for n in range(400)]
        self.web = {name: self.outside(f"203.0.113.{n % 200 + 20}", 0.02) for n, name in enumerate(pool)}
        self.cloud, self.update = self.outside("203.0.113.10", 0.02), self.outside("203.0.113.11", 0.02)
        self.names |= {name: host.ip for name, host in self.web.items()}
        self.names |= {"sync.cloud.example": self.cloud.ip, "update.vendor.example": self.update.ip}
        self.regulars = [f"198.18.{self.fixed.getrandbits(8)}.{self.fixed.getrandbits(8)}" for _ in range(400)]
        self.spawn(self.customers())

    def begin(self, host):
        every, sometimes, size, rng = self.every, self.now_and_then, self.size, self.rng
        one = lambda name: self.services[name][0] if self.services.get(name) else None
        go = lambda h, name, port, up, down, keep=True: one(name) and self.call(
            self.now, h, self.pick(name), port, up, down, 0.004, keep, name=name + ".office.local")
        if host.name not in ("meter", "camera"): every(host, 60, lambda h: self.scrape(one("monitor"), h), 0.001)
        if host.name in ("desktop", "laptop"):
            sometimes(host, 70, lambda h: self.spawn(self.browse(h)))
            sometimes(host, 240, lambda h: self.spawn(self.document(h)))
            every(host, 120, lambda h: go(h, "mailbox", 993, 200, size(500, 1.3, 2e6)), 0.4)
            every(host, 900, lambda h: go(h, "directory", 389, 600, size(900), False), 0.3)
            sometimes(host, 90, lambda h: go(h, "intranet", 443, size(500, 3, 3000), size(4000, 1.3)))
            sometimes(host, 1800, lambda h: go(h, "printer", 631, size(60_000, 1.5, 3e6), 300, False))
            if host.name == "laptop": every(host, 300, lambda h: self.outward(h, self.cloud, "sync.cloud.example", size(2000, 1.1, 4e6), 600), 0.3)
        elif host.name == "erp":
            sometimes(host, 4, lambda h: go(h, "postgres", 5432, size(150), size(400, 1.2, 400_000)))
            every(host, 600, lambda h: go(h, "directory", 389, 500, 900, False), 0.1)
        elif host.name == "intranet": sometimes(host, 15, lambda h: go(h, "erp", 8080, size(300), size(900, 1.3), False))
        elif host.name == "gitlab": every(host, 30, lambda h: go(h, "postgres", 5432, 120, size(300)))
        elif host.name == "mailbox": sometimes(host, 60, lambda h: self.outward(h, self.web[rng.choice(list(self.web)[:60])], None, size(3000, 1.3, 1e6), 400, 25))
        elif host.name == "camera": self.spawn(self.stream(host))
        elif host.name == "meter": every(host, 10, lambda h: go(h, "broker", 1883, size(60, 3, 400), 4), 0.05)
        elif host.name == "historian":
            every(host, 2, lambda h: [self.call(self.now, h, c, 502, 12, 40, 0.003) for c in self.services["controller"] if c.up], 0.02)
            every(host, 20, lambda h: go(h, "postgres", 5432, size(900, 1.5, 20_000), 60))
            every(host, 5, lambda h: go(h, "broker", 1883, 10, size(200)), 0.1)
        elif host.name == "scada": every(host, 5, lambda h: go(h, "historian", 4840, 90, size(600, 1.5, 20_000)), 0.1)
        elif host.name == "vault":
            every(host, 1800, lambda h: self.spawn(self.bulk(h, one("files"), 445, size(400_000, 1.3, 8e6), way=1)), 0.01)
        elif host.name == "kiosk": every(host, 300, lambda h: self.outward(h, self.update, "update.vendor.example", 500, size(4000)), 0.1)

    def outward(self, host, site, name, up, down, port=443):
        if self.rng.random() > self.demand() + 0.3: return
        self.call(self.now, host, site, port, up, down, 0.05, False, name=name)

    def browse(self, host):
        """Some pages of sites, of which few are visited often."""
        for _ in range(self.rng.randrange(1, 6)):
            if self.rng.random() > self.demand(): return
            for _ in range(self.rng.randrange(1, 5)):
                name = list(self.web)[min(int(self.rng.paretovariate(0.55)) - 1, 399)]
                self.call(self.now, host, self.web[name], 443, self.size(700, 1.6, 60_000), self.size(9000, 1.1, 3e6), 0.05, False, name=name)
            yield self.exp(12)

    def document(self, host):
        """A document is read, and often written back."""
        if self.rng.random() > self.demand(): return
        self.lookup(self.now, host, "files.office.local")
        yield from self.bulk(host, self.pick("files"), 445, self.size(40_000, 1.1, 6e6), way=1)
        yield self.exp(60)
        if self.rng.random() < 0.6: yield from self.bulk(host, self.pick("files"), 445, self.size(20_000, 1.1, 4e6))

    def stream(self, host):
        """Pictures for the recorder, more when something moves."""
        while not host.gone:
            yield 2
            if host.up: self.udp(self.now, host, self.pick("nvr"), 5004, 5004, bytes(12), self.size(500, 2, 1300))

    def customers(self):
        while True:
            yield self.exp(20 / self.demand())
            client = self.outside(self.client())
            conn = Conn(self, client, self.pick("erp"), 443, self.now).open()
            for _ in range(self.rng.randrange(1, 8)): conn.exchange(self.size(400, 3, 3000), self.size(3000, 1.3))
            conn.close()

    def night_backup(self):
        host = self.pick("vault")
        yield from self.bulk(host, self.pick("files"), 445, 60e6, way=1)

    def oddities(self):
        return [(0.12, self.restart(self.pick("broker"), 30)), (0.27, self.deploy("intranet")),
                (0.42, self.night_backup()), (0.58, self.busy(1.5, 900)), (0.73, self.scale("laptop", 4, 2400)),
                (0.86, self.slow(self.pick("erp"), 443))]

    def targets(self):
        s = {name: hosts[0] for name, hosts in self.services.items()}
        desk, lap = self.services["desktop"], self.services["laptop"]
        doors = [(s["controller"], 502), (s["postgres"], 5432), (s["gitlab"], 22)]
        return dict(fast=(desk[1], s["files"]), slow=(desk[2], s["vault"]), sweep=(s["printer"], self.nets[1]),
                    flood=(lap[1], s["erp"]), spoof=(desk[3], s["erp"]), udp=self.services["camera"][1], guess=s["erp"],
                    ssh=(desk[4], s["gitlab"]), db=(desk[5], s["postgres"]), bulk=s["gitlab"], relay=s["erp"],
                    drip=s["nvr"], dns=desk[6], icmp=desk[7], beacon=s["scada"], lateral=(s["kiosk"], doors),
                    arp=lap[2], web=s["intranet"])

    def quiet_targets(self):
        s = {name: hosts[0] for name, hosts in self.services.items()}
        desk = self.services["desktop"]
        known = [(s["intranet"], 443), (s["mailbox"], 993), (s["files"], 445), (s["directory"], 389)]
        return dict(fan=(desk[8], known), names=desk[9], early=(s["kiosk"], self.update, 500, 4000),
                    mixture=(self.services["laptop"][3], self.cloud, 9000, 600), probe=(s["monitor"], 9100),
                    retry=(s["erp"], s["postgres"], 5432), web=s["erp"], read=(s["gitlab"], s["postgres"], 5432),
                    flood=(s["scada"], s["historian"], 4840))


class Attacks:
    """The attacks, and the labels of their packets."""

    def __init__(self, lab, stretch):
        self.lab, self.rng, self.stretch = lab, lab.rng, stretch
        self.strangers = (lab.outside(f"192.0.2.{n}", 0.03) for n in range(60, 250))

    def plan(self):
        """Evenly spaced, in any order."""
        who, rng = self.lab.targets(), self.rng
        out = lambda: next(self.strangers)
        plans = []

        def plan(kind, source, target, what, process, *more):
            target = target or out()
            if isinstance(target, list): there = [host.ip for host, _ in target]
            else: there = [target.prefix if isinstance(target, Net) else target.ip]
            plans.append(self.planted(kind, source, [str(x) for x in there], what, process(source, target, *more)))
        some = lambda count: rng.sample(range(1, 10_000), count)
        plan("port-scan-fast", *who["fast"], "1000 ports of one host", self.scan, some(1000), 0.004, {5432})
        plan("port-scan-slow", *who["slow"], "90 ports, one every 4 s", self.scan, some(90), 4)
        plan("outside-scanner", out(), who["web"], "600 ports, from outside", self.scan, some(600), 0.01, {443})
        plan("port-scan-horizontal", *who["sweep"], "port 22 of a network", self.sweep)
        plan("syn-flood", *who["flood"], "4000 SYNs, own address", self.scan, [443] * 4000, 0.0012, {443})
        plan("syn-flood-spoofed", *who["spoof"], "3000 SYNs as 198.19.0.0/16", self.spoof)
        plan("udp-flood", who["udp"], None, "4000 datagrams of 200 bytes outside", self.datagrams)
        plan("http-password-guessing", out(), who["guess"], "300 passwords", self.logins, 443, 300, 0.07, 480, 620)
        plan("ssh-password-guessing", *who["ssh"], "40 passwords for root", self.logins, 22, 40, 1.5, 1900, 2300)
        plan("db-password-guessing", *who["db"], "400 passwords", self.refusals, 400, 0.02)
        plan("exfil-bulk", who["bulk"], None, "12 MB in one upload", self.upload)
        plan("exfil-relayed", who["relay"], None, "12 MB, read from the database as they leave", self.relay)
        plan("exfil-slow", who["drip"], None, "40 uploads of 25 kB", self.logins, 443, 40, 7, 25_000, 300)
        plan("dns-tunnel", who["dns"], self.lab.pick("dns"), "400 questions of 190 bytes", self.questions)
        plan("icmp-tunnel", who["icmp"], None, "300 kB in echo requests", self.echoes)
        plan("beacon", who["beacon"], None, "40 calls home, every 20 s give or take a quarter", self.beacon)
        plan("lateral-movement", *who["lateral"], "three services never used", self.lateral)
        plan("arp-sweep", who["arp"], who["arp"].net, "who has each of 252 addresses", self.arp)
        rng.shuffle(plans)
        span = (self.lab.end - self.lab.start - 400) / len(plans)
        for n, process in enumerate(plans): self.lab.spawn(process, 120 + (n + rng.random() * 0.3) * span)

    def plan_quiet(self):
        """Attacks below what any single feature shows: ten minutes each, in any order, with known contacts."""
        who, rng, lab = self.lab.quiet_targets(), self.rng, self.lab
        stranger = next(self.strangers)
        domain = lab.upstream
        plans = []

        def plan(kind, source, targets, what, process):
            plans.append(self.planted(kind, source, [str(x.ip) for x in targets], what, process))
        fan, known = who["fan"]
        plan("quiet-fan-out", fan, [x for x, _ in known], "all known services, two to three times as many at once",
             self.fan_out(fan, known))
        plan("quiet-names", who["names"], [domain], "names of 40 to 50 bytes, three a minute", self.long_names(who["names"]))
        a, b, up, down = who["early"]
        plan("quiet-upload-early", a, [b], "uploads of the usual size, at other times", self.calls(a, b, 443, up, down, 30))
        a, b, up, down = who["mixture"]
        plan("quiet-upload-mixture", a, [b], "more sent than usual to a known site", self.calls(a, b, 443, up, down, 8))
        a, port = who["probe"]
        there = [h for h in lab.all if h.up and h.net and h is not a and h.name not in getattr(lab, "JOBS", ())]
        plan("quiet-scan", a, there[:8], "one host every two seconds, slower than the health checks",
             self.slow_probes(a, there, port))
        a, b, port = who["retry"]
        plan("quiet-guessing", a, [b], "a password every 20 s, as a retry loop", self.calls(a, b, port, 150, 110, 20))
        plan("quiet-web-guessing", stranger, [who["web"]], "a password every 7 s", self.calls(stranger, who["web"], 443, 480, 620, 7))
        a, b, port = who["read"]
        plan("quiet-reading", a, [b], "two to three times the usual data of a store", self.calls(a, b, port, 200, 100_000, 20))
        a, b, port = who["flood"]
        plan("quiet-queries", a, [b], "queries when nobody looks", self.calls(a, b, port, 700, 5000, 9))
        rng.shuffle(plans)
        span = (lab.end - lab.start - 1000) / len(plans)
        for n, process in enumerate(plans): lab.spawn(process, 120 + (n + rng.random() * 0.3) * span)

    QUIET_SECONDS = 600

    def calls(self, a, b, port, up, down, gap):
        """Short connections, at random times."""
        for _ in range(int(self.QUIET_SECONDS / gap)):
            size = lambda n: int(n * self.rng.uniform(0.7, 1.3))
            self.lab.call(self.lab.now, a, b, port, size(up), size(down), 0.01, False)
            yield self.lab.exp(gap)

    def fan_out(self, a, known):
        for _ in range(self.QUIET_SECONDS // 10):
            for b, port in self.rng.sample(known, max(3, len(known) * 2 // 3)):
                self.lab.call(self.lab.now, a, b, port, 200, 300, 0.003, False)
            yield self.lab.exp(10)

    def long_names(self, a):
        """Data in names that are a little longer than usual."""
        server = self.lab.pick("dns")
        for _ in range(self.QUIET_SECONDS // 20):
            text = "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz234567", k=self.rng.randrange(22, 32)))
            name = text + ".cdn.far.example"
            relay = lambda t: self.lab.ask(t, server, self.lab.upstream, name, 1, bytes(4))
            self.lab.ask(self.lab.now, a, server, name, 1, bytes(4), 0, relay)
            yield self.lab.exp(20)

    def slow_probes(self, a, hosts, port):
        for _ in range(self.QUIET_SECONDS // 2):
            self.knock(a, self.rng.choice(hosts), port, "open")
            yield self.lab.exp(2)

    def planted(self, kind, source, targets, what, process):
        """Runs `process`, and stores the label of its packets."""
        label = {"start": math.inf, "end": 0, "kind": kind, "src": [str(source.ip)], "dst": targets,
                 "offender": [source.name if source.net else str(source.ip)], "what": what, "packets": 0}
        if source.net:
            label |= {"mac": source.mac.hex(":")}
            if source.ip6: label["src"].append(str(source.ip6))
        self.lab.labels.append(label)
        self.lab.label = label
        for delay in process:
            self.lab.label = None
            yield delay * self.stretch
            self.lab.label = label
        self.lab.label = None

    def scan(self, a, b, ports, gap, open_ports=()):
        for port in ports:
            self.knock(a, b, port, "open" if port in open_ports else "reset")
            yield self.lab.exp(gap)

    def knock(self, a, b, port, answer):
        """A SYN and its result: "reset", "open" or nothing."""
        conn = Conn(self.lab, a, b, port, self.lab.now)
        conn.put(conn.t, 0, SYN)
        if answer: conn.put(conn.t + conn.rtt, 1, SYN | ACK if answer == "open" else RST | ACK)
        if answer == "open": conn.put(conn.t + 1.1 * conn.rtt, 0, RST)

    def sweep(self, a, net):
        there = {h.ip: h for h in net.hosts}
        for n in range(2, 254):
            address = net.prefix[n]
            self.knock(a, there.get(address) or Host("nobody", net, n), 22, "reset" if address in there else None)
            yield self.lab.exp(0.08)

    def spoof(self, a, b):
        for _ in range(3000):
            fake = self.lab.outside(f"198.19.{self.rng.getrandbits(8)}.{self.rng.getrandbits(8)}")
            conn = Conn(self.lab, fake, b, 443, self.lab.now)
            fake.mac, fake.net = a.mac, a.net  # on the wire it is the container's frame
            conn.put(conn.t, 0, SYN)
            fake.net = None
            conn.put(conn.t + 0.0005, 1, SYN | ACK)
            yield self.lab.exp(0.0017)

    def datagrams(self, a, b):
        for _ in range(4000):
            self.lab.udp(self.lab.now, a, b, self.rng.randrange(32768, 60999), 27015, bytes(54), 200)
            yield self.lab.exp(0.0011)

    def logins(self, a, b, port, tries, gap, up, down):
        for _ in range(tries):
            self.lab.call(self.lab.now, a, b, port, up, down, 0.01, False)
            yield self.lab.exp(gap)

    def refusals(self, a, b, tries, gap):
        """Logins to PostgreSQL, each with a startup message, a challenge, an answer and a refusal."""
        talk = ((0, 41, struct.pack("!II", 41, 196_608) + b"user\0postgres\0"),
                (1, 13, b"R" + struct.pack("!II", 12, 5)),
                (0, 109, b"p" + struct.pack("!I", 108) + b"md5"),
                (1, 97, b"E" + struct.pack("!I", 96) + b"SFATAL\0VFATAL\0C28P01\0Mno"))
        for _ in range(tries):
            conn = Conn(self.lab, a, b, 5432, self.lab.now).open()
            for way, size, words in talk:
                conn.put(conn.t, way, ACK | PSH, size, words)
                conn.t += conn.rtt / 2 + 0.002
            conn.close(1)
            yield self.lab.exp(gap)

    def upload(self, a, b): return self.lab.bulk(a, b, 443, 12e6, rate=1.5e6)

    def relay(self, a, b):
        database = self.lab.services["postgres"][0]
        source, sink = (Conn(self.lab, a, x, port, self.lab.now).open() for x, port in ((database, 5432), (b, 443)))
        for _ in range(60):
            yield from self.lab.bulk(a, database, 5432, 200_000, 1, 1.5e6, source)
            yield from self.lab.bulk(a, b, 443, 200_000, 0, 1.5e6, sink)
        source.close()
        sink.close()

    def questions(self, a, server):
        for _ in range(400):
            labels = ("".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz234567", k=60)) for _ in range(3))
            name, text = ".".join(labels) + ".t.far.example", self.rng.randbytes(80)
            relay = lambda t: self.lab.ask(t, server, self.lab.upstream, name, 10, text)
            self.lab.ask(self.lab.now, a, server, name, 10, text, 0, relay)
            yield self.lab.exp(0.08)

    def echoes(self, a, b):
        for number in range(300):
            self.lab.ping(self.lab.now, a, b, number, 1024)
            yield self.lab.exp(0.06)

    def beacon(self, a, b):
        for _ in range(40):
            self.lab.call(self.lab.now, a, b, 443, 250, 180, 0.05, False)
            yield 20 * self.rng.uniform(0.75, 1.25)

    def lateral(self, a, doors):
        for b, port in doors:
            for _ in range(3):
                self.lab.call(self.lab.now, a, b, port, 400, self.lab.size(3000), 0.01, False)
                yield self.lab.exp(3)

    def arp(self, a, net):
        there = {h.ip: h for h in net.hosts}
        for n in range(2, 254):
            self.lab.arp(self.lab.now, a, net.prefix[n], there.get(net.prefix[n]))
            yield self.lab.exp(0.008)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lab", choices=("shop", "mesh", "office"))
    parser.add_argument("seed", type=int)
    parser.add_argument("hours", type=float)
    parser.add_argument("prefix")
    parser.add_argument("--start", type=float, default=0, metavar="H", help="hours after 08:00")
    parser.add_argument("--calm", action="store_true", help="without the harmless oddities")
    parser.add_argument("--attacks", action="store_true", help="with labelled attacks")
    parser.add_argument("--quiet", action="store_true", help="with labelled attacks that no single feature shows")
    parser.add_argument("--stretch", type=float, default=1, help="attacks this many times slower")
    options = parser.parse_args()
    lab = {"shop": Shop, "mesh": Mesh, "office": Office}[options.lab](options.seed, options.hours, options.start, options.prefix)
    lab.build()
    length = lab.end - lab.start
    if not options.calm:
        for place, process in lab.oddities(): lab.spawn(process, (place + lab.rng.uniform(0, 0.06)) * length)
    if options.attacks: Attacks(lab, options.stretch).plan()
    elif options.quiet: Attacks(lab, options.stretch).plan_quiet()
    lab.run()
    lab.write_inventory()
    if options.attacks or options.quiet:
        with open(options.prefix + ".labels.jsonl", "w") as file:
            for label in sorted(lab.labels, key=lambda x: x["start"]): print(json.dumps(label), file=file)


if __name__ == "__main__": main()
