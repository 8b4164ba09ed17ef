"""The pages of the beginning in German and Russian: 235, 521, 556 and their comparisons hold no English outside literals."""
import re
import subprocess

import postil

# Literals: transcripts, commands, codes, names of protocols, verbs and records.
LITERAL_LINE = re.compile(r"^\s*(?:\d\s+)?(?:[CS]:|\(.*\)\s+S:|postil )|\s[CS]: ")
LITERAL = re.compile(r"\"[^\"]*\"|[!-~]*[/@=:][!-~]+|\b[\w-]+\.[\w.-]*\w|\b[A-Z][A-Z0-9-]+\b|-\w+")
WORD = re.compile(r"[^\W\d_]+")
ENGLISH = set(
    "the of and that for with they be this have from or had by not what were when your can said there each which she how their if will"
    " other about many then them these would more two its than first been did get made may after does because without should must"
    " nothing server's is it to domain's takes mail's login".split())


class Languages(postil.unittest.TestCase):
    def text(self, language, *words):
        done = subprocess.run([postil.PROGRAM, *words, "--lang", language], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def pages(self, language):
        for code in ("235", "521", "556", "521 5.3.2", "5.1.10", "535", "550"):
            yield code, self.text(language, "explain", *code.split())
        for pair in (("235", "521"), ("235", "556"), ("521", "556"), ("235", "450"), ("5.1.1", "5.1.10")):
            yield pair, self.text(language, "compare", *pair)

    def test_no_english(self):
        for language in ("de", "ru"):
            for name, page in self.pages(language):
                prose = [line for line in page.splitlines() if not LITERAL_LINE.search(line)]
                self.assertGreater(len(prose), 5, page)
                for line in prose:
                    words = [word.lower() for word in WORD.findall(LITERAL.sub(" ", line))]
                    self.assertFalse(ENGLISH & set(words), f"{language} {name}: {line}")

    def test_the_detector_finds_english(self):
        page = self.text("en", "compare", "235", "521")
        found = [line for line in page.splitlines() if not LITERAL_LINE.search(line)
                 and ENGLISH & {word.lower() for word in WORD.findall(LITERAL.sub(" ", line))}]
        self.assertGreater(len(found), 10)

    def test_russian_is_russian(self):
        for name, page in self.pages("ru"):
            letters = "".join(WORD.findall(" ".join(
                LITERAL.sub(" ", line) for line in page.splitlines() if not LITERAL_LINE.search(line))))
            cyrillic = sum("\u0400" <= letter <= "\u04ff" for letter in letters)
            self.assertGreater(cyrillic, 0.9 * len(letters), f"{name}: {page}")


if __name__ == "__main__":
    postil.main()
