"""Users of the shop: they arrive in bursts by a compressed day curve, view pages, pause, and return.

users.py --seconds N [--rate 1] [--seed 1]"""
import argparse, asyncio, math, random, time

WEB = ["10.60.1.11", "10.60.1.12"]
VISITS_A_SECOND = 0.18                       # at rate 1, averaged over the day curve
args = argparse.ArgumentParser()
args.add_argument("--seconds", type=float, required=True)
args.add_argument("--rate", type=float, default=1.0)
args.add_argument("--seed", type=int, default=1)
args = args.parse_args()
rng = random.Random(f"users/{args.seed}/{args.rate}")
started = time.time()


def day_curve(t, period=600.0):
    return 1.0 + 0.6 * math.sin(2 * math.pi * t / period)


def address():
    """Some people come often (Zipf), most come rarely."""
    return f"198.51.100.{10 + int(min(239, rng.paretovariate(0.6) * 3))}"


async def ask(reader, writer, method, path, body=b"", last=False):
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
                 f"Accept: text/html,*/*\r\nContent-Length: {len(body)}\r\n"
                 f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n".encode() + body)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
            return
    if b"chunked" in head.lower():
        while (n := int(await reader.readline(), 16)) or await reader.readline() and False:
            await reader.readexactly(n + 2)


def page():
    """The requests of one page: (method, path, body)."""
    kind = rng.random()
    extra = [("GET", f"/picture{rng.randrange(20)}.jpg", b"") for _ in range(rng.choice([0, 0, 1, 1, 2, 4]))]
    if kind < 0.15:
        return [("GET", "/", b""), ("GET", "/style.css", b"")] + extra
    if kind < 0.65:
        return [("GET", f"/api/product/{int(min(2100, rng.paretovariate(0.5)))}", b"")] + extra
    if kind < 0.80:
        return [("GET", f"/api/search?q={rng.randrange(500)}", b"")] + extra[:1]
    if kind < 0.87:
        n = rng.randrange(1, 4000)
        return [("POST", "/api/login", f"user=user{n}&pass=pw{n if rng.random() < 0.8 else 0}".encode())]
    if kind < 0.95:
        return [("POST", "/api/order", b"product=%d" % rng.randrange(2000))]
    return [("GET", f"/old/page{rng.randrange(90)}.html", b"")]              # a 404


async def visit():
    me, web = address(), rng.choice(WEB)
    for _ in range(min(30, int(rng.expovariate(1 / 5)) + 1)):
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(web, 80, local_addr=(me, 0)), 5)
            requests = page()
            for i, r in enumerate(requests):
                await asyncio.wait_for(ask(reader, writer, *r, last=i == len(requests) - 1), 10)
            writer.close()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass                                                           # users reload the page later
        if time.time() - started > args.seconds:
            return
        await asyncio.sleep(min(60, 5 * math.exp(rng.gauss(0, 0.9))))


async def uptime_service():
    """An outside service that checks every twenty seconds whether the shop is available."""
    while True:
        for web in WEB:
            ping = await asyncio.create_subprocess_exec("ping", "-q", "-n", "-c", "1", "-W", "1", "-I", "198.51.100.5", web, stdout=asyncio.subprocess.DEVNULL)
            await ping.wait()
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(web, 80, local_addr=("198.51.100.5", 0)), 5)
                await asyncio.wait_for(ask(reader, writer, "GET", "/health", last=True), 5)
                writer.close()
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                pass
        await asyncio.sleep(20)


async def main():
    visits = set()
    if args.rate == 1:
        visits.add(asyncio.create_task(uptime_service()))
    while (t := time.time() - started) < args.seconds:
        rate = VISITS_A_SECOND * args.rate * day_curve(t)
        for _ in range(1 if rng.random() < 0.8 else rng.randrange(2, 6)):    # now and then several at once
            task = asyncio.create_task(visit())
            visits.add(task)
            task.add_done_callback(visits.discard)
        await asyncio.sleep(rng.expovariate(rate / 1.5))
    for task in visits:
        task.cancel()


asyncio.run(main())
