#!/usr/bin/env bash
# Runs both commands of the README on a bare machine: a minimal Debian 12 in a folder, with this
# machine's Swift toolchain mounted into it and a fresh clone of this repository.
#
# usage: scripts/bare-machine.sh [--keep] [--only demo|test] [FOLDER]
#
# Needs root and debootstrap. FOLDER (a new one in /var/tmp by default) is removed at the end, unless
# --keep is given; an existing one is reused. MIRROR names a Debian mirror.
# The bare system has its own file systems, processes and host name (unshare, pivot_root). It shares
# this machine's kernel and network; tests create their own network namespaces, as always.
set -euo pipefail
cd "$(dirname "$0")/.."
keep=
only=
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=yes ;;
    --only) only=$2; shift ;;
    -*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
    shift
done
[ "$(id -u)" -eq 0 ] || { echo "bare-machine: must run as root" >&2; exit 1; }
command -v debootstrap >/dev/null || {
    echo "bare-machine: debootstrap is needed: apt-get install debootstrap" >&2
    exit 1
}
swift=$(readlink -f "$(command -v swift)") || { echo "bare-machine: no swift on PATH" >&2; exit 1; }
toolchain=${swift%/usr/bin/*}
repository=$(git rev-parse --show-toplevel)
root=${1:-$(mktemp -d /var/tmp/lazaret-bare.XXXXXX)}
mkdir -p "$root"
root=$(readlink -f "$root")
clean() {
    [ -n "$keep" ] && { echo "bare-machine: kept in $root"; return; }
    rm -rf --one-file-system "$root"
}
trap clean EXIT

say() { printf '\n\033[1mbare-machine: %s\033[0m\n' "$*"; }

if [ ! -x "$root/bin/sh" ]; then
    say "a minimal Debian 12 in $root"
    # make and git fetch and start the project; the other packages are those that swift.org
    # lists as requirements of its toolchain on Debian 12.
    debootstrap --variant=minbase --include=make,git,ca-certificates,binutils,gcc,libc6-dev,\
libstdc++-12-dev,libcurl4,libedit2,libncurses6,libsqlite3-0,libxml2,libz3-4,zlib1g-dev,tzdata,pkg-config \
        bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; exit 1; }
    rm -f "$root.log"
fi

# This machine's configuration of Internet access: DNS, certificates, mirrors.
mounts=("$toolchain:/opt/swift" "$repository:/source")
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
for file in /etc/gitconfig /etc/pip.conf; do
    if [ -f "$file" ]; then cp -L "$file" "$root$file"; fi
done
git config --system safe.directory >/dev/null 2>&1 || true
printf '[safe]\n\tdirectory = *\n' >>"$root/etc/gitconfig"
while read -r key _; do
    mirror=${key#url.}
    mirror=${mirror%.insteadof}
    case $mirror in /*) [ -d "$mirror" ] && mounts+=("$mirror:$mirror") ;; esac
done < <(git config --system --get-regexp '^url\..*\.insteadof$' 2>/dev/null | sort -u -k1,1)

cat >"$root/run-both-commands" <<'INNER'
#!/bin/bash
# Both commands of the README, as a new user types them.
set -uo pipefail
export PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 PIP_CERT=/etc/ssl/certs/ca-certificates.crt
rm -rf /root/lazaret
git clone -q /source /root/lazaret || exit 1
cd /root/lazaret
if [ ! -c /dev/fuse ]; then echo "bare-machine: cannot run here: fuse-overlayfs (no /dev/fuse)"; fi
[ -d /sys/fs/cgroup ] && [ -n "$(ls /sys/fs/cgroup)" ] ||
    echo "bare-machine: cannot run here: Docker and Podman (no control groups)"
[ -d /run/systemd/system ] || echo "bare-machine: cannot run here: systemd itself (not process 1)"
failed=0
for what in ${ONLY:-demo test}; do
    printf '\n\033[1mbare-machine: $ make %s\033[0m\n' "$what"
    begin=$(date +%s)
    make "$what" || failed=1
    took=$(($(date +%s) - begin))
    summary+=$(printf 'bare-machine: make %s took %d min %02d s' "$what" $((took / 60)) $((took % 60)))$'\n'
    [ "$failed" = 0 ] || break
done
program=.build/release/lazaret
[ -f "$program" ] && summary+="bare-machine: the program is $(($(stat -c %s "$program") >> 20)) MB"
printf '\n%s\n' "$summary"
[ "$failed" = 0 ] && echo "bare-machine: both commands passed" || echo "bare-machine: FAILED"
exit $failed
INNER
chmod 755 "$root/run-both-commands"

say "in it: $(. "$root/etc/os-release" && echo "$PRETTY_NAME"), $(swift --version 2>/dev/null | grep -o 'Swift version [0-9.]*'), $(nproc) cores"
export ONLY=$only
# Its own mount, process, host name and IPC namespaces; the folder becomes the root of the file system.
exec_inside='
set -e
root=$1; shift
mount --bind "$root" "$root"
mount --make-private "$root"
for pair in "$@"; do
    mkdir -p "$root${pair#*:}"
    mount --bind -o ro "${pair%%:*}" "$root${pair#*:}"
done
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/old" "$root/run/lock"
hostname bare
cd "$root"
pivot_root . old
umount -l /old
exec env -i ONLY="$ONLY" TERM="${TERM:-dumb}" ${CI:+CI=$CI} /run-both-commands
'
unshare --mount --propagation private --pid --fork --kill-child --uts --ipc \
    bash -c "$exec_inside" bash "$root" "${mounts[@]}"
