#!/bin/bash
# Records all three captures, the labels and the inventory again, in about fifty minutes:
#   sudo captures/lab/record.sh [FOLDER]          (FOLDER is captures/ by default)
#   JOBS=3 sudo -E captures/lab/record.sh         all three at once, each with its own gateway, in about twenty minutes
# Needs Debian 12 and root; installs what is missing with apt. Leaves nothing running; the image stays in /var/tmp/lazaret-lab.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(realpath "${1:-$here/..}")
missing=()
for pair in dockerd:docker.io docker:docker.io debootstrap:debootstrap tcpdump:tcpdump ethtool:ethtool ip:iproute2 nsenter:util-linux \
    iptables:iptables openssl:openssl ssh:openssh-client curl:curl python3:python3 sysctl:procps dnsmasq:dnsmasq-base nmap:nmap hydra:hydra \
    iodined:iodine ptunnel-ng:ptunnel-ng ping:iputils-ping; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    # No service of an installed package may start here.
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy; chmod +x $policy; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi
mkdir -p "${LAB_STORE:-/var/tmp/lazaret-lab}"
"$here/build-image.sh" "${LAB_STORE:-/var/tmp/lazaret-lab}/image.tar"

work=$(mktemp -d "${TMPDIR:-/tmp}/lazaret-record.XXXXXX")
seed=0
printf '%s\n' clean-train clean-test mixed | while read -r name; do echo "$name $((++seed)) $work"; done |
    xargs -P "${JOBS:-1}" -L 1 "$here/record-one.sh"
python3 "$here/inventory.py" > "$folder/inventory.yaml"
python3 "$here/labels.py" "$work/mixed.pcap" "$work/mixed.logs/attacks.jsonl" > "$work/mixed.labels.jsonl"
mv "$work"/*.pcap "$work"/mixed.labels.jsonl "$folder/"
python3 "$here/verify.py" "$folder" --readme
echo "Done. Logs and the tools' output: $work"
