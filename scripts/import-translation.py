#!/usr/bin/env python3
"""import-translation.py LANG AREA < texts.toml: writes translations into po/LANG/AREA.po.

texts.toml has the form of data/text/en/AREA.toml, with LANG's texts; a count has an array of plural forms.
Texts that are not in it keep the translation that they have.
"""
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import text_tools as text

ROOT = pathlib.Path(__file__).resolve().parent.parent


def flatten(prefix, table, out):
    for key, value in table.items():
        if isinstance(value, dict):
            flatten(f"{prefix}.{key}", value, out)
        else:
            out[f"{prefix}.{key}"] = value


def main():
    language, area = sys.argv[1], sys.argv[2]
    english = text.read_english(ROOT, area)
    given = {}
    flatten(area, tomllib.loads(sys.stdin.read()), given)
    for key in given:
        if key not in english:
            print(f"{area}.toml has no {key}", file=sys.stderr)
    old = text.read_translation(ROOT, language, area, english)
    po = text.header(language)
    for key, source in english.items():
        po += text.po_entry(area, key, source, given.get(key, old.get(key)), language)
    path = ROOT / f"po/{language}/{area}.po"
    with tempfile.NamedTemporaryFile(suffix=".po") as file:
        file.write(po.encode())
        file.flush()
        path.write_bytes(text.run("msgcat", "--no-wrap", file.name))
    missing = [k for k in english if k not in given and k not in old]
    print(f"{language}/{area}: {len(english) - len(missing)} of {len(english)} texts", *missing[:20], file=sys.stderr)


main()
