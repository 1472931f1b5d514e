#!/usr/bin/env bash
# Builds Debian packages of a built program: lazaret, and lazaret-dbgsym with its symbols.
# Usage: make-deb.sh PROGRAM FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
out=$2

for tool in dpkg-deb dpkg-shlibdeps gzip objcopy readelf; do
    command -v "$tool" >/dev/null || { echo "$tool is needed: apt-get install dpkg-dev binutils" >&2; exit 1; }
done
version=$("$program" --version)
architecture=$(dpkg --print-architecture)
root=.build/deb/root
rm -rf .build/deb
mkdir -p "$root/DEBIAN" .build/deb/debian "$out"
umask 022

make -s install-files DESTDIR="$PWD/$root" PREFIX=/usr UNITDIR=/usr/lib/systemd/system \
    ZSHDIR=/usr/share/zsh/vendor-completions LAZARET="$program" ${MANUAL:+MANUAL="$MANUAL"}
sed -i '1{/^#!/d}' "$root/usr/share/bash-completion/completions/lazaret"
doc=$root/usr/share/doc/lazaret
install -d "$doc"
gzip -9n "$root"/usr/share/man/man*/*
# The date of the last commit, so the same sources yield the same package.
moment=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH=$moment
maintainer=${MAINTAINER:-"Lazaret maintainers <root@$(hostname -f 2>/dev/null || hostname)>"}
gzip -9n > "$doc/changelog.gz" <<EOF
lazaret ($version) unstable; urgency=medium

  * Built from the sources; see CHANGELOG.md for changes.

 -- $maintainer  $(date -u -R -d "@$moment")
EOF
cat > "$doc/copyright" <<'EOF'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: lazaret

Files: *
Copyright: 2026 the Lazaret authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
EOF

# Swift's libraries are part of the program, because Debian does not have them.
install -d "$root/usr/share/lintian/overrides"
printf 'lazaret: embedded-library\n' > "$root/usr/share/lintian/overrides/lazaret"

# dpkg-shlibdeps requires a source package.
printf 'Source: lazaret\n\nPackage: lazaret\nArchitecture: any\n' > .build/deb/debian/control
depends=$(cd .build/deb && dpkg-shlibdeps -O --ignore-missing-info root/usr/bin/lazaret 2>/dev/null)
depends=${depends#shlibs:Depends=}
[ -n "$depends" ] || { echo "dpkg-shlibdeps found no libraries" >&2; exit 1; }
if ldd "$root/usr/bin/lazaret" | grep -q libswiftCore; then
    echo "the program needs Swift's libraries; build it without LAZARET_SHARED_RUNTIME" >&2
    exit 1
fi

cat > "$root/DEBIAN/control" <<EOF
Package: lazaret
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$root" | cut -f1)
Depends: $depends, passwd
Recommends: ca-certificates
Suggests: nftables, tcpdump
Section: net
Priority: optional
Description: network anomaly monitor and quarantine for container gateways
 Lazaret learns the clean traffic of each workload, explains what deviates from
 it, and quarantines offenders with nftables.
 It reads captures and live interfaces, and writes EVE JSON.
EOF
echo /etc/lazaret/lazaret.yaml > "$root/DEBIAN/conffiles"

cat > "$root/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if ! getent passwd lazaret >/dev/null; then
        if command -v systemd-sysusers >/dev/null; then
            systemd-sysusers lazaret.conf || true
        fi
        getent passwd lazaret >/dev/null || useradd --system --user-group --no-create-home \
            --home-dir /var/lib/lazaret --shell /usr/sbin/nologin lazaret
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        # A running monitor is restarted with the new program.
        systemctl try-restart lazaret.service >/dev/null 2>&1 || true
    fi
fi
EOF
cat > "$root/DEBIAN/prerm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    # Fences stay active until they expire.
    systemctl --no-reload disable --now lazaret.service >/dev/null 2>&1 || true
fi
EOF
cat > "$root/DEBIAN/postrm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = purge ]; then
    rm -rf /var/lib/lazaret /var/log/lazaret
    rmdir --ignore-fail-on-non-empty /etc/lazaret 2>/dev/null || true
fi
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
EOF
chmod 755 "$root"/DEBIAN/{postinst,prerm,postrm}
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)

package=$out/lazaret_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z9 --build "$root" "$package" >/dev/null
if command -v lintian >/dev/null; then lintian --no-tag-display-limit "$package" || true; fi
echo "$package"

# Debuggers look for symbols by the program's build ID.
id=$(readelf -n "$root/usr/bin/lazaret" | sed -n 's/.*Build ID: //p')
[ -n "$id" ] || { echo "the program has no build ID" >&2; exit 1; }
symbols=.build/deb/symbols
install -D -m 644 "$program.debug" "$symbols/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
mkdir "$symbols/DEBIAN"
cat > "$symbols/DEBIAN/control" <<EOF
Package: lazaret-dbgsym
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$symbols" | cut -f1)
Depends: lazaret (= $version)
Auto-Built-Package: debug-symbols
Build-Ids: $id
Section: debug
Priority: optional
Description: debug symbols for lazaret
EOF
package=$out/lazaret-dbgsym_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$symbols" "$package" >/dev/null
echo "$package"
