#!/usr/bin/env bash
# Splits a program into PROGRAM.stripped, which is installed, and PROGRAM.debug with its symbols, which a
# debugger finds by name or build ID. Usage: split-symbols.sh PROGRAM
set -euo pipefail
program=$1
command -v objcopy >/dev/null || { echo "objcopy is needed: apt-get install binutils" >&2; exit 1; }
[ "$program.stripped" -nt "$program" ] && [ -e "$program.debug" ] && exit 0
rm -f "$program.debug"
objcopy --only-keep-debug "$program" "$program.debug"
chmod 644 "$program.debug"
objcopy --strip-all --remove-section=.comment --add-gnu-debuglink="$program.debug" "$program" \
    "$program.stripped.new"
mv "$program.stripped.new" "$program.stripped"
