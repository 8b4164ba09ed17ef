"""What the text scripts share: reading data/text/en/*.toml and po/LANG/*.po.

The format stands in docs/translation.md. PO files are read and written by the gettext tools only.
"""
import gettext
import io
import pathlib
import re
import subprocess
import tomllib

PLURAL_FORMS = {
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
    "en": "nplurals=2; plural=(n != 1);",
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ja": "nplurals=1; plural=0;",
    "pt-BR": "nplurals=2; plural=(n > 1);",
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);",
    "zh-Hans": "nplurals=1; plural=0;",
}
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def plural_count(language):
    return int(re.search(r"nplurals=(\d+)", PLURAL_FORMS[language]).group(1))


def languages(root):
    """The languages that have a folder in po/, without English."""
    return sorted(p.name for p in (pathlib.Path(root) / "po").iterdir() if p.is_dir())


def areas(root):
    return sorted(p.stem for p in (pathlib.Path(root) / "data/text/en").glob("*.toml"))


def flatten(prefix, table, out, plural_keys):
    for key, value in table.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict) and set(value) and set(value) <= plural_keys:
            out[name] = value
        elif isinstance(value, dict):
            flatten(name, value, out, plural_keys)
        elif isinstance(value, str):
            out[name] = value
        else:
            raise SystemExit(f"{name}: a text must be a string")


def read_english(root, area):
    """key -> "text", or {"one": ..., "other": ...} where a count appears."""
    path = pathlib.Path(root) / f"data/text/en/{area}.toml"
    out = {}
    with open(path, "rb") as file:
        try:
            flatten(area, tomllib.load(file), out, {"one", "other"})
        except tomllib.TOMLDecodeError as error:
            raise SystemExit(f"{path}: {error}")
    for key, value in out.items():
        if isinstance(value, dict) and set(value) != {"one", "other"}:
            raise SystemExit(f"{path}: {key}: a count needs both one and other")
    return out


def placeholders(text):
    return sorted(set(PLACEHOLDER.findall(text)))


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def header(language):
    return (
        'msgid ""\nmsgstr ""\n'
        '"Project-Id-Version: postil\\n"\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {PLURAL_FORMS[language]}\\n"\n'
    )


def po_entry(area, key, english, translation=None, language="en"):
    """One PO entry; translation is None, a string, or a list of plural forms."""
    singular = english["one"] if isinstance(english, dict) else english
    other = english["other"] if isinstance(english, dict) else None
    lines = ["", f"#: data/text/en/{area}.toml"]
    if PLACEHOLDER.search(singular) or (other and PLACEHOLDER.search(other)):
        lines.append("#, python-brace-format")
    lines += [f"msgctxt {quote(key)}", f"msgid {quote(singular)}"]
    if other is None:
        lines.append(f"msgstr {quote(translation or '')}")
    else:
        lines.append(f"msgid_plural {quote(other)}")
        for n in range(plural_count(language)):
            lines.append(f"msgstr[{n}] {quote(translation[n] if translation else '')}")
    return "\n".join(lines) + "\n"


def run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def read_translation(root, language, area, english):
    """key -> text, or a list of plural forms; only what is translated, not fuzzy, and of today's English."""
    path = pathlib.Path(root) / f"po/{language}/{area}.po"
    if not path.exists():
        return {}
    catalogue = gettext.GNUTranslations(io.BytesIO(run("msgfmt", "-o", "-", str(path))))._catalog
    out = {}
    for key, text in english.items():
        if isinstance(text, dict):
            forms = [catalogue.get((f"{key}\x04{text['one']}", n)) for n in range(plural_count(language))]
            if all(forms):
                out[key] = forms
        elif catalogue.get(f"{key}\x04{text}"):
            out[key] = catalogue[f"{key}\x04{text}"]
    return out
