#!/usr/bin/env python3
"""seed.py FILE... CORPUS: creates the corpora from pcap and pcapng files, from models and texts, and those of the API and
of the lists, reports and lines of other programs from samples in this file.

Whole small files go to CORPUS/capture, single Ethernet frames with the decoder's two leading bytes and a
length to CORPUS/decoder, payloads of UDP port 53 to CORPUS/dns. Of models, what
follows the magic line goes to CORPUS/model, cut where a forest's bytes would only slow the fuzzer down.
"""
import gzip
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
    "GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /flows", "GET /api/v1/status",
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

INDICATORS = [
    "203.0.113.9\n198.51.100.0/24\n192.0.2.1-192.0.2.9\n2001:db8::/48\nevil.example ; comment\n*.bad.example\n",
    "# hosts\n0.0.0.0 ads.evil.example\n127.0.0.1 bad.example other.example\n",
    '{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--1","created":'
    '"2026-04-06T20:03:48.000Z","modified":"2026-04-06T20:03:48.000Z","confidence":80,"pattern":"[ipv4-addr:value = '
    "'203.0.113.9' OR domain-name:value = 'evil.example'] AND [ipv6-addr:value ISSUBSET '2001:db8::/48']\",\"pattern_type\":"
    '"stix","valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-01T00:00:00Z"}]}',
    '{"Event":{"uuid":"1","info":"x","date":"2026-04-06","Attribute":[{"type":"ip-dst|port","value":"203.0.113.9|80",'
    '"to_ids":true,"timestamp":"1775000000"},{"type":"domain","value":"evil.example","to_ids":"1"}],"Object":[{"Attribute":'
    '[{"type":"hostname","value":"a.evil.example","to_ids":true}]}]}}',
    '{"response":[{"Event":{"Attribute":[{"type":"ip-src","value":"203.0.113.0/24","to_ids":true}]}}]}',
]
ID = "c0" * 32
REPORTS = [
    '{"SchemaVersion":2,"CreatedAt":"2026-11-20T09:58:12Z","ArtifactName":"web:2.4","ArtifactType":"container_image",'
    f'"Metadata":{{"ImageID":"sha256:{ID}","DiffIDs":["sha256:{ID}"],"RepoTags":["web:2.4"],"RepoDigests":["web@sha256:{ID}"]}},'
    '"Results":[{"Target":"web","Class":"os-pkgs","Vulnerabilities":[{"VulnerabilityID":"CVE-2024-9143","PkgName":"openssl",'
    '"InstalledVersion":"3.0","FixedVersion":"3.1","Severity":"MEDIUM","CVSS":{"nvd":{"V3Score":4.3}}}]}]}',
    '{"matches":[{"vulnerability":{"id":"GHSA-1","severity":"High","fix":{"versions":["3.1"],"state":"fixed"},"knownExploited":'
    '[{"cve":"CVE-2024-9143"}],"epss":[{"cve":"CVE-2024-9143","epss":0.5}]},"relatedVulnerabilities":[{"id":"CVE-2024-9143"}],'
    f'"artifact":{{"name":"openssl","version":"3.0"}}}}],"source":{{"type":"image","target":{{"userInput":"web:2.4","imageID":'
    f'"sha256:{ID}","manifestDigest":"sha256:{ID}"}}}},"descriptor":{{"name":"grype","version":"0.80","timestamp":"2026-11-20T09:58:12Z"}}}}',
    '{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-20T09:58:12Z","component":{"type":'
    f'"container","name":"web:2.4","version":"sha256:{ID}","bom-ref":"x"}}}},"components":[{{"type":"library","name":"openssl",'
    '"version":"3.0","bom-ref":"o"}],"vulnerabilities":[{"id":"CVE-2024-9143","affects":[{"ref":"o"}],"ratings":[{"severity":'
    '"high","score":7.5}],"analysis":{"state":"not_affected"}}]}',
    '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy","rules":[{"id":"CVE-2024-9143","properties":{"security-severity":'
    f'"7.5"}}}}]}}}},"properties":{{"imageID":"sha256:{ID}","imageName":"web:2.4","repoDigests":[]}},"results":[{{"ruleId":'
    '"CVE-2024-9143","level":"error","message":{"text":"Package: openssl\\nInstalled Version: 3.0\\nVulnerability CVE-2024-9143'
    '\\nSeverity: HIGH\\nFixed Version: 3.1"},"locations":[]}]}]}',
]
EXPLOITED = '{"catalogVersion":"2026.11.20","count":1,"vulnerabilities":[{"cveID":"CVE-2024-9143"}]}'
SCORES = "#model_version:v2025.03.14,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\nCVE-2024-9143,0.5,0.9\n"
SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Tests/RuntimeEventFilesTests/samples")

*captures, corpus = sys.argv[1:]
for text in INDICATORS:
    put(os.path.join(corpus, "indicators"), text.encode())
for text in REPORTS:
    put(os.path.join(corpus, "images"), b"\0" + text.encode())
put(os.path.join(corpus, "images"), b"\2" + EXPLOITED.encode())
put(os.path.join(corpus, "images"), b"\3" + SCORES.encode())
put(os.path.join(corpus, "images"), b"\3" + gzip.compress(SCORES.encode()))
for name in sorted(os.listdir(SAMPLES)):
    with open(os.path.join(SAMPLES, name), "rb") as file:
        lines = file.read().splitlines(keepends=True)
    for at in range(0, len(lines), 4):
        put(os.path.join(corpus, "events"), b"".join(lines[at:at + 4])[:16384])
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
