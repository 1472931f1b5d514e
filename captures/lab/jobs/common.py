"""Shared parts of the lab's programs: minimal HTTP, Redis and PostgreSQL clients, a seeded RNG, a health page.

Every program names its peers (app.lab, db.lab, api.partner.example), so that each piece of work begins with the
DNS questions that real programs ask."""
import http.client, http.server, math, os, random, socket, ssl, sys, threading, time, zlib

NAME = socket.gethostname()
SEED = int(os.environ.get("LAB_SEED", "1"))
# One stream of random numbers per container and recording.
rng = random.Random(f"{SEED}/{NAME}")
TLS = ssl._create_unverified_context()
DB = "host=db.lab user=shop password=shop-secret dbname=shop connect_timeout=3"


def log(*words):
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def day_curve(now=None, period=600.0):
    """The day's ups and downs, compressed to ten minutes: 0.4 at night, 1.6 at noon, 1.0 on average."""
    return 1.0 + 0.6 * math.sin(2 * math.pi * (now or time.time()) / period)


def human_pause(median):
    """A log-normal pause, like those of people and batch jobs: mostly short, sometimes very long."""
    return min(median * math.exp(rng.gauss(0, 0.8)), median * 12)


def http_call(method, url, body=None, timeout=5):
    scheme, rest = url.split("://")
    host, _, path = rest.partition("/")
    if scheme == "https":
        c = http.client.HTTPSConnection(host, timeout=timeout, context=TLS)
    else:
        c = http.client.HTTPConnection(host, timeout=timeout)
    try:
        c.request(method, "/" + path, body=body, headers={"User-Agent": "lab/" + NAME, "Connection": "close"})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


class Redis:
    """A minimal Redis client with one persistent connection, which is reopened when it breaks."""

    def __init__(self, host="cache.lab", timeout=15):
        self.host, self.timeout, self.sock = host, timeout, None
        self.lock = threading.Lock()

    def __call__(self, *words):
        with self.lock:
            try:
                if self.sock is None:
                    self.sock = socket.create_connection((self.host, 6379), self.timeout)
                    self.file = self.sock.makefile("rb")
                out = b"*%d\r\n" % len(words)
                for w in words:
                    w = w if isinstance(w, bytes) else str(w).encode()
                    out += b"$%d\r\n%s\r\n" % (len(w), w)
                self.sock.sendall(out)
                return self.reply()
            except OSError:
                self.close()
                raise

    def close(self):
        if self.sock is not None:
            self.file.close(), self.sock.close()
            self.sock = None

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest


def noise(n):
    """n bytes that do not compress, cheaply."""
    return rng.randbytes(n)


def serve_health(port=9100):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"up 1\n" * (20 + zlib.crc32(NAME.encode()) % 30)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("", port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
