#!/usr/bin/env bash
# Installs missing C libraries that Lazaret is built with, on Debian and derivatives. With the word "test", also installs
# all programs that the tests run; with the word "docs", only MkDocs, which makes a site of the documentation. Services of installed packages are not started, neither now nor at the next boot.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != docs ] && ! command -v swift >/dev/null; then
    echo "Swift 6.2 or newer is needed and 'swift' was not found." >&2
    echo "Install it from https://www.swift.org/install/linux/ and put it on the PATH." >&2
    exit 1
fi

packages=(libpcap-dev libnftnl-dev libmnl-dev libsqlite3-dev libssl-dev libcurl4-openssl-dev)
packages+=(libmicrohttpd-dev libyaml-dev libzstd-dev zlib1g-dev pkg-config)
tools=()
[ "${1:-}" != docs ] || packages=(python3 python3-venv)
if [ "${1:-}" = test ]; then
    # Namespaces, firewall and captures.
    tools+=(iproute2 iputils-ping nftables conntrack tcpdump tcpreplay wireshark-common)
    # What attackers use, run between namespaces.
    tools+=(hping3 nmap)
    # What responses act on.
    tools+=(wireguard-tools wireguard-go)
    # Containers.
    tools+=(docker.io docker-compose podman runc netavark aardvark-dns iptables busybox-static)
    # Programs that read Lazaret's output or query it.
    tools+=(curl openssl sqlite3 chromium prometheus prometheus-alertmanager nfdump python3 python3-venv)
    # System tools.
    tools+=(util-linux mount procps strace systemd man-db groff-base make git gcc libc6-dev)
    tools+=(binutils dpkg-dev ca-certificates)
    # What counts instructions, for Benchmarks/check.sh.
    tools+=(valgrind)
fi

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

missing=()
for package in "${packages[@]}" "${tools[@]}"; do installed "$package" || missing+=("$package"); done

# Programs that Debian does not have.
modules=()
site=mkdocs==1.6.1
[ "${1:-}" = docs ] && modules=("$site")
[ "${1:-}" = test ] && modules=(openapi-spec-validator kubernetes-validate "$site")
venv() {
    local module has=yes
    for module in "${modules[@]}"; do [ -x ".build/venv/bin/${module%%=*}" ] || has=; done
    [ -z "$has" ] || return 0
    echo "Installing ${modules[*]} in .build/venv"
    /usr/bin/python3 -m venv .build/venv
    .build/venv/bin/python3 -m pip install -q "${modules[@]}"
}
# CrowdSec and its bouncer are only unpacked: the installation registers with a central server, and starts services.
unpack() {
    local folder package
    [ "${#modules[@]}" -gt 1 ] && [ ! -x .build/crowdsec/usr/bin/crowdsec-firewall-bouncer ] || return 0
    command -v apt-get >/dev/null || return 0
    echo "Unpacking crowdsec in .build/crowdsec"
    folder=$(mktemp -d)
    chmod 755 "$folder"
    if (cd "$folder" && apt-get download -qq crowdsec crowdsec-firewall-bouncer 2>/dev/null); then
        for package in "$folder"/*.deb; do dpkg-deb -x "$package" .build/crowdsec; done
    fi
    rm -r "$folder"
}
if [ ${#missing[@]} -eq 0 ]; then
    venv
    unpack
    exit
fi

if ! command -v apt-get >/dev/null; then
    echo "These packages are missing: ${missing[*]} (Debian's names). There is no apt-get here: install them with this system's package manager." >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "As root, run: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi

# Packages with a service, which is neither started nor left enabled.
servers=()
for package in docker.io containerd podman prometheus prometheus-alertmanager nfdump; do installed "$package" || servers+=("$package"); done
policy=/usr/sbin/policy-rc.d
restore() {
    "${sudo[@]}" rm -f "$policy"
    [ ! -e "$policy.before" ] || "${sudo[@]}" mv "$policy.before" "$policy"
}
trap restore EXIT
[ ! -e "$policy" ] || "${sudo[@]}" mv "$policy" "$policy.before"
printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
"${sudo[@]}" chmod 755 "$policy"

echo "Installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for package in "${servers[@]}"; do
    installed "$package" || continue
    mapfile -t units < <(dpkg -L "$package" | sed -nE 's#^/lib/systemd/system/([^/@]+\.(service|socket|timer))$#\1#p')
    [ ${#units[@]} -eq 0 ] || "${sudo[@]}" systemctl disable --quiet "${units[@]}" 2>/dev/null || true
done
venv
unpack
