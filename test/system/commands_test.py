"""The admin's commands against a running server: status, queue, trace, explain, config, metrics."""
import contextlib
import json
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

    def test_status_config_and_metrics(self):
        self.assertIn("mail.ours.lab", self.command("status"))
        self.command("config", "check")
        metrics = urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10).read().decode()
        self.assertIn("\npostil_server_started_total 1\n", metrics)

    def test_status_without_a_server(self):
        self.server.stop()
        done = self.server.run("status", "--config", self.server.config_file)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertNotEqual(done.stderr, "")
        self.server.start()


if __name__ == "__main__":
    postil.main()
