"""Delivery through a smarthost with a login: one Postil hands its mail to another, over STARTTLS and over TLS from the start."""
import postil
from names import NameServer
from sink import Sink

RECORDS = ["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. MX 10 mx.ours.lab.",
           "mx.ours.lab. A 127.0.0.12", "localhost. A 127.0.0.1", "localhost. AAAA ::1"]


class Smarthost(postil.unittest.TestCase):
    def relay_through(self, scheme, password=postil.PASSWORD, tls="verified"):
        port = postil.free_port(["127.0.0.11", "127.0.0.12"])
        names = self.enterContext(NameServer(RECORDS))
        sink = self.enterContext(Sink("127.0.0.11", port))
        provider = self.enterContext(postil.Server(dns=names.settings, deliver={"port": port},
                                                   top={"hostname": "smtp.provider.lab"}))
        provider_port = provider.port_tls if scheme == "smtps" else provider.port
        office_folder = postil.pathlib.Path(postil.tempfile.mkdtemp(prefix="postil-system-"))
        self.addCleanup(postil.shutil.rmtree, office_folder, ignore_errors=True)
        secret = office_folder / "secret"
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        office = self.enterContext(postil.Server(
            job="relay", folder=office_folder, users={}, dns=names.settings,
            deliver={"via": "smarthost", "smarthost": f"{scheme}://localhost:{provider_port}", "username": postil.USER,
                     "password_file": secret, "tls": tls, "tls_ca": provider.certificate}))
        return office, provider, sink

    def send(self, office, subject):
        with postil.smtplib.SMTP("127.0.0.1", office.port, timeout=20) as client:
            client.sendmail(postil.USER, ["bert@sink.lab"], postil.message(subject))

    def test_through_a_smarthost(self):
        for scheme in ("submission", "smtps"):
            with self.subTest(scheme):
                office, provider, sink = self.relay_through(scheme)
                self.send(office, f"through {scheme}")
                found = postil.wait_for(lambda: sink.find(f"through {scheme}"))
                self.assertEqual(found[0][2].count(b"Received: "), 2)
                self.assertEqual(provider.wait_events("auth.succeeded")[0]["login"], postil.USER)

    def test_a_wrong_password_keeps_the_mail(self):
        office, provider, sink = self.relay_through("submission", password="not this one")
        self.send(office, "waits for the right password")

        def deferred():
            """the message is deferred because of the login"""
            return office.control("queue.summary")["rows"][:1]
        rows = postil.wait_for(lambda: [row for row in deferred() if row["reason"] == "auth_failed"])
        self.assertEqual(rows[0]["messages"], 1)
        self.assertIn("535", rows[0]["last_reply"])
        self.assertEqual(provider.events("message.accepted"), [])
        # With the right one, and a reload, it goes.
        (office.folder / "secret").write_text(postil.PASSWORD + "\n")
        office.reload()
        postil.wait_for(lambda: sink.find("waits for the right password"), 20)


if __name__ == "__main__":
    postil.main()
