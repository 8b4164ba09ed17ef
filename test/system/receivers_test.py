"""Delivery to other people's servers: Postfix, Exim and smtp-sink take what was sent, unchanged, over TLS where they offer it."""
import postil
from mail_servers import Exim, Postfix, SmtpSink, make_users
from names import NameServer

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


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
