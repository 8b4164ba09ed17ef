"""postil check against nsd (signed, forged, hostile zones), our own server, and Postfix and Exim with good and bad certificates."""
import hashlib
import json
import pathlib
import subprocess
import tempfile
import time

import postil
from names import NameServer, SignedNameServer

CHAIN = "\n".join([f"c{i}.chain.lab. CNAME c{i + 1}.chain.lab." for i in range(40)] + ["c40.chain.lab. A 127.0.0.9"])


def check(*words, names=None, code=None, input=None, env=None):
    """The findings of one subject by id, and the whole object."""
    at = ["--resolver", f"127.0.0.1@{names.port}"] if names else []
    if isinstance(names, SignedNameServer):
        anchor = (names.folder / "anchor").read_text().split(";")[0]
        at += ["--trust-anchor", " ".join(anchor.split())]
    begin = time.monotonic()
    done = subprocess.run([postil.PROGRAM, "check", *map(str, words), "--json", *at], capture_output=True, text=True, timeout=60, check=False,
                          input=input, env={**postil.os.environ, **(env or {})})
    took = time.monotonic() - begin
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    for report in reports:
        report["took"] = took
    return reports[0] if len(reports) == 1 else reports


def ids(report):
    return [finding["id"] for finding in report["findings"]]


def finding(report, name):
    return next(one for one in report["findings"] if one["id"] == name)


class Dns(postil.unittest.TestCase):
    """Zones as they are and as they should not be; no host is needed."""

    def test_what_domains_say(self):
        records = ["null.lab. MX 0 .", 'null.lab. TXT "v=spf1 -all"', '_dmarc.null.lab. TXT "v=DMARC1; p=reject"', "stray.lab. MX 10 .",
                   "both.lab. MX 0 .", "both.lab. MX 10 mx.both.lab.", "mx.both.lab. A 127.0.0.9", "bare.lab. TXT x", "ip.lab. MX 10 192.0.2.7.",
                   "alias.lab. MX 10 also.alias.lab.", "also.alias.lab. CNAME mx.both.lab.", "none.lab. MX 10 nowhere.none.lab."]
        with NameServer(records) as names:
            wanted = {"null.lab": "MX-NULL", "stray.lab": "MX-NULL-PREFERENCE", "both.lab": "MX-NULL-BESIDE", "bare.lab": "MX-NONE",
                      "ip.lab": "MX-LITERAL", "alias.lab": "MX-CNAME", "none.lab": "MX-NO-ADDRESS", "absent.lab": "DOMAIN-NONE"}
            reports = check("-", "--only", "mx", names=names, input="# domains\n" + "\n".join(wanted) + "\n", code=1)
            self.assertEqual([report["subject"] for report in reports], list(wanted))
            for report, name in zip(reports, wanted.values()):
                self.assertIn(name, ids(report))
            parked = check("null.lab", "--parked", names=names, code=0)
            self.assertEqual(set(ids(parked)), {"PARKED-MX-OK", "PARKED-HOST-NONE", "PARKED-SPF-OK", "PARKED-DMARC-OK"})
            check("both.lab", "--parked", "--timeout", 3, names=names, code=1)

    def test_the_terminal_in_three_languages(self):
        with NameServer(["null.lab. MX 0 ."]) as names:
            for language, word in (("en", "fail"), ("de", "Fehler"), ("ru", "ошибка")):
                done = subprocess.run([postil.PROGRAM, "--lang", language, "check", "null.lab", "--resolver", f"127.0.0.1@{names.port}"],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("MX-NULL", done.stdout)
                self.assertIn(word, done.stdout)
                self.assertIn('null.lab.  TXT  "v=spf1 -all"', done.stdout)

    def test_hostile_zones(self):
        text = " ".join(f'"{"x" * 250}"' for _ in range(240))
        records = [f"many.lab. MX {i} mx{i}.many.lab." for i in range(1000)] + [f"mx{i}.many.lab. A 127.9.{i // 250}.{i % 250 + 1}" for i in range(1000)]
        records += [CHAIN, "chain.lab. MX 10 c0.chain.lab.", "loop.lab. MX 10 a.loop.lab.", "a.loop.lab. CNAME b.loop.lab.",
                    "b.loop.lab. CNAME a.loop.lab.", f"big.lab. TXT {text}", "big.lab. MX 0 .", "self.lab. MX 10 self.lab.",
                    'inc.lab. TXT "v=spf1 include:inc.lab -all"', "inc.lab. MX 0 ."]
        with NameServer(records) as names:
            many = check("many.lab", "--timeout", 6, names=names)
            self.assertIn("MX-MANY", ids(many))
            self.assertLessEqual(many["connections"], 10)
            for domain in ("chain.lab", "loop.lab", "self.lab"):
                report = check(domain, "--only", "mx", "--timeout", 8, names=names)
                self.assertLess(report["took"], 20)
                self.assertTrue({"MX-NO-ADDRESS", "MX-ADDRESS-UNKNOWN"} & set(ids(report)), ids(report))
            self.assertIn("SPF-MISSING", ids(check("big.lab", "--only", "spf", names=names)))
            self.assertIn("SPF-LOOP", ids(check("inc.lab", "--only", "spf", names=names)))

    def test_signed_and_forged(self):
        records = ["good.lab. MX 0 .", "forged.lab. MX 10 mx.good.lab."]
        with SignedNameServer(records, forge=("mx.good.lab.", "mx.evil.lab.")) as names:
            good = check("good.lab", "--only", "mx", names=names, code=0)
            self.assertTrue(good["validating"])
            self.assertIn("DNS-BOGUS", ids(check("forged.lab", "--only", "mx", names=names, code=1)))

    def test_saved_and_replayed(self):
        with tempfile.TemporaryDirectory() as folder, NameServer(["null.lab. MX 0 ."]) as names:
            saved = pathlib.Path(folder) / "seen"
            first = check("null.lab", "--save", saved, names=names, code=1)
            again = check("--replay", saved, code=1)
            self.assertTrue(again["replayed"])
            self.assertEqual(first["findings"], again["findings"])
            saved.write_text(saved.read_text()[:200])
            done = subprocess.run([postil.PROGRAM, "check", "--replay", saved], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 65, done.stderr)

    def test_explain_runs_what_confirms(self):
        line = ("Nov 22 10:00:00 mx postfix/smtp[1234]: 4C1D23E456: to=<ann@null.lab>, relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.1.10, status=bounced "
                "(Domain null.lab does not accept mail (nullMX))")
        with NameServer(["null.lab. MX 0 ."]) as names:
            done = subprocess.run([postil.PROGRAM, "explain", "--check", "--resolver", f"127.0.0.1@{names.port}", "--json", line],
                                  capture_output=True, text=True, timeout=60, check=False)
            checked = json.loads(done.stdout)["checked"]
            self.assertEqual([(one["verdict"], one["findings"]) for one in checked], [("confirmed", ["MX-NULL"])])


class Hosts(postil.unittest.TestCase):
    """Our own server as the other side."""

    def test_logins(self):
        with tempfile.TemporaryDirectory() as folder, NameServer(["localhost. A 127.0.0.1"]) as names, postil.Server() as server:
            at = ["--port-submission", server.port, "--port-submissions", server.port_tls, "--login", postil.USER]
            saved = pathlib.Path(folder) / "seen"
            good = check("localhost", *at, "--ca", server.certificate, "--save", saved, names=names, code=0, env={"POSTIL_PASSWORD": postil.PASSWORD})
            ok = [one for one in good["findings"] if one["id"] == "LOGIN-OK"]
            self.assertGreaterEqual(len(ok), 4, good)
            self.assertNotIn("LOGIN-CERT-CHAIN", ids(good))
            text = saved.read_text() + json.dumps(good)
            import base64
            for secret in (postil.PASSWORD, base64.b64encode(f"\0{postil.USER}\0{postil.PASSWORD}".encode()).decode(),
                           base64.b64encode(postil.PASSWORD.encode()).decode()):
                self.assertNotIn(secret, text)
            wrong = check("localhost", *at, "--ca", server.certificate, names=names, code=1, env={"POSTIL_PASSWORD": "no"})
            self.assertIn("LOGIN-REFUSED", ids(wrong))
            untrusted = check("localhost", *at, names=names, code=1, env={"POSTIL_PASSWORD": postil.PASSWORD})
            self.assertIn("LOGIN-CERT-CHAIN", ids(untrusted))
            self.assertIn("LOGIN-KEPT-BACK", ids(untrusted))

    def test_a_null_host_is_parked(self):
        records = ["null.lab. MX 0 .", "null.lab. A 127.0.0.1", 'null.lab. TXT "v=spf1 -all"', '_dmarc.null.lab. TXT "v=DMARC1; p=reject"']
        with NameServer(records) as names, postil.Server(job="null", users={}, top={"contact": "https://ours.lab/contact"}, aliases=None, deliver=None) as server:
            report = check("null.lab", "--parked", "--port", server.port, names=names, code=0)
            self.assertIn("PARKED-HOST-521", ids(report))
            self.assertIn("GREETING-NULL-HOST", ids(check("null.lab", "--host", "--port", server.port, names=names, code=1)))


class Peers(postil.unittest.TestCase):
    """Postfix with a good certificate, Exim with one that is of another name and authority."""

    def test_receiving(self):
        from mail_servers import Exim, Postfix, make_users
        make_users()
        port = postil.free_port(["127.0.0.13", "127.0.0.14"])
        postfix = Postfix("127.0.0.13", port, "there.lab")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-subj", "/CN=mx",
                        "-addext", "subjectAltName=DNS:mx1.there.lab", "-keyout", postfix.key, "-out", postfix.certificate],
                       check=True, capture_output=True)
        with postfix as good, Exim("127.0.0.14", port, "there.lab") as bad:
            def digest(certificate):
                key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True).stdout
                der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True, capture_output=True).stdout
                return hashlib.sha256(der).hexdigest()
            records = ["there.lab. MX 10 mx1.there.lab.", "there.lab. MX 20 mx2.there.lab.", "mx1.there.lab. A 127.0.0.13", "mx2.there.lab. A 127.0.0.14",
                       f"_{port}._tcp.mx1.there.lab. TLSA 3 1 1 {digest(good.certificate)}", f"_{port}._tcp.mx2.there.lab. TLSA 3 1 1 {'00' * 32}",
                       '_mta-sts.there.lab. TXT "v=STSv1; id=1"', 'there.lab. TXT "v=spf1 mx -all"']
            with SignedNameServer(records) as names:
                report = check("there.lab", "--port", port, "--ca", good.certificate, "--tls-versions", names=names, code=1)
                of = {name: finding(report, name)["about"] for name in ids(report)}
                self.assertTrue(of["CERT-OK"][0].startswith("mx1.there.lab"), report)
                self.assertTrue(of["DANE-OK"][0].startswith("mx1.there.lab"), report)
                self.assertTrue(of["DANE-MISMATCH"][0].startswith("mx2.there.lab"), report)
                self.assertTrue(of["CERT-NAME"][0].startswith("mx2.there.lab"), report)
                self.assertIn(digest(bad.certificate), finding(report, "DANE-MISMATCH")["advice"][0]["text"])
                for name in ("CONNECT-OK", "GREETING-OK", "EHLO-OK", "TLS-OK", "TLS-VERSIONS", "MTASTS-POLICY-MISSING", "TLSRPT-NONE", "SPF-OK"):
                    self.assertIn(name, ids(report))
                asked = check("ann@there.lab", "--rcpt", "--only", "recipient", "--port", port, names=names, code=0)
                self.assertIn("RCPT-OK", ids(asked))


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
