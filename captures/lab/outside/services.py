"""The servers of the outside world: HTTP on 80 and HTTPS on 443 at every address of the namespace.

GET /x?bytes=N returns N bytes; uploads are read and acknowledged. Used for partners, shops, the backup vault,
and, in the attackers' namespace, for command and control and exfiltrated data.   services.py TLS.pem"""
import asyncio, random, re, ssl, sys

rng = random.Random(1)


async def serve(reader, writer):
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if re.search(rb"(?i)expect: *100", head):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = int(length[1]) if length else 0
            while left > 0:
                part = await reader.read(min(left, 65536))
                if not part:
                    return
                left -= len(part)
            await asyncio.sleep(rng.uniform(0.005, 0.06))       # the distance to the outside
            wanted = re.search(rb"bytes=(\d+)", head)
            body = rng.randbytes(min(int(wanted[1]), 2_000_000) if wanted else rng.randrange(40, 400))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            if re.search(rb"(?i)connection: *close", head):
                return
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[1])
    a = await asyncio.start_server(serve, "0.0.0.0", 80)
    b = await asyncio.start_server(serve, "0.0.0.0", 443, ssl=tls)
    await asyncio.gather(a.serve_forever(), b.serve_forever())


asyncio.run(main())
