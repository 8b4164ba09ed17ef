"""The program as a process: it starts, takes a message over TLS, delivers it, and ends with 0."""
import socket

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

    def test_behind_a_proxy(self):
        """A PROXY header of either version, in clear and before TLS; then XCLIENT, by the client that the header names."""
        second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0f" + bytes([198, 51, 100, 7, 192, 0, 2, 1, 4, 0, 1, 209]) + b"\x04\0\0"
        with postil.Server(proxy={"networks": ["127.0.0.1"]}, xclient={"networks": ["203.0.113.9"]}) as server:
            def connect(port, header):
                made = socket.create_connection(("127.0.0.1", port), 10)
                made.sendall(header)
                return made
            with connect(server.port, b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 587\r\n") as client, client.makefile("rb") as replies:
                self.assertTrue(replies.readline().startswith(b"220 "))
                client.sendall(b"XCLIENT ADDR=IPV6:2001:db8::7\r\nQUIT\r\n")
                self.assertTrue(replies.readline().startswith(b"220 "))
            with server.context().wrap_socket(connect(server.port_tls, second), server_hostname="localhost") as client:
                self.assertTrue(client.recv(1000).startswith(b"220 "))
            with connect(server.port, b"EHLO nobody.lab\r\n") as client:
                self.assertEqual(client.recv(1000), b"")
            told = server.wait_events("session.client", 3)
            self.assertEqual([(event["peer"], event["client"]) for event in told],
                             [("127.0.0.1", "203.0.113.9"), ("203.0.113.9", "2001:db8::7"), ("127.0.0.1", "198.51.100.7")])
            self.assertIn("PROXY", server.wait_events("session.refused")[0]["why"])


if __name__ == "__main__":
    postil.main()
