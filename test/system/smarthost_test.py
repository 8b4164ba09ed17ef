"""Delivery through a smarthost with a login: one Postil hands its mail to another, over STARTTLS and over TLS from the start.
And by a route to a mail store that speaks LMTP, on a Unix socket."""
import socketserver
import threading

import postil
from names import NameServer
from sink import Sink

RECORDS = ["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. MX 10 mx.ours.lab.",
           "mx.ours.lab. A 127.0.0.12", "nullmx.lab. MX 0 .", "localhost. A 127.0.0.1", "localhost. AAAA ::1"]


class Smarthost(postil.unittest.TestCase):
    def relay_through(self, scheme, password=postil.PASSWORD, tls="verified", **deliver):
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
                     "password_file": secret, "tls": tls, "tls_ca": provider.certificate, **deliver}))
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

    def test_domains_are_looked_up_where_that_is_asked_for(self):
        asked = self.relay_through("submission", check_recipient_domains=True, check_sender_domain=True)[0]
        with postil.smtplib.SMTP("127.0.0.1", asked.port, timeout=20) as client:
            client.ehlo()
            code, text = client.mail("ann@nullmx.lab")
            self.assertEqual((code, text[:6]), (550, b"5.7.27"))
            client.mail("ann@sink.lab")
            for domain, refusal in (("nullmx.lab", (556, b"5.1.10")), ("missing.lab", (550, b"5.1.2 "))):
                code, text = client.rcpt(f"bert@{domain}")
                self.assertEqual((code, text[:6]), refusal)
        # Behind a smarthost the names of the world may not be seen: without the settings nothing is asked.
        usual = self.relay_through("submission")[0]
        with postil.smtplib.SMTP("127.0.0.1", usual.port, timeout=20) as client:
            client.ehlo()
            client.mail("ann@nullmx.lab")
            self.assertEqual(client.rcpt("bert@missing.lab")[0], 250)

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


class Store(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An LMTP server [rfc2033]: takes what is for bert, has no room for carl, and does not know anybody else."""
    daemon_threads = True
    block_on_close = False

    def __init__(self, path):
        self.taken = []
        super().__init__(str(path), Conversation)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Conversation(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        recipients = []
        self.say("220 store.lab LMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"LHLO":
                self.say("250-store.lab\r\n250 PIPELINING")
            elif verb == b"MAIL":
                recipients = []
                self.say("250 2.1.0 ok")
            elif verb == b"RCPT":
                name = line.split(b"<")[1].split(b"@")[0].decode()
                known = name in ("bert", "carl")
                recipients += [name] if known else []
                self.say("250 2.1.5 ok" if known else "550 5.1.1 no such mailbox")
            elif verb == b"DATA":
                self.say("354 go" if recipients else "503 5.5.1 no recipients")
                if recipients:
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    for name in recipients:
                        if name == "bert":
                            self.server.taken.append(text)
                        self.say("250 2.0.0 stored" if name == "bert" else "452 4.2.2 mailbox full")
            elif verb == b"QUIT":
                return self.say("221 2.0.0 bye")
            else:
                self.say("500 5.5.1 LMTP is spoken here")


class Lmtp(postil.unittest.TestCase):
    def test_each_recipient_by_itself(self):
        port = postil.free_port(["127.0.0.11"])
        names = self.enterContext(NameServer(RECORDS))
        sink = self.enterContext(Sink("127.0.0.11", port))
        folder = postil.pathlib.Path(postil.tempfile.mkdtemp(prefix="postil-system-"))
        self.addCleanup(postil.shutil.rmtree, folder, ignore_errors=True)
        store = self.enterContext(Store(folder / "lmtp"))
        office = self.enterContext(postil.Server(
            job="relay", folder=folder, users={}, dns=names.settings, deliver={"port": port},
            **{"[route]": {"domains": ["own.lab"], "to": f"lmtp:unix:{folder}/lmtp"}}))
        to = ["bert@own.lab", "carl@own.lab", "dora@own.lab"]
        with postil.smtplib.SMTP("127.0.0.1", office.port, timeout=20) as client:
            client.sendmail("anna@sink.lab", to, postil.message("for the store"))
        postil.wait_for(lambda: len(store.taken) == 1)
        self.assertIn(b"Subject: for the store", store.taken[0])
        # The one that is refused comes back, the one whose mailbox is full waits.
        bounce = postil.wait_for(lambda: sink.find("dora@own.lab"))[0][2]
        self.assertIn(b"550 5.1.1 no such mailbox", bounce)
        self.assertNotIn(b"carl@own.lab", bounce)
        self.assertNotIn(b"Remote-MTA", bounce, "a socket has no name in DNS")
        rows = office.control("queue.summary")["rows"]
        self.assertEqual([row["messages"] for row in rows], [1])
        self.assertIn("452 4.2.2", office.wait_events("recipient.deferred")[0]["reply"])


if __name__ == "__main__":
    postil.main()
