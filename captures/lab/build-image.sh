#!/bin/bash
# Builds the root filesystem of all lab containers, as a tar file for `docker import`.
# No registry is needed: Debian comes from debootstrap, the programs from apt inside it.
#   build-image.sh OUT.tar
set -euo pipefail
out=${1:?usage: build-image.sh OUT.tar}
[ -s "$out" ] && exit 0
suite=bookworm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
root=$(mktemp -d "${TMPDIR:-/tmp}/lazaret-rootfs.XXXXXX")
trap 'rm -rf "$root" "$out.part"' EXIT

services="nginx-light postgresql redis-server dnsmasq-base openssh-server openssh-client
          python3-minimal python3-psycopg2 postgresql-client"
tools="curl iproute2 iputils-ping iputils-arping procps bind9-dnsutils
       nmap hping3 hydra iodine ptunnel-ng"

debootstrap --variant=minbase "$suite" "$root" "$mirror"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"      # start no service while installing
chmod +x "$root/usr/sbin/policy-rc.d"
chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C sh -c "apt-get update -q &&
    apt-get install -qy --no-install-recommends $(echo $services $tools) python3 && apt-get clean"
rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/lab" "$root/run/sshd" "$root/srv/www" "$root/srv/store"
chroot "$root" ssh-keygen -A
tar -C "$root" -cf "$out.part" .
mv "$out.part" "$out"
