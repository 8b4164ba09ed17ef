"""postil simulate says what the running server answers; postil records agrees with DNS."""
import contextlib
import json
import shutil
import subprocess
import tempfile

import postil
from names import NameServer

RECORDS = ["good.lab. MX 10 mx.good.lab.", "mx.good.lab. A 127.0.0.11", "nullmx.lab. MX 0 .", "ours.lab. MX 10 mail.ours.lab.",
           "mail.ours.lab. A 127.0.0.12", "ours.lab. TXT \"v=spf1 include:spf.ours.lab -all\"",
           "spf.ours.lab. TXT \"v=spf1 ip4:198.51.100.0/24 -all\"", "_dmarc.ours.lab. TXT \"v=DMARC1; p=perhaps\""]


class Simulate(postil.unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.names = stack.enter_context(NameServer(RECORDS))
        self.server = stack.enter_context(postil.Server(dns=self.names.settings, deliver={"source_ipv4": "198.51.100.7"}))

    def simulate(self, *words):
        done = self.server.run("simulate", "--json", "--config", self.server.config_file, *words)
        return done.returncode, json.loads(done.stdout)

    def real(self, sender, recipient):
        """The code and enhanced code of the server itself, behind a login."""
        with self.server.client() as client:
            client.ehlo()
            for reply in (client.mail(sender), client.rcpt(recipient)):
                if reply[0] >= 400:
                    break
        return reply[0], reply[1].split()[0].decode()

    def test_the_server_says_the_same(self):
        for sender, recipient in ((postil.USER, "bob@good.lab"), (postil.USER, "bob@nullmx.lab"), (postil.USER, "bob@gone.lab"),
                                  ("boss@ours.lab", "bob@good.lab"), (postil.USER, "nobody@mail.ours.lab")):
            with self.subTest(sender=sender, recipient=recipient):
                code, said = self.simulate("--auth", postil.USER, "--mail-from", sender, "--rcpt", recipient)
                self.assertEqual((said["code"], said["status"]), self.real(sender, recipient))
                self.assertEqual(code, 2 if said["code"] >= 400 else 0)
                self.assertEqual(said["unasked"], [])
        self.assertEqual(self.server.queued(), 0)

    def test_expectations_fail_with_their_line(self):
        good = self.server.config_text() + '[[expect]]\nmail_from = "bob@good.lab"\nreply = "530"\n'
        self.server.write_config(good)
        done = self.server.run("config", "check", self.server.config_file)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.server.write_config(good.replace("530", "250"))
        done = self.server.run("config", "check", self.server.config_file)
        self.assertEqual(done.returncode, 78)
        line = len(good.splitlines())
        self.assertIn(f"{self.server.config_file}:{line}:1  250 was expected", done.stderr)

    def test_records_and_what_is_published(self):
        done = self.server.run("records", "ours.lab", "--config", self.server.config_file, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        states = {record["purpose"]: record["state"] for record in said["records"]}
        self.assertEqual(states, {"mx": "same", "spf": "good", "dmarc": "other", "mta_sts": "missing", "tls_rpt": "missing",
                                  "tlsa": "missing"})
        tlsa = next(record for record in said["records"] if record["purpose"] == "tlsa")
        self.assertEqual(tlsa["name"], "_25._tcp.mail.ours.lab")
        key = subprocess.run(["openssl", "x509", "-in", self.server.certificate, "-noout", "-pubkey"], check=True, stdout=subprocess.PIPE)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], check=True, input=key.stdout, stdout=subprocess.PIPE)
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], check=True, input=der.stdout, stdout=subprocess.PIPE)
        self.assertEqual(tlsa["value"], "3 1 1 " + digest.stdout.decode().split()[0])

    def test_the_output_is_a_zone_file(self):
        checker = shutil.which("nsd-checkzone") or shutil.which("nsd-checkzone", path="/usr/sbin")
        if not checker:
            self.skipTest("no nsd-checkzone")
        done = self.server.run("records", "new.lab", "--config", self.server.config_file, "--mx", "mx.new.lab", "--ip", "198.51.100.7")
        self.assertEqual(done.returncode, 0, done.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".zone") as zone:
            zone.write("$TTL 60\nnew.lab. IN SOA ns.lab. admin.lab. 1 3600 900 86400 5\nnew.lab. IN NS ns.lab.\n" + done.stdout)
            zone.flush()
            checked = subprocess.run([checker, "new.lab", zone.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    postil.main()
