#!/usr/bin/env python3
"""build-catalogues.py ROOT OUT: makes OUT/LANG.mo (keyed by text key) and OUT/areas.txt for the program.

An area is offered in a language only when all of it is translated; otherwise it is left out of that
language's catalogue, and the program shows the whole area in English.
areas.txt: a line for each language, "de cli explain ..." with the areas that are complete.
"""
import pathlib
import sys

import text_tools as text


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    english = {area: text.read_english(root, area) for area in text.areas(root)}
    offered = []
    for language in ["en", *text.languages(root)]:
        po, complete = text.header(language), []
        for area, texts in english.items():
            found = (
                {k: [v["one"], v["other"]] if isinstance(v, dict) else v for k, v in texts.items()}
                if language == "en"
                else text.read_translation(root, language, area, texts)
            )
            if len(found) != len(texts):
                print(f"note: {language}/{area}: {len(texts) - len(found)} of {len(texts)} texts not translated; offered in English")
                continue
            complete.append(area)
            for key, value in found.items():
                po += f"\nmsgid {text.quote(key)}\n"
                if isinstance(value, list):
                    po += f"msgid_plural {text.quote(key)}\n"
                    po += "".join(f"msgstr[{n}] {text.quote(form)}\n" for n, form in enumerate(value))
                else:
                    po += f"msgstr {text.quote(value)}\n"
        text.run("msgfmt", "-o", str(out / f"{language}.mo"), "-", data=po.encode())
        offered.append(" ".join([language, *complete]))
    (out / "areas.txt").write_text("\n".join(offered) + "\n")


main()
