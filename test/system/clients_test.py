"""Submission by other people's programs: every login mechanism that they speak, over STARTTLS and over TLS from the start.
Channel binding (the -PLUS mechanisms) is tested with libgsasl in test/unit/sasl."""
import contextlib
import os
import pathlib
import shutil
import smtplib
import subprocess

import postil
from names import NameServer
from sink import Sink

NODEMAILER = """
const nodemailer = require('nodemailer');
const [port, secure, user, pass, ca, from, to, subject, authMethod] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: Number(port), secure: secure === 'yes', requireTLS: true, auth: {user, pass}, authMethod: authMethod || undefined,
  tls: {ca: require('fs').readFileSync(ca), servername: 'localhost'}});
transport.sendMail({from, to, subject, text: 'Grüße\\n.\\n'}).then(
  info => { console.log(info.response); process.exit(0); }, error => { console.error(error.message); process.exit(1); });
"""


class Clients(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = postil.free_port(["127.0.0.11"])

        cls.stack = contextlib.ExitStack()
        names = cls.stack.enter_context(
            NameServer(["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. A 127.0.0.12"]))
        cls.sink = cls.stack.enter_context(Sink("127.0.0.11", cls.port))
        cls.server = cls.stack.enter_context(postil.Server(dns=names.settings, deliver={"port": cls.port}))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def run_client(self, command, code=0, **options):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=30 * postil.PATIENCE, check=False, **options)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def arrives(self, subject):
        def arrived():
            """the message has arrived"""
            return self.sink.find(f"Subject: {subject}\r\n")
        found = postil.wait_for(arrived)
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0][:2], (postil.USER, ["bert@sink.lab"]))
        return found[0][2]

    def swaks(self, subject, *options, code=0, password=postil.PASSWORD):
        return self.run_client(
            ["swaks", "--server", "localhost", "--from", postil.USER, "--to", "bert@sink.lab", "--helo", "client.ours.lab",
             "--auth-user", postil.USER, "--auth-password", password, "--header", f"Subject: {subject}",
             "--tls-verify", "--tls-ca-path", self.server.certificate, "--timeout", "20", *options], code)

    def test_swaks(self):
        for mechanism in ("PLAIN", "LOGIN"):
            for tls in (["--tls", "--port", self.server.port], ["--tls-on-connect", "--port", self.server.port_tls]):
                subject = f"swaks {mechanism} {tls[0]}"
                said = self.swaks(subject, "--auth", mechanism, *tls)
                self.assertIn("235 2.7.0", said)
                self.arrives(subject)

    def test_swaks_with_a_wrong_password(self):
        for mechanism in ("PLAIN", "LOGIN"):
            said = self.swaks("wrong", "--auth", mechanism, "--tls", "--port", self.server.port, code=28, password="guess")
            self.assertIn("535 5.7.8", said)

    def test_swaks_without_tls_is_told_so(self):
        said = self.swaks("clear", "--auth", "PLAIN", "--port", self.server.port, "--auth-optional", code=23)
        self.assertNotIn("250-AUTH", said)
        self.assertIn("530 5.7.0", said)

    def test_curl(self):
        mechanisms = ["PLAIN", "LOGIN"]
        features = self.run_client(["curl", "--version"])
        if "GSASL" in features:
            mechanisms += ["SCRAM-SHA-256", "SCRAM-SHA-1"]
        for mechanism in mechanisms:
            for url in (f"smtps://localhost:{self.server.port_tls}", f"smtp://localhost:{self.server.port}"):
                subject = f"curl {mechanism} {url.split(':')[0]}"
                self.run_client(
                    ["curl", "-sS", url, "--ssl-reqd", "--cacert", self.server.certificate, "--mail-from", postil.USER,
                     "--mail-rcpt", "bert@sink.lab", "--user", f"{postil.USER}:{postil.PASSWORD}",
                     "--login-options", f"AUTH={mechanism}", "--upload-file", "-"],
                    input=postil.message(subject))
                self.arrives(subject)

    def test_msmtp(self):
        for mechanism in ("scram-sha-256", "scram-sha-1", "plain", "login"):
            for starttls, port in (("on", self.server.port), ("off", self.server.port_tls)):
                subject = f"msmtp {mechanism} {starttls}"
                self.run_client(
                    ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={port}", "--tls=on", f"--tls-starttls={starttls}",
                     f"--tls-trust-file={self.server.certificate}", f"--auth={mechanism}", f"--user={postil.USER}",
                     f"--passwordeval=printf %s {postil.PASSWORD!r}", f"--from={postil.USER}", "bert@sink.lab"],
                    input=postil.message(subject).replace("\r\n", "\n"))
                self.arrives(subject)

    def test_smtplib(self):
        for implicit in (False, True):
            subject = f"smtplib {implicit}"
            with self.server.client(implicit=implicit) as client:
                client.sendmail(postil.USER, ["bert@sink.lab"], postil.message(subject))
            self.arrives(subject)
        with self.server.client(user=None) as client, self.assertRaises(smtplib.SMTPAuthenticationError) as told:
            client.login(postil.USER, "guess")
        self.assertEqual(told.exception.smtp_code, 535)
        self.assertTrue(told.exception.smtp_error.startswith(b"5.7.8"), told.exception.smtp_error)

    def test_nodemailer(self):
        script = pathlib.Path(self.server.folder, "send.js")
        script.write_text(NODEMAILER)
        node = shutil.which("nodejs") or shutil.which("node")
        for secure, port in (("no", self.server.port), ("yes", self.server.port_tls)):
            for method in ("PLAIN", "LOGIN"):
                subject = f"nodemailer {secure} {method}"
                said = self.run_client(
                    [node, script, port, secure, postil.USER, postil.PASSWORD, self.server.certificate, postil.USER,
                     "bert@sink.lab", subject, method], env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
                self.assertTrue(said.startswith("250 2."), said)
                self.arrives(subject)

    def test_postil_send(self):
        said = self.run_client(
            [postil.PROGRAM, "send", "--server", f"localhost:{self.server.port}", "--ca", self.server.certificate, "--auth", postil.USER,
             "--from", postil.USER, "--to", "bert@sink.lab", "--subject", "postil send"],
            env={**os.environ, "POSTIL_PASSWORD": postil.PASSWORD})
        self.arrives("postil send")
        self.assertNotIn(postil.PASSWORD, said)

    def test_no_password_is_in_the_log(self):
        import base64
        log = (self.server.folder / "events.jsonl").read_text()
        self.assertNotIn(postil.PASSWORD, log)
        self.assertNotIn(base64.b64encode(postil.PASSWORD.encode()).decode()[:-4], log)


if __name__ == "__main__":
    postil.main()
