#!/usr/bin/env bash
# Builds an OCI image of a built program: [ENGINE=podman|docker] make-image.sh PROGRAM
#
# The image contains the program, the shared libraries that it needs, CA certificates, and the files that
# glibc needs to resolve names; no shell, no package manager. Swift's libraries are linked into the program.
# glibc, OpenSSL and libcurl stay shared, because a static glibc cannot load its name services. They are
# copied from this machine: build the image again to include their security updates.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
engine=${ENGINE:-$(command -v podman >/dev/null && echo podman || echo docker)}
command -v "$engine" >/dev/null || { echo "make-image: install podman or docker" >&2; exit 1; }
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] || { echo "make-image: install ca-certificates" >&2; exit 1; }
if ldd "$program" | grep -q libswiftCore; then
    echo "make-image: the program needs Swift's libraries; build it without LAZARET_SHARED_RUNTIME" >&2
    exit 1
fi
version=$("$program" --version)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022

install -D -m 755 "$program" "$root/usr/bin/lazaret"
strip --strip-unneeded "$root/usr/bin/lazaret"
# Every library that the loader finds, and the loader itself, at the path where the loader searches.
ldd "$root/usr/bin/lazaret" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done
install -D -m 644 "$certificates" "$root$certificates"
install -D -m 644 config/lazaret.yaml "$root/etc/lazaret/lazaret.yaml"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
printf 'root:x:0:0:root:/:/sbin/nologin\nlazaret:x:64023:64023:Lazaret:/var/lib/lazaret:/sbin/nologin\n' \
    >"$root/etc/passwd"
printf 'root:x:0:\nlazaret:x:64023:\n' >"$root/etc/group"
install -d -m 700 "$root/var/lib/lazaret"
install -d -m 750 "$root/run/lazaret"
install -d -m 1777 "$root/tmp"
ln -s /run "$root/var/run"

name=localhost/lazaret:$version
tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$(git log -1 --format=%ct 2>/dev/null || date +%s)" -cf - . |
    "$engine" import --change 'ENTRYPOINT ["/usr/bin/lazaret"]' --change 'CMD ["monitor"]' \
        --change "LABEL org.opencontainers.image.title=lazaret" \
        --change "LABEL org.opencontainers.image.version=$version" \
        --change "LABEL org.opencontainers.image.licenses=Apache-2.0" - "$name" >/dev/null
size=$("$engine" image inspect --format '{{.Size}}' "$name")
echo "$name, $((size / 1000000)) MB"
