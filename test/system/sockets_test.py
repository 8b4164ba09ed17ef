"""Sockets that the process is started with, as systemd does it (packaging/systemd/postil.socket)."""
import contextlib
import socket

import postil


def listening(address, port=0, family=socket.AF_INET, both=False):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
    made.bind((address, port))
    made.listen()
    return made


def greeting(port, address="127.0.0.1"):
    """A connection and its first line."""
    made = socket.create_connection((address, port), 10 * postil.PATIENCE)
    with contextlib.closing(made), made.makefile("rb") as lines:
        return lines.readline()


class Sockets(postil.unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def keep(self, made):
        return self.stack.enter_context(contextlib.closing(made))

    def started(self, server, **launched):
        self.addCleanup(server.remove)
        self.addCleanup(server.kill)
        return server.start(**launched)

    def test_the_server_takes_what_it_is_given(self):
        plain, tls = self.keep(listening("127.0.0.1")), self.keep(listening("127.0.0.1"))
        server = postil.Server(submission={"listen": [f"127.0.0.1:{plain.getsockname()[1]}"],
                                           "listen_tls": [f"127.0.0.1:{tls.getsockname()[1]}"]})
        server.port, server.port_tls = plain.getsockname()[1], tls.getsockname()[1]
        # Who comes before the server has started waits in the backlog.
        early = self.keep(socket.create_connection(("127.0.0.1", server.port), 10 * postil.PATIENCE))
        self.started(server, sockets=[tls, plain])  # in any order
        self.assertRegex(early.makefile("rb").readline(), rb"^220 mail\.ours\.lab ")
        for implicit in (False, True):
            with server.client(implicit=implicit) as client:
                client.mail(postil.USER)
        # Nobody is refused while it starts again.
        early.close()
        server.stop()
        waits = self.keep(socket.create_connection(("127.0.0.1", server.port), 10 * postil.PATIENCE))
        self.started(server, sockets=[plain, tls])
        self.assertRegex(waits.makefile("rb").readline(), rb"^220 ")
        server.stop()

    def test_a_socket_of_both_families_serves_both(self):
        both = self.keep(listening("::", family=socket.AF_INET6, both=True))
        port = both.getsockname()[1]
        for addresses in (["0.0.0.0", "[::]"], ["[::]", "0.0.0.0"], ["0.0.0.0"], ["[::]"]):
            server = postil.Server(submission={"listen": [f"{address}:{port}" for address in addresses]})
            self.started(server, sockets=[both])
            self.assertRegex(greeting(port), rb"^220 ")
            self.assertRegex(greeting(port, "::1"), rb"^220 ")
            self.assertEqual(server.events("resource.trouble"), [])
            server.stop()

    def test_one_that_the_configuration_does_not_name_is_closed_and_told(self):
        stray = listening("127.0.0.1")
        port = stray.getsockname()[1]
        server = self.started(postil.Server(), sockets=[stray])
        stray.close()  # the server had the last one
        with self.assertRaises(ConnectionRefusedError):
            greeting(port)
        def told():
            """the event log tells of it"""
            return server.events("resource.trouble")
        self.assertIn(f"127.0.0.1:{port}", postil.wait_for(told)[0]["why"])
        self.assertRegex(greeting(server.port), rb"^220 ")
        server.stop()

    def test_what_is_meant_for_another_process_is_left_alone(self):
        other = self.keep(listening("127.0.0.1"))
        server = postil.Server()
        self.started(server, sockets=[other], listen_pid="1")
        self.assertRegex(greeting(server.port), rb"^220 ")
        self.assertEqual(server.events("resource.trouble"), [])
        server.stop()


if __name__ == "__main__":
    postil.main()
