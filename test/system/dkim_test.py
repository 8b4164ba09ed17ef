"""What leaves is signed, and an independent verifier (dkimpy) agrees: keys by `postil dkim new`, RSA and Ed25519, a message that is
submitted, a retry, a bounce, a key that is changed by a reload."""
import json
import shutil
import subprocess
import sys

import postil
from names import NameServer
from sink import Sink

# dkimpy may be there for the system's Python only. It gets the records and the message, and says for each signature whether it holds.
VERIFIER = """
import dkim, json, sys
import nacl.signing
given = json.load(sys.stdin)
message = given["message"].encode("latin-1")
records = {name.encode() + b".": record.encode() for name, record in given["records"].items()}
count = message.split(b"\\r\\n\\r\\n", 1)[0].count(b"DKIM-Signature:")
print(json.dumps([dkim.DKIM(message).verify(idx=i, dnsfunc=lambda name, timeout=5: records.get(name)) for i in range(count)]))
"""


def python_with_dkim():
    for python in (sys.executable, "/usr/bin/python3"):
        if not shutil.which(python):
            continue
        found = subprocess.run([python, "-c", "import dkim, nacl.signing"], stderr=subprocess.DEVNULL, check=False)
        if found.returncode == 0:
            return python
    return None


def letter(subject, body="Hello,\n\nthis  is a line \t with white space \n.and a dot\n\n\n"):
    return (f"From: Anna <{postil.USER}>\nTo: bert@sink.lab\nSubject: {subject}\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n"
            f"Message-ID: <{abs(hash(subject))}@ours.lab>\n\n{body}").replace("\n", "\r\n")


class Dkim(postil.unittest.TestCase):
    def setUp(self):
        self.python = python_with_dkim()
        if not self.python:
            self.skipTest("no python3-dkim")

    def verified(self, message):
        given = json.dumps({"message": message.decode("latin-1"), "records": self.records})
        done = subprocess.run([self.python, "-c", VERIFIER], input=given, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def new_key(self, server, *options):
        done = server.run("dkim", "new", "ours.lab", "--folder", server.folder / "keys", "--json", *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        keys = json.loads(done.stdout)["keys"]
        for key in keys:
            self.records[key["name"]] = key["record"]
        return keys

    def selectors(self, message):
        header = message.split(b"\r\n\r\n", 1)[0].replace(b"\r\n\t", b" ")
        return [line.split(b" s=")[1].split(b";")[0].decode() for line in header.split(b"\r\n") if line.startswith(b"DKIM-Signature:")]

    def test_signatures_hold(self):
        self.records = {}
        port = postil.free_port(["127.0.0.11"])
        answers = ["451 4.3.0 later", "250 2.0.0 taken"]
        with NameServer(["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. MX 10 mx.sink.lab."]) as names, \
                Sink("127.0.0.11", port, end=lambda message: answers.pop(0) if b"retried" in message and answers else "250 2.0.0 taken",
                     rcpt=lambda address: "550 5.1.1 nobody" if "nobody" in address else "250 2.1.5 good") as sink:
            server = postil.Server(dns=names.settings, deliver={"port": port}, aliases={"postmaster": postil.USER})
            keys = self.new_key(server, "--type", "both", "--selector", "one")
            plain = server.config_text()
            server.write_config(plain + "\n" + "\n".join(key["config"] for key in keys))
            checked = server.run("config", "check", server.config_file)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            with server:
                with server.client() as client:
                    for subject in ("first", "retried"):
                        client.sendmail(postil.USER, ["bert@sink.lab"], letter(subject))
                    client.sendmail(postil.USER, ["bert@sink.lab"], letter("empty", ""))
                    client.sendmail(postil.USER, ["bert@sink.lab"], letter("large", "a line of text\n" * 50000))
                    client.sendmail(postil.USER, ["nobody@sink.lab"], letter("returned"))
                server.wait_empty()
                for subject in ("first", "retried", "empty", "large"):
                    for _, _, message in sink.find(f"Subject: {subject}\r\n"):
                        self.assertEqual(self.selectors(message), ["one", "one-ed25519"])
                        self.assertEqual(self.verified(message), [True, True], message[:2000])
                        self.assertEqual(self.verified(message.replace(b"Subject: ", b"Subject: not ", 1)), [False, False])
                bounces = [message for sender, _, message in sink.taken() if sender == ""]
                self.assertEqual(len(bounces), 1)
                self.assertEqual(self.verified(bounces[0]), [True, True], bounces[0][:2000])

                # The key is changed: what leaves after the reload has the new one only.
                fresh = self.new_key(server, "--selector", "two")
                old = "\n".join(key["config"] + "until = 2020-01-01\n" for key in keys)
                server.write_config(plain + "\n" + old + "\n" + fresh[0]["config"])
                self.assertTrue(server.control("reload")["ok"])
                with server.client() as client:
                    client.sendmail(postil.USER, ["bert@sink.lab"], letter("after"))
                server.wait_empty()
                message = sink.find("Subject: after\r\n")[0][2]
                self.assertEqual(self.selectors(message), ["two"])
                self.assertEqual(self.verified(message), [True])

                # A key that cannot be read is an error at its line, and the server keeps what it has.
                server.write_config(plain + "\n" + fresh[0]["config"].replace(".pem", ".pme"))
                with self.assertRaisesRegex(AssertionError, "dkim.key names"):
                    server.control("reload")
                checked = server.run("config", "check", server.config_file)
                self.assertEqual(checked.returncode, 78)
                line = server.config_file.read_text().split("\n").index("[[dkim]]") + 4
                self.assertIn(f"postil.toml:{line}:1  dkim.key names", checked.stderr)
                with server.client() as client:
                    client.sendmail(postil.USER, ["bert@sink.lab"], letter("kept"))
                server.wait_empty()
                self.assertEqual(self.selectors(sink.find("Subject: kept\r\n")[0][2]), ["two"])


if __name__ == "__main__":
    postil.main()
