"""Delivery to other people's servers: Postfix, Exim and smtp-sink take what was sent, unchanged, over TLS where they offer it; Dovecot
takes it by LMTP, on a Unix socket and over TCP, each recipient by itself."""
import postil
from mail_servers import DovecotLmtp, Exim, Postfix, SmtpSink, make_users
from names import NameServer
from sink import Sink

BODY = (".a line that begins with a dot\r\n..and one with two\r\n.\r\n\r\n"
        + "a long line " * 70 + "\r\nlast line, no other after it\r\n")


class Receivers(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_users()

    def deliver_to(self, make, address, tls):
        port = postil.free_port([address])
        records = ["there.lab. MX 10 mx.there.lab.", f"mx.there.lab. A {address}", "ours.lab. A 127.0.0.12"]
        with NameServer(records) as names, make(address, port) as receiver, \
                postil.Server(dns=names.settings, deliver={"port": port}) as server:
            text = postil.message("to another server", to="bert@there.lab", body=BODY)
            with server.client() as client:
                for _ in range(3):
                    client.sendmail(postil.USER, ["bert@there.lab"], text)
                client.sendmail(postil.USER, ["carla@there.lab", "dora@there.lab"], text)
            server.wait_empty()
            wanted = 4 if make is SmtpSink else 5  # smtp-sink keeps a message once, whoever it is for

            def arrived():
                """every message has arrived"""
                return len(receiver.messages()) >= wanted
            postil.wait_for(arrived, 15)
            messages = receiver.messages()
            self.assertEqual(len(messages), wanted)
            for content in messages:
                content = content.replace(b"\r\n", b"\n")
                self.assertIn(("\n\n" + BODY.replace("\r\n", "\n")).encode(), content)
                self.assertIn(b"Subject: to another server\n", content)
            connected = [event for event in server.events() if event.get("tls")]
            if tls:
                self.assertTrue(any("TLSv1.3" in str(event) for event in connected), server.events())

    def test_postfix(self):
        self.deliver_to(lambda address, port: Postfix(address, port, "there.lab"), "127.0.0.13", True)

    def test_exim(self):
        self.deliver_to(lambda address, port: Exim(address, port, "there.lab"), "127.0.0.14", True)

    def test_smtp_sink(self):
        self.deliver_to(SmtpSink, "127.0.0.15", False)

    def test_dovecot_by_lmtp(self):
        port, lmtp_port = postil.free_port(["127.0.0.11"]), postil.free_port(["127.0.0.16"])
        with NameServer(["ours.lab. MX 10 mx.ours.lab.", "mx.ours.lab. A 127.0.0.11"]) as names, Sink("127.0.0.11", port) as ours, \
                DovecotLmtp("127.0.0.16", lmtp_port, "own.lab") as store:
            for way in (f"lmtp:unix:{store.folder}/lmtp", f"lmtp:inet:127.0.0.16:{lmtp_port}"):
                with self.subTest(way), postil.Server(dns=names.settings, deliver={"port": port},
                                                      **{"[route]": {"domains": ["own.lab"], "to": way}}) as server:
                    text = postil.message(way, to="bert@own.lab", body=BODY)
                    with server.client() as client:
                        client.sendmail(postil.USER, ["bert@own.lab", "carl@own.lab", "dora@own.lab"], text)
                        client.sendmail(postil.USER, ["bert@own.lab"], text)

                    def stored():
                        """both have reached bert"""
                        return len([one for one in store.messages() if f"Subject: {way}\n".encode() in one.replace(b"\r\n", b"\n")]) == 2
                    postil.wait_for(stored)
                    for content in store.messages():
                        self.assertIn(("\n\n" + BODY.replace("\r\n", "\n")).encode(), content.replace(b"\r\n", b"\n"))
                    bounce = postil.wait_for(lambda: [one for one in ours.taken() if f"Subject: {way}".encode() in one[2]])[0][2]
                    self.assertIn(b"\r\n<dora@own.lab>\r\n", bounce)
                    self.assertIn(b"550 5.1.1", bounce)
                    self.assertNotIn(b"carl@own.lab", bounce)
                    waits = server.control("queue.list", filter={"all": True})["messages"]
                    self.assertEqual([(one["address"], one["diagnostic"][:9]) for one in waits[0]["recipients"] if one["status"] == "waiting"],
                                     [("carl@own.lab", "452 4.2.2")])


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
