#!/usr/bin/env bash
# Installs the C libraries that Lazaret builds with, where they are missing. Debian and its relatives.
# With the word "test" also the small tools that tests use; without them, as without Docker, Podman and Chromium, which are not
# installed for anybody, the tests that need them say so and are skipped.
set -euo pipefail

if ! command -v swift >/dev/null; then
    echo "Swift 6.2 or newer is needed and 'swift' was not found." >&2
    echo "Install it from https://www.swift.org/install/linux/ and put it on the PATH." >&2
    exit 1
fi

packages=(libpcap-dev libnftnl-dev libmnl-dev libsqlite3-dev libssl-dev libyaml-dev libzstd-dev zlib1g-dev pkg-config)
tools=()
[ "${1:-}" = test ] && tools=(nftables iproute2 tcpdump tcpreplay curl openssl python3 sqlite3 busybox-static procps)
missing=()
for package in "${packages[@]}" "${tools[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "These libraries are needed: ${packages[*]} (Debian's names)." >&2
    echo "There is no apt-get here: install them with this system's package manager." >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "As root, run: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi
echo "Installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
