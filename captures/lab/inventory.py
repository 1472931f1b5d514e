"""Writes the inventory of topology.txt: the owners of addresses.   inventory.py > inventory.yaml"""
import os

here = os.path.dirname(os.path.abspath(__file__))
rows = [line.split() for line in open(here + "/topology.txt") if line[:3] in ("net", "box")]
nets = [r for r in rows if r[0] == "net"]
boxes = [r for r in rows if r[0] == "box"]
print("# The lab's workloads and networks, for all three captures. Written by lab/inventory.py.")
print("networks:")
for _, name, prefix, gateway in nets:
    print(f"  - {{name: {name}, prefix: {prefix}, gateway: {gateway}}}")
print("workloads:")
for workload in dict.fromkeys(b[2] for b in boxes):
    own = [b for b in boxes if b[2] == workload]
    print(f"  - name: {workload}\n    image: lab/{own[0][3]}\n    labels: {{net: {own[0][4]}}}")
    print("    addresses: [" + ", ".join(b[5] for b in own) + "]")
    macs = ["'02:42:" + ":".join(f"{int(x):02x}" for x in b[5].split(".")) + "'" for b in own]
    print("    macs: [" + ", ".join(macs) + "]")
