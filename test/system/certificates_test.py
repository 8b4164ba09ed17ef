"""Certificates: logins by a client's (AUTH EXTERNAL) and to the server's own (channel binding), and what is said when that
comes to its end."""
import base64
import contextlib
import datetime
import hashlib
import hmac
import json
import re
import smtplib
import ssl
import subprocess

import postil
from names import NameServer
from sink import Sink

RECORDS = ["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. A 127.0.0.12"]
PRINTER = "printer@ours.lab"  # has no password


def openssl(*words, **options):
    subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


class Authority:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate = folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", f"/CN={name}",
                "-keyout", folder / f"{name}.key", "-out", self.certificate)

    def issue(self, who):
        """A client's certificate; (certificate, key)"""
        base = self.folder / f"{self.name}-{who}"
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName=email:{who}\nextendedKeyUsage=clientAuth\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a client",
                "-keyout", f"{base}.key", "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key",
                "-CAcreateserial", "-days", 30, "-extfile", extensions, "-out", f"{base}.pem")
        return f"{base}.pem", f"{base}.key"


class External(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        port = postil.free_port(["127.0.0.11"])
        names = cls.stack.enter_context(NameServer(RECORDS))
        cls.sink = cls.stack.enter_context(Sink("127.0.0.11", port))
        server = postil.Server(dns=names.settings, deliver={"port": port})
        cls.authority = Authority(server.folder, "authority")
        server.sections["tls"]["client_ca"] = cls.authority.certificate
        server.write_config()
        done = server.run("user", "add", PRINTER, "--file", server.folder / "users", "--no-password")
        assert done.returncode == 0, done.stderr
        cls.server = cls.stack.enter_context(server)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def client(self, certificate, implicit):
        context = self.server.context()
        if certificate:
            context.load_cert_chain(*certificate)
        if implicit:
            client = smtplib.SMTP_SSL("localhost", self.server.port_tls, context=context, timeout=20 * postil.PATIENCE)
        else:
            client = smtplib.SMTP("localhost", self.server.port, timeout=20 * postil.PATIENCE)
            client.ehlo("client.ours.lab")
            self.assertNotIn("auth", client.esmtp_features)
            client.starttls(context=context)
        client.ehlo("client.ours.lab")
        return client

    def arrives(self, subject, sender):
        def arrived():
            """the message has arrived"""
            return self.sink.find(f"Subject: {subject}\r\n")
        found = postil.wait_for(arrived)
        self.assertEqual([one[0] for one in found], [sender])
        self.assertIn(b"with ESMTPSA", found[0][2])

    def test_a_certificate_is_a_login(self):
        certificate = self.authority.issue(PRINTER)
        for implicit in (True, False):
            with self.client(certificate, implicit) as client:
                self.assertIn("EXTERNAL", client.esmtp_features["auth"].split())
                code, said = client.docmd("AUTH EXTERNAL", "=")
                self.assertEqual(code, 235, said)
                self.assertIn(PRINTER.encode(), said)
                subject = f"by certificate {implicit}"
                client.sendmail(PRINTER, ["bert@sink.lab"], postil.message(subject, sender=PRINTER))
            self.arrives(subject, PRINTER)
        told = [one for one in self.server.events("auth.succeeded") if one["mechanism"] == "EXTERNAL"]
        self.assertGreaterEqual(len(told), 2)
        self.assertEqual({one["login"] for one in told}, {PRINTER})

    def test_it_sends_as_itself_only(self):
        with self.client(self.authority.issue(PRINTER), True) as client:
            self.assertEqual(client.docmd("AUTH EXTERNAL", "=")[0], 235)
            self.assertEqual(client.mail(postil.USER)[0], 553)
        with self.client(self.authority.issue(PRINTER), True) as client:  # nor is it anybody else
            self.assertEqual(client.docmd("AUTH EXTERNAL", "YW5uYUBvdXJzLmxhYg==")[0], 535)

    def test_a_stranger_with_a_good_certificate(self):
        with self.client(self.authority.issue("stranger@ours.lab"), True) as client:
            self.assertEqual(client.docmd("AUTH EXTERNAL", "=")[0], 535)

    def test_a_certificate_of_another_authority_is_none(self):
        forged = Authority(self.server.folder, "another").issue(PRINTER)
        for implicit in (True, False):
            with self.client(forged, implicit) as client:
                self.assertNotIn("EXTERNAL", client.esmtp_features["auth"].split())
                self.assertEqual(client.docmd("AUTH EXTERNAL", "=")[0], 504)
                client.login(postil.USER, postil.PASSWORD)  # the password is as good as ever

    def test_without_a_certificate(self):
        with self.client(None, False) as client:
            self.assertNotIn("EXTERNAL", client.esmtp_features["auth"].split())
            self.assertEqual(client.docmd("AUTH EXTERNAL", "=")[0], 504)
            client.login(postil.USER, postil.PASSWORD)

    def test_curl(self):
        certificate, key = self.authority.issue(postil.USER)
        for url, tls in ((f"smtps://localhost:{self.server.port_tls}", []), (f"smtp://localhost:{self.server.port}", ["--ssl-reqd"])):
            subject = f"curl by certificate {url[:5]}"
            done = subprocess.run(
                ["curl", "--silent", "--show-error", "--verbose", "--url", f"{url}/client.ours.lab", *tls, "--cacert",
                 str(self.server.certificate), "--cert", certificate, "--key", key, "--user", f"{postil.USER}:", "--login-options",
                 "AUTH=EXTERNAL", "--mail-from", postil.USER, "--mail-rcpt", "bert@sink.lab", "--upload-file", "-"],
                input=postil.message(subject), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=30 * postil.PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("AUTH EXTERNAL", done.stdout)
            self.arrives(subject, postil.USER)


class ChannelBinding(postil.unittest.TestCase):
    """SCRAM-SHA-256-PLUS by tls-server-end-point: a login is good on the TLS connection that it was made for only."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.server = cls.stack.enter_context(postil.Server())

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def log_in(self, certificate=None, password=postil.PASSWORD, gs2="p=tls-server-end-point,,", mechanism="SCRAM-SHA-256-PLUS"):
        """With the certificate (DER) that the client thinks to see; the reply."""
        with smtplib.SMTP_SSL("localhost", self.server.port_tls, context=self.server.context(), timeout=20 * postil.PATIENCE) as client:
            client.ehlo("client.ours.lab")
            bare = f"n={postil.USER},r=the-nonce-of-the-client"
            binding = hashlib.sha256(certificate or client.sock.getpeercert(True)).digest() if gs2.startswith("p=") else b""
            code, said = client.docmd("AUTH", f"{mechanism} {base64.b64encode((gs2 + bare).encode()).decode()}")
            self.assertEqual(code, 334, said)
            first = base64.b64decode(said).decode()
            nonce, salt, count = (part[2:] for part in first.split(","))
            salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(count))
            def mac(key, text):
                return hmac.digest(key, text if isinstance(text, bytes) else text.encode(), "sha256")
            key = mac(salted, "Client Key")
            final = f"c={base64.b64encode(gs2.encode() + binding).decode()},r={nonce}"
            proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), f"{bare},{first},{final}")))
            code, said = client.docmd(base64.b64encode(f"{final},p={base64.b64encode(proof).decode()}".encode()).decode())
            if code == 334:
                code, said = client.docmd("")
            return code, said.decode()

    def test_the_same_connection(self):
        self.assertEqual(self.log_in()[0], 235)

    def test_another_connection_looks_like_a_wrong_password_and_is_told(self):
        postil.make_certificate(self.server.folder, "proxy")
        proxy = ssl.PEM_cert_to_DER_cert((self.server.folder / "proxy.pem").read_text())
        code, between = self.log_in(proxy)
        self.assertEqual(code, 535)
        code, wrong = self.log_in(password="guess")
        self.assertEqual(code, 535)
        receipt = re.compile(r" \((....-....-.....)\)")
        self.assertEqual(receipt.sub("", between), receipt.sub("", wrong))
        self.assertEqual([one["key"] for one in self.server.events("auth.failed")[-2:]], ["auth_channel_binding", "auth_credentials"])
        done = self.server.run("trace", "--config", self.server.config_file, receipt.search(between)[1])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("TLS", done.stdout)
        self.assertIn("although the password was right", " ".join(done.stdout.split()))

    def test_a_client_that_was_shown_no_plus(self):
        self.assertEqual(self.log_in(gs2="y,,", mechanism="SCRAM-SHA-256")[0], 535)
        self.assertEqual(self.server.events("auth.failed")[-1]["key"], "auth_channel_binding")
        self.assertEqual(self.log_in(gs2="n,,", mechanism="SCRAM-SHA-256")[0], 235)


class Expiry(postil.unittest.TestCase):
    def check(self, server):
        """`postil config check --json`: (exit code, ids of what it says)"""
        done = server.run("config", "check", "--json", server.config_file)
        return done.returncode, {problem["id"]: problem["text"] for problem in json.loads(done.stdout)["problems"]}

    def test_a_certificate_that_ends_soon_is_warned_of(self):
        server = postil.Server()
        postil.make_certificate(server.folder, days=300)
        with server:
            code, said = self.check(server)
            self.assertEqual(code, 0)
            self.assertNotIn("config.certificate_expires", said)
            self.assertEqual(server.events("tls.expires"), [])
            postil.make_certificate(server.folder, days=10)
            code, said = self.check(server)
            self.assertEqual(code, 0)
            self.assertIn("within 10 days.", said["config.certificate_expires"])
            server.reload()
            def told():
                """the event log warns"""
                return server.events("tls.expires")
            event = postil.wait_for(told)[0]
            self.assertEqual(event["certificate"], str(server.certificate))
            self.assertEqual(event["days"], 9)
            ends = datetime.datetime.fromisoformat(event["until"].replace("Z", "+00:00"))
            left = ends - datetime.datetime.now(datetime.timezone.utc)
            self.assertAlmostEqual(left.total_seconds(), 10 * 86400, delta=600)

    def test_it_is_told_at_the_start(self):
        server = postil.Server()
        postil.make_certificate(server.folder, days=1)
        self.assertIn("within 1 day.", self.check(server)[1]["config.certificate_expires"])
        postil.make_certificate(server.folder, days=2)
        with server:
            def told():
                """the event log warns"""
                return server.events("tls.expires")
            self.assertEqual(postil.wait_for(told)[0]["days"], 1)

    def test_one_that_has_ended_is_told_and_mail_goes_on(self):
        server = postil.Server()
        expired(server.folder)
        code, said = self.check(server)
        self.assertEqual(code, 78)
        self.assertIn("expired on", said["config.certificate_expired"])
        with server:
            def told():
                """the event log warns"""
                return server.events("tls.expires")
            self.assertLess(postil.wait_for(told)[0]["days"], 0)
            context = ssl.create_default_context(cafile=str(server.certificate))
            with self.assertRaises(ssl.SSLCertVerificationError), smtplib.SMTP("localhost", server.port, timeout=10) as client:
                client.starttls(context=context)
            trusting = ssl._create_unverified_context()  # a client that does not look
            with smtplib.SMTP("localhost", server.port, timeout=10) as client:
                client.starttls(context=trusting)
                client.login(postil.USER, postil.PASSWORD)


def expired(folder):
    """A certificate whose time is over, by a small authority of openssl's own: only that sets both ends of the time."""
    (folder / "ca").mkdir()
    (folder / "ca" / "index").write_text("")
    (folder / "ca" / "openssl.cnf").write_text(f"""
[ca]
default_ca = here
[here]
database = {folder}/ca/index
new_certs_dir = {folder}/ca
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
""")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", folder / "certificate.key", "-out", folder / "ca" / "request.pem")
    openssl("ca", "-batch", "-selfsign", "-config", folder / "ca" / "openssl.cnf", "-extensions", "names", "-keyfile",
            folder / "certificate.key", "-in", folder / "ca" / "request.pem", "-notext", "-startdate", "20200101000000Z",
            "-enddate", "20200201000000Z", "-out", folder / "certificate.pem")


if __name__ == "__main__":
    postil.main()
