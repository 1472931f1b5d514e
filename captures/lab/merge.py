"""Merges the captures of the gateway's interfaces into one file, in order of time.

A flow monitor does not need TCP payload: TCP frames keep their headers, DNS messages almost
everything (384 bytes a frame), other frames 96 bytes. The records keep the original lengths.   merge.py OUT.pcap IN.pcap..."""
import struct, sys

out, *sources = sys.argv[1:]
frames = []


def kept(frame):
    """The number of bytes of a frame to keep."""
    if frame[12:14] != b"\x08\x00":
        return 96
    inner = 14 + frame[14] % 16 * 4
    if frame[23] == 6 and len(frame) > inner + 12:
        return inner + (frame[inner + 12] >> 4) * 4
    return 384 if frame[23] == 17 and b"\0\x35" in (frame[inner:inner + 2], frame[inner + 2:inner + 4]) else 96


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
