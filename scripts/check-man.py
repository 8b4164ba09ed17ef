#!/usr/bin/env python3
"""check-man.py: postil.toml(5) has every key of src/config/schema.cpp under its table, with its default, and no other. Exit 1 when not."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROW = re.compile(r'all\.push_back\(\s*(?:\{\{)?(?:\w+\(\s*)?"([a-z0-9_.]+)",\s*((?:"(?:[^"\\]|\\.)*"|[^,])*)')
# The keys of arrays of tables are declared in files of their own.
ENTRIES = ["dkim", "tls_policy", "sites", "expect"]
ENTRY = re.compile(r'\{\{"([a-z_]+\.[a-z0-9_]+)",\s*"[^"]*",\s*"((?:[^"\\]|\\.)*)"')
NO_DEFAULT = {"", '""', "[]"}


def declared():
    keys = {}
    for path, rest in ROW.findall((ROOT / "src/config/schema.cpp").read_text()):
        text = re.match(r'"((?:[^"\\]|\\.)*)"', rest)
        default = text[1].replace('\\"', '"') if text else ""
        keys[path] = None if path in ("job", "jobs", "hostname") or default in NO_DEFAULT else default
    for name in ENTRIES:
        for path, text in ENTRY.findall((ROOT / f"src/config/{name}.cpp").read_text()):
            keys[path] = None if text in NO_DEFAULT else text.replace('\\"', '"')
    return keys


def documented():
    keys, table = {}, None
    for line in (ROOT / "packaging/man/postil.toml.5").read_text().splitlines():
        if line.startswith(".SH "):
            heading = line[4:]
            table = "" if heading.startswith("KEYS") else heading.strip("[]") if heading.startswith("[") else None
        elif line.startswith(".B ") and table is not None:
            name, _, default = line[3:].partition(" ")
            keys[f"{table}.{name}" if table else name] = default[len("\\fR("):-1].replace("\\[dq]", '"') or None
    return keys


def main():
    code, man = declared(), documented()
    problems = [f"{key}: not in the man page" for key in code if key not in man]
    problems += [f"{key}: in the man page, but no key" for key in man if key not in code]
    problems += [f"{key}: the default is {code[key]}, the man page says {man[key]}" for key in code if key in man and code[key] != man[key]]
    for line in problems:
        print(line)
    print(f"{len(code)} keys, {len(problems)} problems")
    return 1 if problems or len(code) < 20 else 0


sys.exit(main())
