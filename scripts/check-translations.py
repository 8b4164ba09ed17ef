#!/usr/bin/env python3
"""check-translations.py: says what in the texts and translations is missing or doubtful; exit 1 when anything is.

Checks: the English (ASCII, doubled words, braces), every po with msgfmt -c, untranslated and fuzzy texts, placeholders,
texts left in English wholly or in part, the share of Cyrillic letters, English words in other languages, doubled words, the words that are
the same everywhere (data/text/terms.toml), and that the keys that the code names exist.
"""
import pathlib
import re
import subprocess
import sys
import tomllib

import text_tools as text

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What is the same in every language: codes, verbs, names of protocols and records, commands, options, paths, addresses.
LITERAL = re.compile(
    r"\{[a-z0-9_]+\}|`[^`]*`|\"[^\"]*\"|<[^>]*>|--?[a-z-]+|[!-~]*[/@=:][!-~]*|\b[\w-]+\.[\w.-]*\w"
    r"|\b(?:postil|systemd|Postil|Postfix|Sendmail|Exim|Microsoft|Gmail|Google|Outlook|From|To|Received|Base64|base64|localhost|root|EHLO|COMMAND)\b"
    r"|\b[A-Z][A-Za-z]*[A-Z0-9][A-Za-z0-9-]*\b|\b[0-9][\w.:-]*|\b[A-Z]\b|\bx\b"
)
WORD = re.compile(r"[^\W\d_]+")
DOUBLED = re.compile(r"\b([^\W\d_]+) \1\b", re.IGNORECASE)
# Frequent English words; OWN says which of them a language has too.
ENGLISH = set(
    "the of and to is that it was for on are with as his they at be this have from or had by not but what all were when your "
    "can said there an each which she do how their if will other about many then them these would like him has more two "
    "its who now people my than first been did get come made may after does because server's mail's without should must".split()
) - {"was", "an", "all", "now", "do", "has", "who", "to", "at", "it", "is", "in", "my", "like", "as", "am", "will"}
ENGLISH |= {"is", "do", "it", "to", "now", "has"}
OWN = {"es": {"has", "come", "do"}, "fr": {"on", "but", "come", "an"}, "pt-BR": {"do", "for", "come", "his"}}
# Labels that are the same word in that language.
SAME = {
    "de": {"Alignment", "Code", "Codes", "Host", "Name", "Server", "Status", "Text"},
    "es": {"Host", "No", "no", "postmaster", "{n} error."},
    "ar": {"y"},
    "ja": {"null MX", "postmaster", "y"},
    "zh-Hans": {"postmaster", "y"},
    "fr": {"Arguments", "Contact", "Options", "extension", "postmaster", "session", "smarthost", "transaction"},
    "pt-BR": {"Host", "Status", "envelope", "postmaster"},
}
# Doubled words that are right.
DOUBLED_FINE = {"de": {"die", "der", "das", "sie", "den", "dem"}, "es": {"a"}, "fr": {"vous", "nous"}, "pt-BR": {"a", "e"}}

# The letters that a language writes most of its words with.
HAN = ("\u4e00", "\u9fff")
SCRIPTS = {
    "ar": [("\u0600", "\u06ff")],
    "ja": [HAN, ("\u3040", "\u30ff"), ("\u3005", "\u3005")],
    "ru": [("\u0400", "\u04ff")],
    "zh-Hans": [HAN],
}
UNSPACED = {"ja", "zh-Hans"}
# Their own marks at the end of a sentence.
ENDS = {"。": ".", "？": "?", "！": "!", "：": ":", "؟": "?"}

# Wrong words that translators fall into, whatever the English says.
NEVER = {
    "de": re.compile(r"\b(?:Bounces?|Mailbox(?:en)?|Kennw(?:ort|örter\w*)|Nutzername\w*|Emails?|Emailadresse\w*|daß|muß)\b"),
    "ru": re.compile(r"\b(?:бау?нс\w*|мейлбокс\w*|юзер\w*|логин\w*|рел[еэ]й\w*|почтмейстер\w*|обратн\w+ зон\w+|[еэи]?мейл\w*|мыл[оа])\b", re.IGNORECASE),
}
TERMS = {
    name: {key: re.compile(value, re.IGNORECASE) if isinstance(value, str) else set(value) for key, value in term.items()}
    for name, term in tomllib.loads((ROOT / "data/text/terms.toml").read_text()).items()
}

problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


def forms(value):
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]


def prose(value):
    return LITERAL.sub(" ", value)


def check_english(area, english):
    for key, value in english.items():
        for form in forms(value):
            if not form.isascii():
                problem(key, "the English text is not ASCII")
            if DOUBLED.search(form):
                problem(key, f"doubled word: {DOUBLED.search(form).group(0)}")
            if re.search(r"[{}]", text.PLACEHOLDER.sub("", form)):
                problem(key, "a brace that is no placeholder")
            if form != form.strip() or "  " in form or not form:
                problem(key, "empty, or spaces at an end or doubled")


def check_language_of(where, language, value):
    if language in UNSPACED:  # its words are told apart by their letters
        value = re.sub("(?<=[!-~])(?=[^ -~])|(?<=[^ -~])(?=[!-~])", " ", value)
    words = WORD.findall(prose(value))
    if language in SCRIPTS:
        letters = "".join(words)
        own = sum(first <= c <= last for c in letters for first, last in SCRIPTS[language])
        # A label may be little more than a literal; a wide letter says as much as several others.
        least, share = (30, 0.2) if language in UNSPACED else (30, 0.3) if language == "ar" else (20, 0.6)
        if len(letters) >= least and own < share * len(letters):
            problem(where, f"{own} of {len(letters)} letters are of the language's own script: {value}")
    english = ({w.lower() for w in words} & ENGLISH) - OWN.get(language, set())
    if english:
        problem(where, f"English words: {', '.join(sorted(english))}: {value}")
    doubled = DOUBLED.search(prose(value))
    if doubled and doubled.group(1).lower() not in DOUBLED_FINE.get(language, ()):
        problem(where, f"doubled word: {doubled.group(0)}")


def check_copied(where, source, value):
    """Three words in a row that stand in the translation as well, one of them plain English: no list of literals."""
    words = [word.lower() for word in WORD.findall(prose(source))]
    copied = " " + " ".join(word.lower() for word in WORD.findall(prose(value))) + " "
    for run in zip(words, words[1:], words[2:]):
        if ENGLISH & set(run) and f" {' '.join(run)} " in copied:
            problem(where, f"copied from the English: {' '.join(run)}")
            return


def check_terms(where, language, key, source, value):
    for name, term in TERMS.items():
        if language not in term or key in term.get("except", ()):
            continue
        if term["en"].search(prose(source)) and not term[language].search(value):
            problem(where, f"the English has {name}, which data/text/terms.toml translates otherwise: {value}")
    wrong = language in NEVER and NEVER[language].search(prose(value))
    if wrong:
        problem(where, f"a word that is not ours: {wrong.group(0)}")


def end_of(value):
    last = ENDS.get(value[-1:], value[-1:])
    return last if last and last in ".?!:" else ""


def check_translation(language, area, english):
    path = ROOT / f"po/{language}/{area}.po"
    if not path.exists():
        problem(f"po/{language}/{area}.po", "not there")
        return
    done = subprocess.run(["msgfmt", "-c", "-o", "/dev/null", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        problem(f"po/{language}/{area}.po", done.stderr.strip())
        return
    found = text.read_translation(ROOT, language, area, english)
    for key, source in english.items():
        where = f"{language} {key}"
        if key not in found:
            problem(where, "not translated, fuzzy, or of an older English text")
            continue
        wanted = set(text.placeholders(" ".join(forms(source))))
        for form in forms(found[key]):
            given = set(text.placeholders(form))
            # A form for one thing may leave the number out.
            if given - wanted or (wanted - given) - ({"n"} if isinstance(source, dict) else set()):
                problem(where, f"placeholders {sorted(given)} instead of {sorted(wanted)}")
            if form in forms(source) and WORD.search(prose(form)) and form not in SAME.get(language, ()):
                problem(where, f"left in English: {form}")
            if end_of(form) != end_of(forms(source)[-1]):
                problem(where, f"ends otherwise than the English text: {form}")
            if form != form.strip() or "  " in form:
                problem(where, "spaces at an end or doubled")
            check_language_of(where, language, form)
            check_copied(where, forms(source)[-1], form)
            check_terms(where, language, key, forms(source)[-1], form)


def check_keys_in_code(keys):
    use = re.compile(r"\b(?:tr|tr_|translator)(?:\.|->)(?:text|count)\(\s*\"([a-z0-9_.]+)\"\s*[,)]")
    for path in sorted((ROOT / "src").rglob("*.cpp")):
        for key in use.findall(path.read_text()):
            if key not in keys:
                problem(path.relative_to(ROOT), f"no text with the key {key}")


def main():
    keys, counted = set(), 0
    for area in text.areas(ROOT):
        english = text.read_english(ROOT, area)
        keys |= set(english)
        counted += len(english)
        check_english(area, english)
        for language in text.languages(ROOT):
            check_translation(language, area, english)
    for language in text.languages(ROOT):
        for path in sorted((ROOT / "po" / language).glob("*.po")):
            if path.stem not in text.areas(ROOT):
                problem(path.relative_to(ROOT), "no such area")
    check_keys_in_code(keys)
    for line in problems:
        print(line)
    print(f"{counted} texts, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
