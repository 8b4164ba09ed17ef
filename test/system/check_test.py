"""postil check against nsd (signed, forged, hostile zones), our own server, Postfix and Exim with good and bad certificates, OpenSMTPD
without TLS and with one that fails, and logins at Dovecot."""
import hashlib
import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
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
        for one in report.get("findings", []):
            assert one["word"] not in ("fail", "warn") or one["advice"], f"nothing to paste: {one}"
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
                   "alias.lab. MX 10 also.alias.lab.", "also.alias.lab. CNAME mx.both.lab.", "none.lab. MX 10 nowhere.none.lab.", "beside.lab. CNAME bare.lab."]
        with NameServer(records) as names:
            wanted = {"null.lab": "MX-NULL", "stray.lab": "MX-NULL-PREFERENCE", "both.lab": "MX-NULL-BESIDE", "bare.lab": "MX-NONE",
                      "ip.lab": "MX-LITERAL", "alias.lab": "MX-CNAME", "none.lab": "MX-NO-ADDRESS", "absent.lab": "DOMAIN-NONE"}
            reports = check("-", "--only", "mx", names=names, input="# domains\n" + "\n".join(wanted) + "\n", code=1)
            self.assertEqual([report["subject"] for report in reports], list(wanted))
            for report, name in zip(reports, wanted.values()):
                self.assertIn(name, ids(report))
            # Beside an alias no other record can stand.
            self.assertEqual(finding(check("beside.lab", "--only", "mx", names=names, code=1), "MX-NONE")["advice"][0]["text"], "bare.lab.  MX  0 .")
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

    def test_a_message_by_its_envelope(self):
        records = ['ours.lab. TXT "v=spf1 -all"', '_dmarc.ours.lab. TXT "v=DMARC1; p=reject; t=y; pct=20; rua=mailto:a@theirs.lab"', "ours.lab. MX 0 .",
                   'mail.ours.lab. TXT "v=spf1 ip4:192.0.2.9 -all"', 'theirs.lab. TXT x']
        with NameServer(records) as names, tempfile.TemporaryDirectory() as folder:
            letter = pathlib.Path(folder) / "letter.eml"
            letter.write_text("Return-Path: <b@mail.ours.lab>\nFrom: ann@ours.lab\nSubject: x\n\nhello\n")
            report = check("--message", letter, "--only", "dmarc", names=names, code=1)
            for name in ("MESSAGE-SPF-ALIGNED", "DMARC-TESTING", "DMARC-OBSOLETE", "DMARC-REPORTS-REFUSED"):
                self.assertIn(name, ids(report))
            report = check("--message", letter, "--only", "dmarc", "--from-ip", "192.0.2.9", names=names)
            self.assertIn("MESSAGE-SPF-PASS", ids(report))
            self.assertNotIn("MESSAGE-NOT-ALIGNED", ids(report))
            letter.write_text(letter.read_text().replace("mail.ours.lab", "theirs.lab"))
            report = check("--message", letter, "--only", "dmarc", "--from-ip", "192.0.2.9", names=names, code=1)
            self.assertTrue({"MESSAGE-SPF-OTHER", "MESSAGE-NOT-ALIGNED"} <= set(ids(report)), ids(report))

    def test_options_in_any_order(self):
        with NameServer(["null.lab. MX 0 .", "2.0.0.127.list.lab. A 127.0.0.2", "9.2.0.192.list.lab. A 127.0.0.4"]) as names:
            self.assertEqual(check("--only", "mx", "--rcpt", "ann@null.lab", names=names, code=0)["subject"], "ann@null.lab")
            self.assertIn("RCPT-NO-HOST", ids(check("ann@null.lab", "--rcpt", names=names, code=1)))
            for subject in ("192.0.2.300", "1.2.3", "mail.lab:25", "ann@[192.0.2.1]"):
                self.assertEqual(check(subject, names=names, code=65)["error"]["id"], "subject")
            self.assertEqual(check("[IPv6:2001:db8::1]", names=names)["subject"], "IPv6:2001:db8::1")
            report = check("192.0.2.9", "--list", "list.lab", names=names, code=1)
            self.assertIn("LIST-LISTED", ids(report))
            self.assertEqual(check("null.lab", "--block-lists", names=names, code=64)["error"]["id"], "usage")

    def test_published_records_are_what_a_check_wants(self):
        """What `postil records` prints, served just so, leaves nothing to publish."""
        for words, parts in ((["d.lab", "--mx", "mx.d.lab", "--ip", "192.0.2.1", "--reports", "dmarc@other.lab"], "mx,spf,dmarc,tls_rpt"),
                             (["d.lab", "--ip", "192.0.2.1"], "spf,dmarc"), (["d.lab", "--null"], "mx,spf,dmarc,parked"),
                             (["d.lab", "--null", "--reports", "dmarc@other.lab"], "dmarc,parked")):
            done = subprocess.run([postil.PROGRAM, "records", *words, "--no-dns", "--json"], capture_output=True, text=True, timeout=60, check=True)
            zone = [record["zone"] for record in json.loads(done.stdout)["records"]]
            with NameServer([*zone, "mx.d.lab. A 192.0.2.1", "other.lab. TXT x"]) as names:
                report = check("d.lab", "--only", parts, names=names, code=0)
                self.assertLessEqual({one["id"] for one in report["findings"] if one["word"] in ("fail", "warn")}, {"DMARC-NONE", "MX-PRIVATE"}, (words, report))
                again = subprocess.run([postil.PROGRAM, "records", *words, "--resolver", f"127.0.0.1@{names.port}", "--json"], capture_output=True, text=True,
                                       timeout=60, check=True)
                # The id of the policy is the time at which it was made.
                self.assertEqual({record["state"] for record in json.loads(again.stdout)["records"] if record["purpose"] != "mta_sts"}, {"same"}, again.stdout)

    def test_what_only_names(self):
        with NameServer(["null.lab. MX 0 ."]) as names:
            report = check("null.lab", "--only", "spf-missing", names=names, code=1)
            self.assertEqual(ids(report), ["SPF-MISSING"])
            self.assertEqual(ids(check("null.lab", "--only", "SPF-OK,mx", names=names, code=0)), ["MX-NULL"])
            report = check("null.lab", "--only", "ok", names=names, code=1)
            self.assertEqual({one["word"] for one in report["findings"]}, {"ok"})
            self.assertEqual((report["ok"], report["counts"]["fail"]), (False, 2))
            self.assertEqual(ids(check("192.0.2.9", "--only", "mx", names=names, code=0)), ["NOT-APPLICABLE"])
            self.assertEqual(ids(check("null.lab", "--only", "dane", names=names, code=0)), ["NO-HOST"])

    def test_words_that_cannot_be_names(self):
        for words in (["--selector", "a b"], ["--list", "no list", "--from-ip", "192.0.2.9"], ["--helo", "a\r\nMAIL"], ["--all-mechanisms"], ["--only", "nonsense"]):
            self.assertEqual(check("null.lab", *words, code=64)["error"]["id"], "usage", words)

    def test_hostile_zones(self):
        text = " ".join(f'"{"x" * 250}"' for _ in range(240))
        spf = "v=spf1 " + " ".join(f"ip4:192.0.2.{i % 250}" for i in range(3700)) + " -all"
        records = [f"many.lab. MX {i} mx{i}.many.lab." for i in range(1000)] + [f"mx{i}.many.lab. A 127.9.{i // 250}.{i % 250 + 1}" for i in range(1000)]
        records += [CHAIN, "chain.lab. MX 10 c0.chain.lab.", "loop.lab. MX 10 a.loop.lab.", "a.loop.lab. CNAME b.loop.lab.",
                    "b.loop.lab. CNAME a.loop.lab.", f"big.lab. TXT {text}", "big.lab. MX 0 .", "self.lab. MX 10 self.lab.",
                    'inc.lab. TXT "v=spf1 include:inc.lab -all"', "inc.lab. MX 0 .", 'ring.lab. TXT "v=spf1 include:round.lab -all"',
                    'round.lab. TXT "v=spf1 redirect=ring.lab"', "alias.lab. CNAME also.lab.", "also.lab. CNAME alias.lab.",
                    "huge.lab. MX 0 .", "huge.lab. TXT " + " ".join(f'"{spf[i:i + 250]}"' for i in range(0, len(spf), 250))]
        with NameServer(records) as names:
            many = check("many.lab", "--timeout", 6, names=names)
            self.assertIn("MX-MANY", ids(many))
            self.assertLessEqual(many["connections"], 10)
            for domain, name in (("chain.lab", "MX-ADDRESS-UNKNOWN"), ("loop.lab", "MX-ADDRESS-UNKNOWN"), ("self.lab", "MX-NO-ADDRESS"),
                                 ("alias.lab", "DNS-FAILED")):
                report = check(domain, "--only", "mx", "--timeout", 8, names=names)
                self.assertLess(report["took"], 20)
                self.assertIn(name, ids(report))
            self.assertIn("SPF-MISSING", ids(check("big.lab", "--only", "spf", names=names)))
            self.assertIn("SPF-LOOP", ids(check("inc.lab", "--only", "spf", names=names)))
            self.assertIn("SPF-LOOP", ids(check("ring.lab", "--only", "spf", names=names)))
            # 60,000 octets of one record: read whole, judged once, shown cut.
            huge = check("huge.lab", "--only", "spf", names=names)
            self.assertEqual(ids(huge), ["SPF-NO-EFFECT", "NULLMX-SENDER"])
            self.assertLess(len(json.dumps(huge)), 20000)

    def test_what_dns_does_not_say(self):
        with NameServer(["7.2.0.10.in-addr.arpa. PTR mail.inside.lab.", "mail.inside.lab. A 10.0.2.7"]) as names:
            # A network of the office's own: its resolver knows it.
            self.assertEqual(ids(check("10.0.2.7", names=names, code=0)), ["RDNS-OK"])
            for only in ("spf,dmarc", "dkim", "connect", "reverse_dns", "mta_sts"):
                self.assertIn("DOMAIN-NONE", ids(check("absent.lab", "--only", only, names=names, code=1)), only)
            self.assertEqual(ids(check("absent.lab", "--parked", names=names, code=1)), ["DOMAIN-NONE"])
            silent = [f"127.0.0.1@{postil.free_port()}"]
        begin = time.monotonic()
        many = [f"d{i}.lab" for i in range(40)]
        done = subprocess.run([postil.PROGRAM, "check", "-", "--json", "--timeout", "2", "--resolver", *silent], input="\n".join(many), capture_output=True,
                              text=True, timeout=60, check=False)
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(([one["subject"] for one in reports], done.returncode), (many, 75))
        self.assertLess(time.monotonic() - begin, 40 * postil.PATIENCE)
        for report in reports:
            self.assertEqual({one["word"] for one in report["findings"]}, {"unknown"}, report)
        parked = check("d.lab", "--parked", "--timeout", 2, "--resolver", *silent, code=75)
        self.assertEqual(set(ids(parked)), {"PARKED-UNKNOWN"})

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
        with NameServer(["null.lab. MX 0 .", 'spf.lab. TXT "v=spf1 ip4:192.0.2.1 -all"']) as names:
            done = subprocess.run([postil.PROGRAM, "explain", "--check", "--resolver", f"127.0.0.1@{names.port}", "--json", line],
                                  capture_output=True, text=True, timeout=60, check=False)
            checked = json.loads(done.stdout)["checked"]
            self.assertEqual([(one["verdict"], one["findings"]) for one in checked], [("confirmed", ["MX-NULL"])])
            reply = "556 5.1.10 <ann@null.lab>: Recipient address rejected: Domain null.lab does not accept mail (nullMX)"
            spf = "550 5.7.26 The MAIL FROM domain [spf.lab] has an SPF record with a hard fail policy (-all) but it fails to pass SPF checks with the ip: [192.0.2.9]."
            for words, wanted in (([reply, "--check"], "Confirmed: postil check null.lab"),
                                  ([spf, "--check"], "Confirmed: postil check spf.lab --only spf --from-ip 192.0.2.9 finds SPF-IP-FAIL."), ([reply], "postil check null.lab"), (["556"], "postil check ")):
                done = subprocess.run([postil.PROGRAM, "--lang", "en", "explain", "--resolver", f"127.0.0.1@{names.port}", *words], capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertIn(wanted, " ".join(done.stdout.split()), words)


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
            self.assertEqual(saved.stat().st_mode & 0o777, 0o600)
            self.assertNotIn("LOGIN-NOT-TRIED", ids(good))
            wrong = check("localhost", *at, "--ca", server.certificate, names=names, code=1, env={"POSTIL_PASSWORD": "no"})
            self.assertEqual(len([one for one in wrong["findings"] if one["id"] == "LOGIN-REFUSED"]), 2, wrong)
            self.assertEqual(len(finding(wrong, "LOGIN-NOT-TRIED")["about"]), 1, "each port has its own mechanisms left")
            untrusted = check("localhost", *at, names=names, code=1, env={"POSTIL_PASSWORD": postil.PASSWORD})
            self.assertIn("LOGIN-CERT-CHAIN", ids(untrusted))
            self.assertIn("LOGIN-KEPT-BACK", ids(untrusted))

    def test_files_that_are_not_there(self):
        for words in (["localhost", "--ca", "/nonexistent/ca"], ["localhost", "--login", "ann", "--password-file", "/nonexistent/password"]):
            self.assertEqual(check(*words, code=66)["error"]["id"], "file")
        check("localhost", "--save", "/nonexistent/seen", code=77)
        # Empty is none: a server would be asked in vain.
        self.assertEqual(check("localhost", "--login", "ann", code=64, env={"POSTIL_PASSWORD": ""}, input="")["error"]["id"], "no_password")

    def test_a_null_host_is_parked(self):
        records = ["null.lab. MX 0 .", "null.lab. A 127.0.0.1", 'null.lab. TXT "v=spf1 -all"', '_dmarc.null.lab. TXT "v=DMARC1; p=reject"']
        with NameServer(records) as names, postil.Server(job="null", users={}, top={"contact": "https://ours.lab/contact"}, aliases=None, deliver=None) as server:
            report = check("null.lab", "--parked", "--port", server.port, names=names, code=0)
            self.assertIn("PARKED-HOST-521", ids(report))
            self.assertIn("GREETING-NULL-HOST", ids(check("null.lab", "--host", "--port", server.port, names=names, code=1)))


class Liars(postil.unittest.TestCase):
    """Hosts that lie, drip or never end: each costs its own time, and says nothing about the others."""

    @staticmethod
    def drip(there):
        for octet in b"220 " + b"x" * 1000:
            there.send(bytes([octet]))
            time.sleep(0.3)

    @staticmethod
    def endless_line(there):
        while True:
            there.send(b"220 " + b"x" * 4096)

    @staticmethod
    def endless_ehlo(there):
        there.send(b"220 liar\r\n")
        there.recv(1000)
        while True:
            there.send(b"250-and so on\r\n" * 100)

    @staticmethod
    def tls_garbage(there):
        there.send(b"220 liar\r\n")
        there.recv(1000)
        there.send(b"250-liar\r\n250 STARTTLS\r\n")
        there.recv(1000)
        there.send(b"220 go\r\n")
        there.recv(4096)
        there.send(b"\x00\xff not TLS at all\r\n" * 50)
        there.recv(4096)

    @staticmethod
    def silence(there):
        there.recv(1000)

    def test_five_of_them(self):
        wanted = {self.drip: "GREETING-TIMEOUT", self.endless_line: "GREETING-NOT-SMTP", self.endless_ehlo: "EHLO-BROKEN",
                  self.tls_garbage: "TLS-FAILED", self.silence: "GREETING-TIMEOUT"}
        addresses = [f"127.0.0.{20 + i}" for i in range(len(wanted))]
        port = postil.free_port(addresses)
        listening = [socket.create_server((address, port)) for address in addresses]

        def serve(server, behave):
            try:
                with server.accept()[0] as there:
                    behave(there)
            except OSError:
                pass
        threads = [threading.Thread(target=serve, args=pair, daemon=True) for pair in zip(listening, wanted)]
        for thread in threads:
            thread.start()
        records = [f"liars.lab. MX {i} mx{i}.liars.lab." for i in range(len(wanted))] + [f"mx{i}.liars.lab. A {one}" for i, one in enumerate(addresses)]
        with NameServer(records) as names:
            report = check("liars.lab", "--port", port, "--only", "connect,greeting,ehlo,tls", "--timeout", 4, names=names, code=1)
        for server in listening:
            server.close()
        for thread in threads:
            thread.join(10)
        self.assertLess(report["took_ms"], 7000 * postil.PATIENCE)
        for address, name in zip(addresses, wanted.values()):
            at = [one["id"] for one in report["findings"] if any(address in about for about in one["about"])]
            self.assertIn(name, at, (address, report))


class Logins(postil.unittest.TestCase):
    def test_a_connection_to_which_nothing_can_be_bound(self):
        """TLS 1.2 without the extended master secret, and a certificate whose signature has no digest: yet the server offers -PLUS."""
        with tempfile.TemporaryDirectory() as folder, NameServer(["mx.lab. A 127.0.0.1"]) as names:
            certificate, key = f"{folder}/certificate", f"{folder}/key"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=mx", "-addext", "subjectAltName=DNS:mx.lab",
                            "-keyout", key, "-out", certificate], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.options |= 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET
            server = socket.create_server(("127.0.0.1", 0))

            def serve():
                try:
                    while True:
                        with context.wrap_socket(server.accept()[0], server_side=True) as there:
                            there.sendall(b"220 mx.lab\r\n")
                            while line := there.recv(1000):
                                there.sendall(b"250-mx.lab\r\n250 AUTH SCRAM-SHA-256-PLUS PLAIN\r\n" if line.startswith(b"EHLO") else b"535 5.7.8 no\r\n")
                except OSError:
                    pass
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            report = check("mx.lab", "--login", "ann", "--port-submissions", server.getsockname()[1], "--port-submission", postil.free_port(), "--ca", certificate,
                           names=names, code=1, env={"POSTIL_PASSWORD": "x"})
            server.close()
        self.assertEqual(finding(report, "LOGIN-REFUSED")["evidence"], ["PLAIN  S: 535 5.7.8 no"])
        self.assertEqual(finding(report, "LOGIN-NOT-TRIED")["args"], {"mechanisms": "SCRAM-SHA-256-PLUS"})


class Peers(postil.unittest.TestCase):
    """Postfix with a good certificate, Exim with one that is of another name and authority; OpenSMTPD; Dovecot."""

    @classmethod
    def setUpClass(cls):
        from mail_servers import make_users
        make_users()

    def test_opensmtpd(self):
        from mail_servers import OpenSmtpd
        for tls, wanted in ((False, "TLS-NOT-OFFERED"), (True, "TLS-FAILED")):
            with OpenSmtpd("127.0.0.15", postil.free_port(["127.0.0.15"]), "there.lab", tls=tls) as there:
                with NameServer(["there.lab. MX 10 mx.there.lab.", "mx.there.lab. A 127.0.0.15"]) as names:
                    report = check("there.lab", "--port", there.port, "--only", "mx,connect,greeting,ehlo,tls,reverse_dns", names=names, code=1)
                    for name in ("MX-FOUND", "GREETING-OK", "EHLO-OK", wanted):
                        self.assertIn(name, ids(report))
                    self.assertEqual(finding(report, "EHLO-NAME-DIFFERS")["args"], {"name": "mx.there.lab", "reverse": "-"})
                    if tls:
                        continue
                    # What is to be pasted is what the server itself takes.
                    advice = finding(report, wanted)["advice"][0]["text"]
                    for name, file in (("fullchain", there.certificate), ("privkey", there.key)):
                        advice = advice.replace(f"/etc/letsencrypt/live/mx.there.lab/{name}.pem", str(file))
                    (there.folder / "pasted").write_text(advice + '\naction "x" relay\nmatch from any for any action "x"\n')
                    done = subprocess.run([there.folder / "smtpd", "-n", "-f", there.folder / "pasted"], capture_output=True, text=True, check=False)
                    self.assertIn("configuration OK", done.stderr, advice)

    def test_dovecot(self):
        from mail_servers import Dovecot
        port, port_tls = postil.free_port(), postil.free_port()
        with Dovecot("127.0.0.1", port, port_tls, "ours.lab") as there, NameServer(["localhost. A 127.0.0.1"]) as names:
            def refusals():
                return there.log_text().count("Password mismatch")

            def login(password, *words, user=postil.USER, code):
                before = refusals()
                report = check("localhost", "--login", user, "--port-submission", port, "--port-submissions", port_tls, "--ca", there.certificate,
                               *words, names=names, code=code, env={"POSTIL_PASSWORD": password})
                return report, lambda: refusals() - before
            good, _ = login(postil.PASSWORD, code=0)
            ok = [one for one in good["findings"] if one["id"] == "LOGIN-OK"]
            self.assertEqual({one["args"]["mechanism"]: len(one["about"]) for one in ok}, dict.fromkeys(("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"), 2))
            self.assertEqual(finding(good, "LOGIN-OTHER-MECHANISMS")["args"], {"mechanisms": "XOAUTH2"})
            wrong, tries = login("wrong", code=1)
            self.assertEqual([one["evidence"][0].split()[0] for one in wrong["findings"] if one["id"] == "LOGIN-REFUSED"], ["SCRAM-SHA-256", "PLAIN"])
            left = {one["about"][0].split()[-1]: one["args"]["mechanisms"] for one in wrong["findings"] if one["id"] == "LOGIN-NOT-TRIED"}
            self.assertEqual(left, {"(TLS)": "SCRAM-SHA-1, CRAM-MD5, LOGIN", "(STARTTLS)": "SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN, LOGIN"})
            postil.wait_for(lambda: tries() == 2)
            every, tries = login("wrong", "--all-mechanisms", code=1)
            self.assertNotIn("LOGIN-NOT-TRIED", ids(every))
            postil.wait_for(lambda: tries() == 10)
            off, _ = login(postil.PASSWORD, user="off", code=1)
            self.assertIn("LOGIN-PERMISSION", ids(off))

    def test_receiving(self):
        from mail_servers import Exim, Postfix
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
