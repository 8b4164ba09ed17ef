"""explain as a process: files, pipes, whole logs, and the speed that makes it a filter."""
import json
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import time

import postil

try:
    import jsonschema
except ImportError:  # python3-jsonschema, packaging/debian-12.packages
    jsonschema = None

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schema"
BOUNCE = """From: Mail System <mailer-daemon@relay.example>
To: carol@sender.example
Subject: failure

<ann@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)
"""
LINE = ("Nov  2 10:00:01 relay postfix/smtp[4711]: 4XyZab1cd2z3: to=<a{n}@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, "
        "delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 <a{n}@example.net>: User unknown "
        "(in reply to RCPT TO command))\n")


class Explain(postil.unittest.TestCase):
    def test_an_answer_that_cannot_be_written_is_no_success(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([postil.PROGRAM, "explain", "521", "--lang", "de"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn("stdout", done.stderr.decode())

    def explain(self, *words, given=None, code=0):
        done = subprocess.run([postil.PROGRAM, "explain", *words], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_a_bounce_in_any_line_ends_and_charset(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, octets in {"lf": BOUNCE.encode(), "crlf": BOUNCE.replace("\n", "\r\n").encode(), "cr": BOUNCE.replace("\n", "\r").encode(),
                                 "utf16": BOUNCE.encode("utf-16"), "mbox": b"From x Mon Nov  2 10:00:00 2026\n" + BOUNCE.encode()}.items():
                path = pathlib.Path(folder) / f"{name}.eml"
                path.write_bytes(octets)
                answer = json.loads(self.explain("--json", str(path)))
                self.assertEqual(answer["input"], "bounce", name)
                (recipient,) = answer["recipients"]
                self.assertEqual((recipient["address"], recipient["reason"], recipient["evidence"]["phase"]),
                                 ("ann@example.net", "user_unknown", "rcpt"), name)

    def test_a_log_of_twenty_thousand_lines(self):
        lines = 20000
        given = "".join(LINE.format(n=n) for n in range(lines)).encode()
        begun = time.monotonic()
        answers = self.explain("--json", "-", given=given).splitlines()
        took = time.monotonic() - begun
        self.assertEqual(len(answers), lines)
        last = json.loads(answers[-1])
        self.assertEqual((last["line"], last["recipients"][0]["address"]), (lines, f"a{lines - 1}@example.net"))
        # One core does it in a third of a second; other tests run beside it, and sanitizers in it.
        self.assertLess(took, 30)

    def test_a_line_is_answered_before_the_next_one_comes(self):
        with subprocess.Popen([postil.PROGRAM, "explain", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            def write(n):
                process.stdin.write(LINE.format(n=n).encode())
                process.stdin.flush()
            write(0)
            write(1)  # two lines are a log, one may be a single line to be explained in full
            for n in range(2, 6):
                self.assertEqual(json.loads(process.stdout.readline())["line"], n - 1)
                write(n)
            process.stdin.close()
            self.assertEqual(len(process.stdout.readlines()), 2)

    def test_whoever_reads_may_stop_reading(self):
        given = "".join(LINE.format(n=n) for n in range(20000)).encode()
        with tempfile.NamedTemporaryFile() as log:
            log.write(given)
            log.flush()
            with subprocess.Popen([postil.PROGRAM, "explain", "-q", log.name], stdout=subprocess.PIPE) as process:
                process.stdout.readline()
                process.stdout.close()
                process.wait(timeout=30)

    def test_arabic_in_a_terminal_isolates_codes_and_in_a_pipe_it_does_not(self):
        words = ["--lang", "ar", "550 5.1.1 <ann@example.org>: no such user"]
        piped = self.explain(*words).decode()
        screen, terminal = pty.openpty()
        done = subprocess.run([postil.PROGRAM, "explain", *words], stdout=terminal, timeout=60)
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(screen, 65536):
                shown += chunk
        except OSError:  # the end of a terminal
            pass
        os.close(screen)
        shown = shown.decode().replace("\r\n", "\n")
        self.assertEqual(done.returncode, 0)
        self.assertIn("\u2068", shown)
        self.assertEqual(shown.count("\u2068"), shown.count("\u2069"))
        self.assertNotIn("\u2068", piped)
        self.assertTrue(re.sub("[\u2068\u2069]", "", shown).startswith(piped))

    def test_a_code_is_answered_at_once(self):
        def once():
            begun = time.monotonic()
            self.explain("521")
            return time.monotonic() - begun
        # 50 ms are the aim; the machine may be busy.
        self.assertLess(min(once() for _ in range(5)), 1)


def of_schema(name):
    """A validator; schemas name each other by their files."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, resolver=jsonschema.RefResolver(base_uri=f"{SCHEMAS.as_uri()}/", referrer=schema))


@postil.unittest.skipIf(jsonschema is None, "python3-jsonschema is not there")
class Schemas(postil.unittest.TestCase):
    def assert_valid(self, name, octets):
        faults = [f"{list(fault.path)}: {fault.message[:300]}" for fault in of_schema(name).iter_errors(json.loads(octets))]
        self.assertEqual(faults, [])

    def output(self, *words, given=b"", code=0):
        done = subprocess.run([postil.PROGRAM, *words], input=given, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_what_explain_says_of_codes_replies_bounces_lines_and_of_nothing(self):
        for what in ("521", "5.7.26", "550 5.1.1", "550 5.1.1 no such user", "x.7.1"):
            self.assert_valid("explain", self.output("explain", "--json", what))
        self.assert_valid("explain", self.output("explain", "--json", "-", given=BOUNCE.encode()))
        for line in self.output("explain", "--json", "-", given=(LINE * 2).format(n=1).encode()).splitlines():
            self.assert_valid("explain", line)
        self.assert_valid("explain", self.output("explain", "--json", "zyx wvu", code=65))

    def test_each_mail_of_an_mbox_is_an_object_of_its_own(self):
        mail = "From x Mon Nov  2 10:00:00 2026\n" + BOUNCE + "\n"
        lines = self.output("explain", "--json", "-", given=(mail + mail.replace("ann@", "bob@")).encode()).splitlines()
        self.assertEqual([json.loads(line)["recipients"][0]["address"] for line in lines], ["ann@example.net", "bob@example.net"])
        for line in lines:
            self.assert_valid("explain", line)

    def test_a_comparison(self):
        self.assert_valid("compare", self.output("compare", "--json", "521", "556"))

    def test_the_whole_reference_in_each_language(self):
        with tempfile.TemporaryDirectory() as folder:
            self.output("catalog", "export", "--format", "json", folder)
            files = sorted(pathlib.Path(folder).glob("*.json"))
            self.assertGreater(len(files), 1)
            for path in files:
                self.assert_valid("catalogue", path.read_bytes())


if __name__ == "__main__":
    postil.main()
