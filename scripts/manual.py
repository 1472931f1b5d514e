#!/usr/bin/env python3
"""Writes the manual pages: lazaret(1) from the program's description of its options, lazaret.yaml(5) from the commented
configuration. Usage: manual.py PROGRAM CONFIGURATION FOLDER"""

import json
import pathlib
import re
import subprocess
import sys


def text(words):
    """Escapes text for roff: a backslash, a hyphen and a leading point or quote lose their special meaning."""
    words = re.sub(r"\s+", " ", words.strip()).replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + words if words[:1] in (".", "'") else words


def head(name, section, version, what):
    return [
        f'.TH {name} {section} "" "Lazaret {version}" "Lazaret"',
        ".SH NAME", f"{name} \\- {text(what)}",
    ]


def option(argument):
    """An option or operand as typed on the command line."""
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return f"\\fI{text(value)}\\fR" + (" ..." if argument["isRepeating"] else "")
    names = []
    for name in argument.get("names", []):
        dashes = "-" if name["kind"] == "short" else "--"
        names.append(f"\\fB{text(dashes + name['name'])}\\fR")
    typed = ", ".join(names)
    return typed if argument["kind"] == "flag" else f"{typed} \\fI{text(value)}\\fR"


def example(line):
    return [".RS 4", ".EX", text(line), ".EE", ".RE"]


def paragraphs(discussion):
    """Formats text as paragraphs; indented lines are kept unchanged."""
    lines = []
    for part in discussion.split("\n\n"):
        for line in part.splitlines():
            if line.startswith("  "):
                lines += example(line)
            else:
                lines.append(text(line))
        lines.append(".PP")
    return lines[:-1]


def arguments(command, common):
    lines = []
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or option(argument) in common:
            continue
        said = argument.get("abstract", "")
        default = argument.get("defaultValue")
        if default and "default" not in said:
            said += f" (default: {default})"
        values = argument.get("allValues")
        if values and not all(value in said for value in values):
            said += f" One of {', '.join(values)}."
        lines += [".TP", option(argument), text(said)]
    return lines


def commands(command, path, common):
    lines = []
    for child in command.get("subcommands", []):
        if child["commandName"] == "help" or not child["shouldDisplay"]:
            continue
        name = f"{path} {child['commandName']}"
        lines += [f'.SS "{text(name)}"', text(child.get("abstract", ""))]
        if child.get("discussion"):
            lines += [".PP"] + paragraphs(child["discussion"])
        lines += arguments(child, common) + commands(child, name, common)
    return lines


def program_page(program, version):
    dump = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True)
    root = json.loads(dump.stdout)["command"]
    common = {option(argument) for argument in root.get("arguments", [])}
    page = head("lazaret", 1, version, root["abstract"].rstrip("."))
    page += [".SH SYNOPSIS", ".B lazaret", "\\fIcommand\\fR [\\fIoptions\\fR]"]
    page += [".SH DESCRIPTION"] + paragraphs(root.get("discussion", ""))
    page += [".SH OPTIONS"] + arguments(root, set())
    page += [".SH COMMANDS"] + commands(root, "lazaret", common)
    page += [
        ".SH FILES",
        ".TP", ".I /etc/lazaret/lazaret.yaml", "Configuration; see lazaret.yaml(5).",
        ".TP", ".I /var/lib/lazaret", "Ledger, audit trail, lock, retrained models and spool.",
        ".SH SEE ALSO", "lazaret.yaml(5), nft(8), pcap\\-filter(7)",
    ]
    return page


def configuration_page(path, version):
    page = head("lazaret.yaml", 5, version, "configuration of lazaret(1)")
    blocks = pathlib.Path(path).read_text().split("\n\n")
    page += [".SH DESCRIPTION", text(" ".join(line.lstrip("# ") for line in blocks[0].splitlines()))]
    page += [".SH KEYS"]
    comment, depth = [], 0
    for line in "\n".join(blocks[1:]).splitlines():
        said = line.strip()
        if said.startswith("#"):
            comment.append(said.removeprefix("#"))
            continue
        if not said:
            continue
        key, _, value = said.partition(":")
        level = (len(line) - len(line.lstrip())) // 2
        page += [".RS"] * (level - depth) + [".RE"] * (depth - level)
        depth = level
        value = value.strip()
        shown = f" ({text(value)})" if value else ""
        page += [".TP", f"\\fB{text(key)}\\fR{shown}"]
        # An example is a list item or a mapping of its own line.
        words = [part for part in comment if not part.startswith("   ")]
        examples = [part for part in comment if part.startswith("   ")]
        page.append(text(" ".join(words)) if words else "\\&")
        for part in examples:
            page += example(part)
        comment = []
    page += [".RE"] * depth
    page += [".SH FILES", ".I /etc/lazaret/lazaret.yaml", ".SH SEE ALSO", "lazaret(1)"]
    return page


def main():
    program, configuration, folder = sys.argv[1:]
    version = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name, page in [
        ("lazaret.1", program_page(program, version)),
        ("lazaret.yaml.5", configuration_page(configuration, version)),
    ]:
        (out / name).write_text("\n".join(page) + "\n")


main()
