"""Techniques of the gauntlet: name, tool, command, seconds, and the right names for it.

{web}, {db}, {zombie}: IPv4 addresses of clean hosts; {web6}: an IPv6 address; {net}: their network; {names}: the resolver;
{gate}: the gateway; {outside}: a host beyond it; {actors}: the script with the packets of tools that are not installed.
"""
SCAN = {"port scan", "address scan", "lateral movement"}


def scan(name, options, names=(), seconds=15, target="{web}"):
    return (name, "nmap", f"nmap -n -Pn --max-retries 1 {options} {target}", seconds, {"port scan"} | set(names))


def flood(name, options, names, seconds=8):
    return (name, "hping3", f"hping3 -q -n -i u1000 {options} {{web}}", seconds, set(names))


TECHNIQUES = [
    scan("nmap -sS", "-sS -p 1-1000"),
    scan("nmap -sT", "-sT -p 1-1000"),
    scan("nmap -sF", "-sF -p 1-1000", ["FIN scan"]),
    scan("nmap -sN", "-sN -p 1-1000", ["NULL scan"]),
    scan("nmap -sX", "-sX -p 1-1000", ["Xmas scan"]),
    scan("nmap -sA", "-sA -p 1-1000", ["ACK scan"]),
    scan("nmap -sW", "-sW -p 1-1000", ["ACK scan"]),
    scan("nmap -sM", "-sM -p 1-1000", ["Maimon scan"]),
    scan("nmap --scanflags SYNFIN", "-sS --scanflags SYNFIN -p 1-1000"),
    scan("nmap --badsum", "-sS --badsum -p 1-1000"),
    scan("nmap --scanflags URG", "-sF --scanflags URG -p 1-1000", ["invalid-flags scan"]),
    scan("nmap -sU", "-sU -p 1-500 --min-rate 100"),
    scan("nmap -sU -g 53", "-sU -g 53 -p 1024-1500 --min-rate 100"),
    scan("nmap -sO", "-sO", ["protocol scan"]),
    scan("nmap -sY", "-sY -p 1-500 --min-rate 100"),
    scan("nmap -sZ", "-sZ -p 1-500 --min-rate 100"),
    ("nmap -sI (crafted)", "python3", "python3 {actors} idle-scan {zombie} {web} 10", 15,
     {"spoofed source addresses", "port scan", "SYN/ACK flood"}),
    scan("nmap -f", "-f -sS -p 1-1000", ["fragmented scan"]),
    scan("nmap -f -sF", "-f -sF -p 1-1000", ["fragmented scan", "FIN scan"]),
    scan("nmap -D decoys", "-D {zombie},10.88.0.200,ME -sS -p 1-300", ["spoofed source addresses"]),
    scan("nmap -g 53", "-g 53 -sS -p 1-1000"),
    scan("nmap -g 80 -sA", "-g 80 -sA -p 1024-2000", ["ACK scan"]),
    scan("nmap -T1", "-T1 -sS -p 1-30", seconds=200),
    scan("nmap -T2", "-T2 -sS -p 1-60", seconds=30),
    scan("nmap -T3 -F", "-T3 -F"),
    scan("nmap -T4 -A", "-T4 -sS -sV -p 1-200"),
    scan("nmap -T5", "-T5 -p 1-1000"),
    scan("nmap -6 -sS", "-6 -sS -p 1-1000", target="{web6}"),
    scan("nmap -6 -sF", "-6 -sF -p 1-1000", ["FIN scan"], target="{web6}"),
    scan("nmap -6 -sA", "-6 -sA -p 1-1000", ["ACK scan"], target="{web6}"),
    scan("nmap -6 -sU", "-6 -sU -p 1-300 --min-rate 100", target="{web6}"),
    ("nmap -sn", "nmap", "nmap -n -sn {net}", 15, {"ARP sweep", "address scan"}),
    ("nmap -sn -PE", "nmap", "nmap -n -sn -PE --send-ip {net}", 15, {"ARP sweep", "address scan"}),
    ("nmap -p 22 sweep", "nmap", "nmap -n -Pn -p 22 --max-retries 1 {net}", 20, {"ARP sweep", "address scan"}),
    ("arp-scan", "arp-scan", "arp-scan -I eth0 {net}", 10, {"ARP sweep"}),
    ("arpspoof", "arpspoof", "timeout 12 arpspoof -i eth0 -t {web} {gate}", 14,
     {"ARP spoofing", "spoofed source addresses"}),
    flood("hping3 -S", "-S -p 80", ["SYN flood"]),
    flood("hping3 -A", "-A -p 80", ["ACK flood"]),
    flood("hping3 -A, one flow", "-A -p 80 -k -s 4000", ["ACK flood"]),
    flood("hping3 -R", "-R -p 80", ["RST flood"]),
    flood("hping3 -F", "-F -p 80", ["FIN flood"]),
    flood("hping3 -FPU", "-F -P -U -p 80", ["Xmas flood"]),
    flood("hping3 -SA", "-S -A -p 80", ["SYN/ACK flood"]),
    flood("hping3 no flags", "-p 80", ["NULL flood"]),
    flood("hping3 --udp", "--udp -p 9999", ["packet flood", "UDP flood"]),
    flood("hping3 --udp -s 53", "--udp -s 53 -k -p 9999", ["packet flood", "reply flood"]),
    flood("hping3 --icmp", "--icmp", ["packet flood", "ICMP tunnel"]),
    flood("hping3 --icmp -C 0", "--icmp -C 0 -d 200", ["reply flood", "packet flood", "ICMP tunnel"]),
    flood("hping3 --rawip", "--rawip -H 200", ["packet flood"]),
    ("hping3 --icmp, broadcast", "hping3", "hping3 -q -n -i u4000 --icmp -a {zombie} 10.88.0.255", 8,
     {"broadcast flood", "spoofed source addresses"}),
    ("hping3 --udp, broadcast", "hping3", "hping3 -q -n -i u1000 --udp -p 9999 10.88.0.255", 8,
     {"broadcast flood"}),
    flood("hping3 -f", "--udp -p 9999 -d 1400 -f -m 400 -x -g 8", ["fragment flood", "packet flood"]),
    flood("hping3 -S --rand-source", "-S -p 80 --rand-source", ["spoofed source addresses", "SYN flood"]),
    flood("hping3 -A --rand-source", "-A -p 80 --rand-source", ["spoofed source addresses", "ACK flood"]),
    flood("hping3 --udp --rand-source", "--udp -p 53 --rand-source", ["spoofed source addresses", "packet flood"]),
    flood("hping3 --icmp --rand-source", "--icmp --rand-source", ["spoofed source addresses", "packet flood"]),
    ("hydra ftp", "hydra", "hydra -q -l root -P {words} -t 4 -I ftp://{db}", 20, {"password guessing"}),
    ("dns tunnel (crafted)", "python3", "python3 {actors} dns-tunnel {names} 10", 14, {"DNS tunnel"}),
    ("iodine", "iodine", "iodine -f -r -P secret {outside} t.example", 15, {"DNS tunnel"}),
    ("slow HTTP (crafted)", "python3", "python3 {actors} slow-http {web} 60", 65,
     {"slow requests"}),
    # From beyond the gateway: the sender's port is the uplink, which is no evidence.
    ("outside: SYN, random", "hping3", "hping3 -q -n -i u1000 -S -p 80 --rand-source {web}", 8,
     {"SYN flood"}),
    ("outside: ACK, random", "hping3", "hping3 -q -n -i u1000 -A -p 80 --rand-source {web}", 8, {"ACK flood"}),
    ("outside: UDP, random", "hping3", "hping3 -q -n -i u1000 --udp -p 53 --rand-source {web}", 8,
     {"packet flood"}),
    ("outside: ICMP, random", "hping3", "hping3 -q -n -i u1000 --icmp --rand-source {web}", 8, {"packet flood"}),
    ("outside: nmap -sS", "nmap", "nmap -n -Pn -sS --max-retries 1 -p 1-1000 {web}", 12, {"port scan"}),
]
