#!/usr/bin/env python3
"""extensions-table.py [--check]: writes docs/extensions.md from src/smtp/extensions.def.
With --check it writes nothing. Exit 1 when the file is not what the table says."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "extensions.md"
TEXT = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(rf"^(EXTENSION|PROTOCOL)\(\w+, {TEXT}, {TEXT}, (true|false), (true|false), {TEXT}, {TEXT}\)$", re.M)
HEAD = ["| | specification | as server | as client | since | |", "| --- | --- | --- | --- | --- | --- |"]


def table(rows):
    yes = {"true": "yes", "false": "no"}
    return HEAD + [f"| {name} | {rfc} | {yes[server]} | {yes[client]} | {since} | {note} |".replace("|  |", "| |")
                   for _, name, rfc, server, client, since, note in rows]


def report():
    rows = ROW.findall((ROOT / "src/smtp/extensions.def").read_text())
    lines = ["# Extensions", "",
             "Made by `scripts/extensions-table.py` from the table that EHLO is made of, `src/smtp/extensions.def`.",
             "Which sections of which RFC stand behind it, and which tests: [rfc-coverage.md](rfc-coverage.md).", ""]
    lines += table([row for row in rows if row[0] == "EXTENSION"])
    lines += ["", "Beside them:", ""] + table([row for row in rows if row[0] == "PROTOCOL"])
    lines += ["", "ETRN (RFC 1985), ATRN (RFC 2645) and EXPN are not there, on purpose: mail that waits is tried by itself,",
              "and addresses are nobody's business."]
    return "\n".join(lines) + "\n"


def main():
    wanted = report()
    if "--check" not in sys.argv:
        REPORT.write_text(wanted)
    elif not REPORT.exists() or REPORT.read_text() != wanted:
        print("docs/extensions.md is not what src/smtp/extensions.def says; run scripts/extensions-table.py")
        return 1
    return 0


sys.exit(main())
