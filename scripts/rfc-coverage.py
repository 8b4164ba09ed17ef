#!/usr/bin/env python3
"""rfc-coverage.py [--check]: writes docs/rfc-coverage.md (which section is cited in which code and in which tests).
With --check it writes nothing. Exit 1 when a citation names an RFC or a section that does not exist (data/rfc-sections.txt).
"""
import collections
import pathlib
import sys

sys.dont_write_bytecode = True
import rfc_citations  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "rfc-coverage.md"
TEST_FOLDERS = ("test", "fuzz", "bench")


def table(cited):
    by_section = collections.defaultdict(lambda: (set(), set()))
    for citation in cited:
        is_test = citation.path.parts[0] in TEST_FOLDERS
        by_section[(citation.rfc, citation.section)][is_test].add(str(citation.path))
    return by_section


def links(paths):
    return "<br>".join(f"[{path}](../{path})" for path in sorted(paths))


def report(by_section):
    lines = [
        "# RFC coverage",
        "",
        "Made by `scripts/rfc-coverage.py` from the citations in the files. A row says where a section is named, no more: a",
        "section with tests may still have sentences without one, and one without a row may be followed all the same.",
        "RFC 9989 (DMARC) was read as its last draft, draft-ietf-dmarc-dmarcbis-41; the numbers of sections are the draft's.",
    ]
    rfcs = sorted({rfc for rfc, _ in by_section}, key=lambda name: int(name[3:]))
    for rfc in rfcs:
        lines += ["", f"## RFC {rfc[3:]}", "", "| section | code | tests |", "| --- | --- | --- |"]
        for section in sorted((s for r, s in by_section if r == rfc), key=lambda s: rfc_citations.order(s) if s else []):
            code, tests = by_section[(rfc, section)]
            lines.append(f"| {section or 'the whole'} | {links(code)} | {links(tests)} |")
    return "\n".join(lines) + "\n"


def main():
    sections = rfc_citations.read_sections()
    cited = list(rfc_citations.citations())
    problems = []
    for citation in [*cited, *rfc_citations.definitions()]:
        where = f"{citation.path}:{citation.line}"
        known = sections.get(citation.rfc)
        if known is None:
            problems.append(f"{where}: {citation.rfc} is not in data/rfc-sections.txt (scripts/rfc-sections.py adds it)")
        elif citation.section and citation.section not in known and "*" not in known:
            problems.append(f"{where}: {citation.rfc} has no section {citation.section}")
    text = report(table(cited))
    if "--check" not in sys.argv:
        REPORT.write_text(text)
    elif not REPORT.exists() or REPORT.read_text() != text:
        print("note: docs/rfc-coverage.md is not up to date; scripts/rfc-coverage.py writes it")
    for line in problems:
        print(line)
    print(f"{len(cited)} citations, {len(problems)} problems")
    return 1 if problems or not cited else 0


sys.exit(main())
