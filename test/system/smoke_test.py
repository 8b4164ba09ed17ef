"""The program as a process: it starts, takes a message over TLS, delivers it, and ends with 0."""
import postil
from names import NameServer
from sink import Sink


class Smoke(postil.unittest.TestCase):
    def test_a_message_goes_through(self):
        port = postil.free_port(["127.0.0.11"])
        with NameServer(["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. A 127.0.0.12"]) as names, \
                Sink("127.0.0.11", port) as sink, \
                postil.Server(dns=names.settings, deliver={"port": port}) as server:
            status = server.control("status")
            self.assertEqual(status["jobs"], ["submission"])
            with server.client() as client:
                refused = client.sendmail(postil.USER, ["bert@sink.lab"], postil.message("smoke"))
                self.assertEqual(refused, {})
            with server.client(implicit=True) as client:
                client.sendmail(postil.USER, ["bert@sink.lab", "carla@sink.lab"], postil.message("smoke, TLS from the start"))
            server.wait_empty()
            taken = sink.taken()
            self.assertEqual(sorted(recipient for _, recipients, _ in taken for recipient in recipients),
                             ["bert@sink.lab", "bert@sink.lab", "carla@sink.lab"])
            self.assertTrue(all(sender == postil.USER for sender, _, _ in taken))
            first = sink.find("Subject: smoke\r\n")[0][2]
            self.assertRegex(first, rb"\AReceived: from client\.ours\.lab ")
            self.assertIn(b"ESMTPSA", first.replace(b"\r\n", b""))
            self.assertTrue(first.endswith(b"\r\n\r\nHello\r\n"))


if __name__ == "__main__":
    postil.main()
