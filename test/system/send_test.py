"""`postil send` to other people's servers: found by MX, over STARTTLS and TLS from the start, with the certificate looked at."""
import json
import pathlib
import subprocess
import tempfile

import postil
from mail_servers import Exim, Postfix, make_users
from names import NameServer


def send(*words, code=0):
    done = subprocess.run([postil.PROGRAM, "send", "--from", "anna@ours.lab", "--timeout", "15", "--json", *words], capture_output=True,
                          text=True, timeout=90)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


class Receivers(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_users()

    def check(self, make, address, refused):
        port = postil.free_port([address])
        server = make(address, port, "there.lab")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=mx.there.lab", "-addext", "subjectAltName=DNS:mx.there.lab", "-keyout", server.key, "-out", server.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        with NameServer(["there.lab. MX 10 mx.there.lab.", f"mx.there.lab. A {address}"]) as names, server as receiver:
            there = ["--to", "bert@there.lab", "--resolver", names.settings["resolver"][0], "--port", str(port)]
            said = send(*there, "--subject", "by MX")
            self.assertEqual(said["server"]["tls"]["version"], "TLSv1.3")
            self.assertFalse(said["server"]["tls"]["verified"])
            # The certificate is for the MX host, and its own CA.
            said = send(*there, "--tls", "starttls", "--ca", str(receiver.certificate), "--subject", "checked")
            self.assertTrue(said["server"]["tls"]["verified"])
            self.assertEqual([reply["stage"] for reply in said["replies"]],
                             ["connect", "ehlo", "starttls", "ehlo", "mail", "rcpt", "data", "message", "quit"])
            said = send(*there, "--tls", "starttls", code=69)
            self.assertEqual(said["error"]["id"], "tls_failed")
            self.assertNotIn("tls", said["server"])
            said = send("--server", f"{address}:{port}", "--to", "bert@there.lab", "--tls", "starttls", "--ca", str(receiver.certificate), code=69)
            self.assertEqual(said["error"]["id"], "tls_failed", "the certificate is not for this address")
            said = send(*there, "--tls", "none", "--stop-after", "rcpt")
            self.assertNotIn("tls", said["server"])
            said = send("--server", f"{address}:{port}", "--to", "bert@elsewhere.lab", code=refused)  # Postfix defers where it is not sure
            self.assertIn(said["replies"][-1]["stage"], ("rcpt", "quit"))

            def arrived():
                """both messages have arrived"""
                return len(receiver.messages()) >= 2
            postil.wait_for(arrived, 15)
            subjects = sorted(line for message in receiver.messages() for line in message.decode().splitlines() if line.startswith("Subject:"))
            self.assertEqual(subjects, ["Subject: by MX", "Subject: checked"])

    def test_postfix(self):
        self.check(Postfix, "127.0.0.13", 75)

    def test_exim(self):
        self.check(Exim, "127.0.0.14", 2)


class TlsFromTheStart(postil.unittest.TestCase):
    def test_openssl(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        certificate, key = postil.make_certificate(folder)
        port = postil.free_port()
        server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key, "-quiet", "-crlf"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdin.close)

        def listens():
            """s_server listens"""
            return f":{port:04X} " in pathlib.Path("/proc/net/tcp").read_text()
        postil.wait_for(listens)
        server.stdin.write(b"220 openssl.lab\n")
        server.stdin.flush()
        said = send("--server", f"127.0.0.1:{port}", "--tls", "implicit", "--ca", str(certificate), "--stop-after", "connect")
        self.assertTrue(said["server"]["tls"]["verified"])
        self.assertEqual(said["replies"][0]["reply"], "220 openssl.lab")


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
