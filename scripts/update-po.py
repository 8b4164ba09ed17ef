#!/usr/bin/env python3
"""update-po.py [AREA...]: brings po/LANG/AREA.po up to data/text/en/AREA.toml.

Translations are kept; where the English changed, the old one is kept and marked fuzzy, with the old English beside it.
"""
import pathlib
import sys
import tempfile

import text_tools as text

ROOT = pathlib.Path(__file__).resolve().parent.parent


def template(area, language):
    english = text.read_english(ROOT, area)
    return text.header(language) + "".join(text.po_entry(area, k, v, None, language) for k, v in english.items())


def update(area, language):
    path = ROOT / f"po/{language}/{area}.po"
    with tempfile.NamedTemporaryFile(suffix=".pot") as pot:
        pot.write(template(area, language).encode())
        pot.flush()
        if path.exists():
            merged = text.run("msgmerge", "--quiet", "--previous", "--no-wrap", str(path), pot.name)
            path.write_bytes(text.run("msgattrib", "--no-obsolete", "--no-wrap", "-", data=merged))
        else:
            path.write_bytes(pathlib.Path(pot.name).read_bytes())


for area in sys.argv[1:] or text.areas(ROOT):
    for language in text.languages(ROOT):
        update(area, language)
