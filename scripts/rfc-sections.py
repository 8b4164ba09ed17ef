#!/usr/bin/env python3
"""rfc-sections.py FOLDER: writes data/rfc-sections.txt, the numbers of the sections that each RFC has, from a folder with
the texts (rfc5321.txt ...). Needed only when an RFC is cited for the first time; the file is part of the project.

An RFC that is cited without its text in FOLDER keeps the line that it has, or gets `*`: its sections are not checked.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import rfc_citations  # noqa: E402

HEADING = re.compile(r"^ {0,3}(?:Appendix +)?(\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)[.:]?(?: +(?:- +)?[\"'A-Z0-9\[(<].*| *)$")
APPENDIX_OF_A_NUMBER = re.compile(r"^(?:Appendix|APPENDIX) +([A-Z])\b")
CONTENTS_LINE = re.compile(r"^ *(?:Appendix +)?(\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)[.:]? +\S.*?(?:\. ?\.|\.{2,}| {3,}).*\d+ *$")


def sections(text):
    listed, found = set(), set()
    for line in text.splitlines():
        for pattern in (CONTENTS_LINE, HEADING, APPENDIX_OF_A_NUMBER):
            match = pattern.match(line)
            if match:
                found.add(match[1])
                if pattern is CONTENTS_LINE:
                    listed.add(match[1])
                break
    if len(listed) > 3:  # there is a table of contents: it has all that are not below another, and no list's items
        found = {number for number in found if "." in number or number in listed or number.isalpha()}
    # A heading is one only when its parent is, and its elder brother: this drops numbered lists and table rows.
    sure = set()
    for number in sorted(found, key=rfc_citations.order):
        parts = number.split(".")
        parent = ".".join(parts[:-1])
        if parent and parent not in sure:
            continue
        if parts[-1].isdigit() and int(parts[-1]) > 1:
            elder = ".".join(parts[:-1] + [str(int(parts[-1]) - 1)])
            if elder not in sure:
                continue
        if not parts[-1].isdigit() and parts[-1] > "A" and chr(ord(parts[-1]) - 1) not in sure:
            continue
        sure.add(number)
    return sorted(sure, key=rfc_citations.order)


def main():
    texts = pathlib.Path(sys.argv[1])
    old = rfc_citations.read_sections()
    lines = [
        "# The sections of the RFCs that are cited (scripts/rfc-sections.py); `*`: any, they are not checked.",
    ]
    named = [*rfc_citations.citations(), *rfc_citations.definitions()]
    for rfc in sorted({citation.rfc for citation in named}, key=lambda name: int(name[3:])):
        path = texts / f"{rfc}.txt"
        if path.exists():
            numbers = sections(path.read_text(errors="replace"))
        else:
            numbers = sorted(old.get(rfc, {"*"}), key=rfc_citations.order)
        lines.append(f"{rfc} {' '.join(numbers)}")
    rfc_citations.SECTIONS.write_text("\n".join(lines) + "\n")


main()
