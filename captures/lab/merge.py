"""Merges the captures of the gateway's interfaces into one file, in order of time.

TCP payload is not what a flow monitor looks at: TCP frames keep their headers and 16 bytes, all others 384 bytes
(long DNS names stay whole). The original lengths stay in the records.   merge.py OUT.pcap IN.pcap..."""
import struct, sys

out, *sources = sys.argv[1:]
frames = []


def kept(frame):
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return 384
    tcp = 14 + frame[14] % 16 * 4
    return tcp + (frame[tcp + 12] >> 4) * 4 + 16 if len(frame) > tcp + 12 else 384


for path in sources:
    data = open(path, "rb").read()
    magic, = struct.unpack_from("<I", data)
    assert magic == 0xA1B2C3D4 and struct.unpack_from("<I", data, 20)[0] == 1, path
    at = 24
    while at + 16 <= len(data) and at + 16 + struct.unpack_from("<I", data, at + 8)[0] <= len(data):
        sec, usec, caught, length = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16:at + 16 + caught]
        at += 16 + caught
        frames.append((sec, usec, length, frame[:kept(frame)]))
frames.sort(key=lambda f: f[:2])
with open(out, "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 512, 1))
    for sec, usec, length, frame in frames:
        f.write(struct.pack("<IIII", sec, usec, len(frame), length) + frame)
print(out, len(frames), "packets,", round(frames[-1][0] - frames[0][0]) if frames else 0, "seconds")
