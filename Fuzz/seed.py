#!/usr/bin/env python3
"""seed.py FILE... CORPUS: creates the corpora from pcap and pcapng files, from models, and that of the API from its requests.

Whole small files go to CORPUS/capture, single Ethernet frames with the decoder's two leading bytes and a
length to CORPUS/decoder, payloads of UDP port 53 to CORPUS/dns. Of models, what
follows the magic line goes to CORPUS/model, cut where a forest's bytes would only slow the fuzzer down.
"""
import hashlib
import os
import struct
import sys


def frames(data):
    """The frames of a plain pcap file in either byte order; none for other formats."""
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<"}.get(data[:4])
    order = order or {b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}.get(data[:4])
    if not order:
        return
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def put(folder, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
        file.write(data)


MAGIC = b"LAZARET MODEL\n"
API = [
    "GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /dashboard.js", "GET /api/v1/status",
    "GET /api/v1/rates", "GET /api/v1/config", "GET /api/v1/models", "GET /api/v1/stats?limit=5",
    "GET /api/v1/events?limit=10&before=1700000000000000000", "GET /api/v1/events/abc",
    "GET /api/v1/events/stream\nLast-Event-ID: 5", "GET /api/v1/incidents?limit=3&before=1700000000",
    "GET /api/v1/incidents/abc", "GET /api/v1/scores?minutes=5&limit=2&match=a%20b", "GET /api/v1/contacts",
    "GET /api/v1/openapi.json", "GET /api/v1/quarantine", "HEAD /api/v1/status", "POST /api/v1/reload",
    "DELETE /api/v1/quarantine?target=10.0.0.0/24&reason=seen", "PUT /api/v1/quarantine",
    'POST /api/v1/quarantine\nContent-Length: 80\n\n{"target":"10.0.0.9","duration":"10m","response":"egress","reason":"a","force":true,"by":"b"}',
    'POST /api/v1/quarantine\n\n{"target":"fd00::1/64","duration":"2d","response":"limit"}',
    'POST /api/v1/quarantine\n\n{"target":"02:00:00:00:00:01"}',
    'POST /api/v1/quarantine/release\n\n{"target":"10.0.0.9","reason":"r","by":"b"}',
    'POST /api/v1/quarantine/flush\n\n{"reason":"r"}', "GET http://localhost/healthz?x=1",
]

*captures, corpus = sys.argv[1:]
# Root, an operator and a reader on the socket; somebody with the token, and without it, on loopback.
for request in API:
    line, _, rest = request.partition("\n")
    for caller in range(4):
        put(os.path.join(corpus, "api"), f"{chr(caller)}{line}\nHost: x\n{rest}\n".encode())
    for token in "Authorization: Bearer token-of-the-fuzzer\n", "":
        put(os.path.join(corpus, "api"), f"\4{line}\nHost: localhost\n{token}{rest}\n".encode())
for path in captures:
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(MAGIC):
        content = data[len(MAGIC):-32]
        for size in (len(content), 65536, 16384, 4096):
            if size <= 65536:
                put(os.path.join(corpus, "model"), content[:size])
        continue
    if len(data) <= 16384:
        put(os.path.join(corpus, "capture"), data)
    for frame in list(frames(data))[:8]:
        length = min(len(frame), 2047)
        put(os.path.join(corpus, "decoder"),
            bytes([1, 0, length >> 3, length & 7]) + frame[:length])
        if frame[12:14] == b"\x08\x00" and frame[23:24] == b"\x11":
            udp = 14 + (frame[14] & 15) * 4
            if b"\x00\x35" in (frame[udp:udp + 2], frame[udp + 2:udp + 4]):
                put(os.path.join(corpus, "dns"), frame[udp + 8:])
