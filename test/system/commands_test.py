"""The admin's commands against a running server: status, queue, trace, explain, config, metrics."""
import contextlib
import json
import re
import urllib.request

import postil
from names import NameServer
from sink import Sink


class Commands(postil.unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        port = postil.free_port(["127.0.0.11"])
        self.answer = "450 4.2.1 busy"
        names = stack.enter_context(
            NameServer(["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "nullmx.lab. MX 0 .", "ours.lab. A 127.0.0.12"]))
        self.sink = stack.enter_context(Sink("127.0.0.11", port, rcpt=lambda _: self.answer))
        self.metrics = f"127.0.0.1:{postil.free_port()}"
        self.server = stack.enter_context(postil.Server(
            dns=names.settings, deliver={"port": port, "retry_first": "1h", "retry_max": "1h"}, metrics={"listen": [self.metrics]}))

    def send(self, subject, to="bert@sink.lab"):
        with self.server.client() as client:
            client.sendmail(postil.USER, [to], postil.message(subject))

        def tried():
            """the message was tried"""
            rows = self.server.control("queue.list", filter={"all": True})["messages"]
            return [row for row in rows if row["recipients"][0]["attempts"] > 0]
        return postil.wait_for(tried)[0]["id"]

    def command(self, *words, code=0):
        done = self.server.run(*words, "--config", self.server.config_file)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_queue_and_its_actions(self):
        message = self.send("waits")
        self.assertIn(message, self.command("queue", "list"))
        self.assertIn("450 4.2.1 busy", self.command("queue", "show", message))
        totals = json.loads(self.command("queue", "--json"))["totals"]
        self.assertEqual((totals["messages"], totals["recipients"]), (1, 1))
        self.command("queue", "hold", "--id", message)
        self.assertEqual(self.server.control("status")["held"], 0)  # without --yes nothing is done
        self.command("queue", "hold", "--id", message, "--yes")
        self.assertEqual(self.server.control("status")["held"], 1)
        self.assertIn("is held and stays so", self.command("queue", "retry", "--id", message, "--yes", code=1))
        self.assertIn("450 4.2.1 busy", self.command("queue", "show", message))
        self.answer = "250 2.1.5 good"
        self.command("queue", "release", "--id", message, "--yes")
        self.command("queue", "retry", "--id", message, "--yes")
        self.server.wait_empty()
        self.assertEqual(len(self.sink.find("Subject: waits\r\n")), 1)

    def test_drop_is_there_after_a_crash(self):
        message = self.send("not wanted any more")
        self.command("queue", "drop", "--id", message, "--yes")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.queued(), 0)
        # What was told last may be lost with the process; it is not said that the message waits.
        story = self.command("trace", message)
        self.assertRegex(story, r"(?m)(taken out|gone)$")
        self.assertIn(json.loads(self.command("trace", message, "--json"))["end"], ("removed", "unrecorded"))

    def test_trace_tells_the_story(self):
        message = self.send("a story")
        story = self.command("trace", message)
        for part in (postil.USER, "bert@sink.lab", "450 4.2.1 busy", "mx.sink.lab"):
            self.assertIn(part, story)

    def test_a_refusal_has_a_receipt(self):
        with self.assertRaises(postil.smtplib.SMTPRecipientsRefused) as told:
            with self.server.client() as client:
                client.sendmail(postil.USER, ["bert@nullmx.lab"], postil.message("refused"))
        text = told.exception.recipients["bert@nullmx.lab"][1].decode()
        receipt = text.rsplit("(", 1)[1].rstrip(")")

        def written():
            """the receipt is written"""
            done = self.server.run("trace", receipt, "--config", self.server.config_file)
            return done.stdout if done.returncode == 0 else None
        story = postil.wait_for(written, 10)
        self.assertIn("bert@nullmx.lab", story)
        self.assertRegex(story, r"Decided by +deliver\.check_recipient_domains = true\n")
        told = json.loads(self.command("trace", receipt, "--json"))
        self.assertEqual(told["receipt"]["rule"], "deliver.check_recipient_domains")
        self.assertEqual(told["setting"]["place"], "default")
        explained = json.loads(self.command("explain", receipt, "--json"))
        self.assertEqual(explained["receipt"]["rule"], "deliver.check_recipient_domains")

    def test_a_refusal_by_the_aliases_says_where_they_stand(self):
        with self.assertRaises(postil.smtplib.SMTPRecipientsRefused) as told:
            with self.server.client() as client:
                client.sendmail(postil.USER, ["nobody@localhost"], postil.message("refused"))
        receipt = told.exception.recipients["nobody@localhost"][1].decode().rsplit("(", 1)[1].rstrip(")")
        known = json.loads(self.command("explain", receipt, "--json"))
        self.assertEqual(known["receipt"]["rule"], "aliases")
        self.assertRegex(self.command("trace", receipt), r"Decided by +aliases\n +Set at +[a-z.]+:[0-9]+\n")

    def test_each_refusal_of_a_command_has_a_receipt_and_repeats_are_counted(self):
        receipts = []
        with self.server.client() as client:
            for _ in range(3):
                code, said = client.docmd("MAIL", "FROM:<ada@ours.lab> SIZE=much")
                self.assertEqual(code, 501)
                receipts.append(said.decode().rsplit("(", 1)[1].rstrip(")"))
        self.assertEqual(len(set(receipts)), 3)
        for number, receipt in enumerate(receipts, 1):
            known = json.loads(self.command("explain", receipt, "--json"))
            self.assertEqual(known["receipt"]["receipt"], receipts[0])
            self.assertEqual(known["receipt"]["key"], "mail_param_bad")
            self.assertEqual(known["repeats"]["number"], number)
            self.assertEqual(known["repeats"]["count"], 3)
            self.assertGreaterEqual(known["repeats"]["last"][:19], known["receipt"]["time"][:19])
            self.assertIn("explanation", known)
        said = " ".join(self.command("explain", receipts[1]).split())
        self.assertIn("How often 3 times within a minute; this was number 2 of them, the first came at", said)

    def test_status_config_and_metrics(self):
        self.assertIn("mail.ours.lab", self.command("status"))
        self.command("config", "check")
        metrics = urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10).read().decode()
        self.assertIn("\npostil_server_started_total 1\n", metrics)

    def test_the_queue_by_age(self):
        self.send("waits")
        rows = json.loads(self.command("queue", "--by", "age", "--json"))
        self.assertEqual([(row["site"], row["messages"], row["by_age"][0]) for row in rows["rows"]], [("sink.lab", 1, 1)])
        self.assertEqual(len(rows["rows"][0]["by_age"]), len(rows["bounds"]) + 1)
        self.assertIn("sink.lab", self.command("queue", "--by", "age"))

    def test_bounces_are_selected_by_their_empty_sender(self):
        message = self.send("waits")
        self.command("queue", "return", "--id", message, "--yes")
        self.assertIn("<>", self.command("queue", "list", "--from", "<>"))

    def test_status_without_a_server(self):
        self.server.stop()
        done = self.server.run("status", "--config", self.server.config_file)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertNotEqual(done.stderr, "")
        self.server.start()


class SendByMx(postil.unittest.TestCase):
    """postil send without --server does what a mail server would do."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.port = postil.free_port(["127.0.0.11", "127.0.0.12", "127.0.0.13"])
        cls.names = cls.stack.enter_context(NameServer([
            "two.lab. MX 10 down.lab.", "two.lab. MX 20 null.lab.", "two.lab. MX 30 good.lab.", "down.lab. A 127.0.0.13",
            "null.lab. A 127.0.0.12", "good.lab. A 127.0.0.11", "nullmx.lab. MX 0 .", "stray.lab. MX 10 .", "named.lab. MX 5 nowhere.lab."]))
        cls.good = cls.stack.enter_context(Sink("127.0.0.11", cls.port))
        cls.stack.enter_context(Sink("127.0.0.12", cls.port, greeting="521 null.lab does not accept mail"))

    def send(self, to, code, *more):
        words = [postil.PROGRAM, "send", "--to", to, "--from", "anna@ours.lab", "--port", str(self.port), "--timeout", "10",
                 "--resolver", self.names.settings["resolver"][0], *more]
        done = postil.subprocess.run(words, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_hosts_are_asked_in_their_order(self):
        said = json.loads(self.send("bert@two.lab", 0, "--json", "--subject", "by MX"))
        self.assertEqual([host["host"] for host in said["route"]["hosts"]], ["down.lab", "null.lab", "good.lab"])
        self.assertEqual([host["host"] for host in said["tried"]], ["down.lab", "null.lab"])
        self.assertIn("521 null.lab", said["tried"][1]["detail"])
        self.assertEqual(said["server"]["host"], "good.lab")
        self.assertEqual(len(self.good.find("Subject: by MX\r\n")), 1)
        said = self.send("bert@two.lab", 0)
        self.assertIn("The mail of two.lab goes to down.lab (MX 10), null.lab (MX 20), good.lab (MX 30).", said)
        self.assertIn(f"Connected to good.lab (127.0.0.11:{self.port}), without TLS.", said)

    def test_the_host_itself_where_there_is_no_mx(self):
        self.assertIn("good.lab has no MX record", self.send("bert@good.lab", 0))
        self.send("bert@[127.0.0.11]", 0)
        self.send("bert@down.lab", 69)

    def test_dns_alone_may_decide(self):
        said = self.send("bert@nullmx.lab", 2)
        self.assertIn("nullmx.lab takes no mail: it has a null MX in DNS. No server was asked.", said)
        self.assertIn("556 5.1.10  ", said)
        said = json.loads(self.send("bert@nullmx.lab", 2, "--json"))
        self.assertEqual((said["error"]["id"], said["route"]["kind"], said["exit"]), ("null_mx", "null_mx", 2))
        self.assertIn("leads nowhere", self.send("bert@stray.lab", 2))
        self.assertIn("does not exist", self.send("bert@none.lab", 2))
        self.assertIn("nowhere.lab has no address", self.send("bert@named.lab", 69))


class Demo(postil.unittest.TestCase):
    """postil demo and its folder."""

    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.folder = stack.enter_context(postil.tempfile.TemporaryDirectory()) + "/demo"
        self.environment = dict(postil.os.environ, POSTIL_DEMO_FOLDER=self.folder)
        self.ports = [str(postil.free_port()) for _ in range(3)]

    def words(self, *ports):
        return [postil.PROGRAM, "demo", "--folder", self.folder, "--seconds", "90", "--port", ports[0], "--port-tls", ports[1], "--host-port", ports[2]]

    def run_demo(self, *ports):
        return postil.subprocess.run(self.words(*ports), capture_output=True, text=True, timeout=60)

    def test_somebody_elses_folder_is_not_used(self):
        postil.os.symlink("/tmp", self.folder)
        done = self.run_demo(*self.ports)
        self.assertEqual(done.returncode, 77)
        self.assertIn("is a symbolic link", done.stderr)
        postil.os.remove(self.folder)
        postil.os.mkdir(self.folder)
        postil.os.chmod(self.folder, 0o777)
        done = self.run_demo(*self.ports)
        self.assertEqual(done.returncode, 77)
        self.assertIn("others may write to it", done.stderr)

    def test_what_it_shows_can_be_pasted(self):
        demo = postil.subprocess.Popen(self.words(*self.ports), stdout=postil.subprocess.PIPE, stderr=postil.subprocess.PIPE, text=True)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.terminate)
        shown = []
        while not shown or "Ctrl-C" not in shown[-1]:
            shown.append(demo.stdout.readline())
            self.assertTrue(shown[-1], "".join(shown) + (demo.poll() is not None and demo.stderr.read() or ""))
        self.assertEqual(postil.os.stat(self.folder).st_mode & 0o777, 0o700)
        for code, ends in (("250", 0), ("556", 2)):
            line = next(line for line in shown if f"--to {code}@demo.test" in line)
            elsewhere = {**self.environment, "POSTIL_DEMO_FOLDER": ""}  # the line says where the demo is
            done = postil.subprocess.run(line, shell=True, capture_output=True, text=True, env=elsewhere, timeout=60)
            self.assertEqual(done.returncode, ends, done.stdout + done.stderr)
        done = postil.subprocess.run([postil.PROGRAM, "send", "--demo", "--to", "599@demo.test"], capture_output=True, text=True,
                                     env=self.environment, timeout=60)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("the demo has only these: 211 214 220", done.stdout)
        for code, ends, said in (("354", 0, "354  "), ("455", 2, "Whose move it is"), ("535", 2, "535 5.7.8  "),
                                 ("554", 2, "Blocked by the receiver")):
            done = postil.subprocess.run([postil.PROGRAM, "send", "--demo", "--to", f"{code}@demo.test"], capture_output=True, text=True,
                                         env=self.environment, timeout=60)
            self.assertEqual(done.returncode, ends, done.stdout + done.stderr)
            self.assertIn(said, done.stdout)
            self.assertNotIn("Wait;", done.stdout)
            if ends == 2:  # not the delay notice, which comes first
                bounce = re.search(r"in a bounce: (\S+)", done.stdout)[1]
                self.assertIn("Action: failed", postil.pathlib.Path(bounce).read_text())
        for program in ("swaks", "curl"):
            line = next(line for line in shown if f" {program} " in line and "550@" in line).replace("550@", "250@")
            done = postil.subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, line + done.stdout + done.stderr)
        again = self.run_demo(*self.ports)
        self.assertEqual(again.returncode, 69)
        self.assertIn("A demo runs already", again.stderr)
        self.folder += "-2"
        said = json.loads(postil.subprocess.run(self.words(*self.ports) + ["--json"], capture_output=True, text=True, timeout=60).stdout)
        self.assertEqual((said["ok"], said["error"]["id"], said["exit"]), (False, "port_in_use", 69))
        again = self.run_demo(*self.ports)
        self.assertEqual(again.returncode, 69)
        self.assertIn(f"127.0.0.1:{self.ports[0]} is in use already", again.stderr)
        self.assertIn("--port", again.stderr)


class NullHost(postil.unittest.TestCase):
    """The contact of a null host is told where a person meets it."""

    def test_contact(self):
        folder = postil.pathlib.Path(self.enterContext(postil.tempfile.TemporaryDirectory()))
        port = postil.free_port()
        config = folder / "postil.toml"
        config.write_text('job = "null"\nhostname = "host7.ours.lab"\ncontact = "https://ours.lab/contact"\n'
                          f'[null]\nlisten = ["127.0.0.1:{port}"]\n[control]\nsocket = "{folder}/control"\nsubmit_socket = ""\n'
                          '[metrics]\nlisten = []\n')
        server = postil.subprocess.Popen([postil.PROGRAM, "serve", "--config", str(config)], stderr=postil.subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)

        def greeting():
            """the null host answers"""
            try:
                with postil.socket.create_connection(("127.0.0.1", port), 5) as made:
                    return made.recv(1000).decode()
            except OSError:
                return None
        self.assertEqual(postil.wait_for(greeting), "521 host7.ours.lab does not accept mail; contact https://ours.lab/contact\r\n")
        done = postil.subprocess.run([postil.PROGRAM, "status", "--config", str(config)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("https://ours.lab/contact", done.stdout)
        self.assertIn("It is a null host", done.stdout)


if __name__ == "__main__":
    postil.main()
