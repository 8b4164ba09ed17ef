"""Start, stop, reload, and what the process says when it cannot."""
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

import postil
from names import NameServer
from sink import Sink

RECORDS = ["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. A 127.0.0.12"]


def certificate_name(port, ca):
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        return dict(part[0] for part in tls.getpeercert()["subject"])["commonName"]


class Lifecycle(postil.unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def world(self, **sink_options):
        port = postil.free_port(["127.0.0.11"])
        names = self.stack.enter_context(NameServer(RECORDS))
        sink = self.stack.enter_context(Sink("127.0.0.11", port, **sink_options))
        return {"dns": names.settings, "deliver": {"port": port}}, sink

    def refused(self, server):
        """Starts it; it must end by itself. (exit code, what it said)"""
        server.launch()
        code = server.process.wait(20 * postil.PATIENCE)
        server.process = None
        server.notify.close()
        server.errors.close()
        self.addCleanup(server.remove)
        return code, server.error_text()

    def test_mail_waits_for_the_next_start(self):
        answer = {"rcpt": "451 4.3.0 not now"}
        sections, sink = self.world(rcpt=lambda _: answer["rcpt"])
        server = postil.Server(**sections)
        self.addCleanup(server.remove)
        server.start()
        with server.client() as client:
            for n in range(5):
                client.sendmail(postil.USER, ["bert@sink.lab"], postil.message(f"waits {n}"))
        self.assertEqual(server.queued(), 5)
        server.stop()
        answer["rcpt"] = "250 2.1.5 now"
        server.start()
        server.wait_empty()
        server.stop()
        self.assertEqual(sorted(subject for n in range(5) for subject in [n] if len(sink.find(f"waits {n}\r\n")) == 1), list(range(5)))

    def test_a_second_server_on_the_same_spool_refuses(self):
        sections, _ = self.world()
        first = self.stack.enter_context(postil.Server(**sections))
        sections["spool"] = {"folder": first.folder / "spool"}
        code, said = self.refused(postil.Server(**sections))
        self.assertNotEqual(code, 0)
        self.assertIn(str(first.folder / "spool"), said)
        self.assertIn("use", said)
        first.control("status")  # the first one does not mind

    def test_a_port_in_use_is_told(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            server = postil.Server(submission={"listen": [address]})
            line = server.config_text().splitlines().index(f'listen = ["{address}"]') + 1
            code, said = self.refused(server)
        self.assertEqual(code, 69)
        self.assertIn(f"{server.config_file}:{line}:1  {address} is in use already.", said)

    def test_a_port_of_metrics_or_pages_in_use_is_told_too(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for section in ("metrics", "web"):
                code, said = self.refused(postil.Server(**{section: {"listen": [address]}}))
                self.assertEqual(code, 69, said)
                self.assertIn(f"{address} is in use already.", said)

    def test_a_control_socket_of_another_server_is_told(self):
        first = self.stack.enter_context(postil.Server())
        code, said = self.refused(postil.Server(control={"socket": first.control_socket}))
        self.assertEqual(code, 69, said)
        self.assertIn(f"Another Postil server, the one for mail.ours.lab, answers at {first.control_socket} already.", said)
        first.control("status")

    @unittest.skipIf(os.geteuid() != 0, "another user is wanted")
    def test_folders_and_the_users_file_that_another_user_may_not_read(self):
        nobody = pwd.getpwnam("nobody").pw_uid
        as_nobody = ["setpriv", f"--reuid={nobody}", "--clear-groups", "--inh-caps=-all"]
        server = postil.Server(run_as=as_nobody, log={"events": "stderr"})
        spool = server.folder / "spool"
        for command in (f'"install -d -o nobody -m 700 {spool}"', f'"chown -R nobody {spool}"'):
            code, said = self.refused(server)
            self.assertEqual(code, 77, said)
            self.assertIn(command, said)
            spool.mkdir(0o700, exist_ok=True)
        for folder in (spool, server.folder / "history", server.folder / "run"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, nobody, -1)
        os.chown(server.folder / "certificate.key", nobody, -1)
        (server.folder / "users").chmod(0o600)
        self.stack.enter_context(server)
        self.assertIn("may not read the users file", server.error_text())
        self.assertIn(f'"chgrp nobody {server.folder / "users"}"', server.error_text())

    def test_failures_as_json(self):
        def answer(server, *more):
            done = server.run("serve", "--config", server.config_file, "--json", *more)
            self.addCleanup(server.remove)
            told = json.loads(done.stdout)
            self.assertEqual(done.stderr, "")
            self.assertEqual((told["schema"], told["ok"], told["exit"]), ("postil.serve/1", False, done.returncode))
            return told
        first = self.stack.enter_context(postil.Server())
        told = answer(postil.Server(spool={"folder": first.folder / "spool"}))
        self.assertEqual((told["error"]["id"], told["exit"]), ("spool_in_use", 75))
        self.assertEqual(told["error"]["message"].count("in use"), 1)
        broken = postil.Server()
        broken.write_config(broken.config_text().replace("[deliver]\n", "[deliver]\nretry_frist = \"5m\"\n"))
        told = answer(broken)
        self.assertEqual((told["error"]["id"], told["exit"]), ("config", 78))
        self.assertIn("retry_first", told["problems"][0]["text"])

    def test_over_the_limit_the_tls_port_says_so_in_tls(self):
        server = self.stack.enter_context(postil.Server(limits={"sessions_per_address": 1, "unlimited_from": []}))
        with server.client(implicit=True):
            for _ in range(3):
                with self.assertRaisesRegex(ssl.SSLError, "(?i)alert internal error"):
                    server.client(implicit=True)
            told = server.wait_events("command.refused", 3)
        self.assertEqual({event["key"] for event in told}, {"too_many_sessions_from"})
        known = json.loads(server.run("explain", told[2]["receipt"], "--json", "--config", server.config_file).stdout)
        self.assertEqual((known["repeats"]["number"], known["repeats"]["count"]), (3, 3))

    def test_a_wrong_key_is_told_with_its_place(self):
        server = postil.Server()
        server.write_config(server.config_text().replace("[deliver]\n", "[deliver]\nretry_frist = \"5m\"\n"))
        code, said = self.refused(server)
        self.assertEqual(code, 78)
        line = server.config_file.read_text().splitlines().index('retry_frist = "5m"') + 1
        self.assertIn(f"postil.toml:{line}:1", said)
        self.assertIn("retry_first", said)

    def test_a_missing_file_is_told(self):
        server = postil.Server()
        server.config_file.unlink()
        code, said = self.refused(server)
        self.assertIn(code, (66, 78))
        self.assertIn("postil.toml", said)

    def test_a_certificate_that_cannot_be_used_is_told(self):
        server = postil.Server()
        server.certificate.write_text("no certificate\n")
        code, said = self.refused(server)
        self.assertEqual(code, 78)
        self.assertIn("certificate.pem", said)

    def test_reload_takes_new_certificates_and_keeps_going_with_a_broken_file(self):
        sections, sink = self.world()
        server = self.stack.enter_context(postil.Server(**sections))
        good = server.config_file.read_text()
        self.assertEqual(certificate_name(server.port_tls, server.certificate), "localhost")
        with server.client() as held:  # a session of before the reload stays
            postil.make_certificate(server.folder, "certificate", "renewed")
            shutil.copy(server.certificate, server.folder / "ca.pem")
            server.reload()
            self.assertEqual(certificate_name(server.port_tls, server.certificate), "renewed")
            server.write_config("this is no TOML [[[\n" + good)
            server.reload()
            # What the admin sees: the place in the log, and from the command that nothing has changed.
            refused = server.wait_events("config.refused")
            self.assertEqual(len(refused), 1)
            self.assertIn("postil.toml:1:6  ", refused[0]["why"])
            server.write_config(good.replace("[deliver]\n", "[deliver]\nretry_frist = \"5m\"\n"))
            server.reload()
            wrong = server.wait_events("config.refused", 2)[1]["why"]
            self.assertRegex(wrong, r"postil\.toml:\d+:1  .*retry_first")
            done = server.run("config", "check", server.config_file)
            self.assertEqual(done.returncode, 78)
            self.assertIn(wrong, done.stderr)
            self.assertIn("The running server keeps the old configuration.", done.stderr)
            held.sendmail(postil.USER, ["bert@sink.lab"], postil.message("after the broken file"))
        with server.client() as client:
            client.sendmail(postil.USER, ["bert@sink.lab"], postil.message("a new session too"))
        # Each error is told, not the first alone: of a misspelt name, that it is unknown and that the right one is missing.
        server.write_config(good.replace("hostname =", "hostnme ="))
        server.reload()
        both = "\n".join(event["why"] for event in server.wait_events("config.refused", 4)[2:])
        self.assertIn("The host name is missing", both)
        self.assertIn('Did you mean "hostname"?', both)
        server.write_config(good)
        done = server.run("config", "check", server.config_file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("keeps the old configuration", done.stderr)
        server.reload()
        self.assertEqual(len(server.wait_events("config.reloaded", 2)), 2)
        server.certificate.write_text("no certificate\n")
        server.reload()
        self.assertEqual(len(server.wait_events("config.reloaded", 2)), 2)
        self.assertIn("certificate.pem", server.wait_events("config.refused", 5)[4]["why"])
        self.assertEqual(certificate_name(server.port_tls, server.folder / "ca.pem"), "renewed")
        self.assertIsNone(server.process.poll())
        server.wait_empty()
        self.assertEqual(len(sink.taken()), 2)

    def test_reload_says_what_waits_for_a_restart(self):
        server = self.stack.enter_context(postil.Server())
        server.sections["spool"]["watermark"] = "100000G"  # more than there is
        server.sections["history"]["age"] = "7d"
        server.sections["submission"]["users"] = server.folder / "others"
        server.write_config()
        for n in (1, 2):  # also when it is read a second time
            server.reload()
            self.assertEqual(server.wait_events("config.reloaded", n)[n - 1]["after_restart"], "submission.users history.age")
        server.wait_events("spool.full")
        self.assertEqual(server.control("status")["refusing"], "no_space")
        with server.client() as client:
            self.assertEqual(client.mail(postil.USER)[0], 452)
        server.sections = server.defaults()
        server.write_config()
        server.reload()
        self.assertEqual(server.wait_events("config.reloaded", 3)[2]["after_restart"], "")
        server.wait_events("spool.space_back")
        with server.client() as client:
            self.assertEqual(client.mail(postil.USER)[0], 250)

    def test_a_users_file_that_is_a_pipe_is_not_waited_for(self):
        server = self.stack.enter_context(postil.Server())
        users = server.folder / "users"
        users.rename(server.folder / "kept")
        os.mkfifo(users)
        for _ in range(3):
            with server.client(user=None) as client:
                with self.assertRaises(postil.smtplib.SMTPAuthenticationError) as told:
                    client.login(postil.USER, postil.PASSWORD)
            self.assertEqual(told.exception.smtp_code, 454)
            self.assertTrue(told.exception.smtp_error.startswith(b"4.7.0"), told.exception.smtp_error)
        self.assertEqual(len(server.events("resource.trouble")), 1)
        users.unlink()
        (server.folder / "kept").rename(users)
        server.client().quit()

    # The sanitizer looks whether an object's memory can be read by way of a pipe: without descriptors it sees errors
    # where there are none.
    @unittest.skipIf(postil.SANITIZED, "the undefined-behaviour sanitizer itself needs descriptors")
    def test_without_descriptors_clients_are_told_so_and_the_server_lives(self):
        sections, sink = self.world()
        limit = 90
        server = self.stack.enter_context(postil.Server(run_as=("prlimit", f"--nofile={limit}:{limit}"),
                                                        top={"threads": 2}, **sections))
        with contextlib.ExitStack() as flood:
            first = server.client()  # no name was asked for in DNS so far
            answers = {}
            for _ in range(limit):
                made = flood.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 20 * postil.PATIENCE)))
                code = made.makefile("rb").readline()[:3]
                answers[code] = answers.get(code, 0) + 1
            self.assertGreater(answers.pop(b"220"), 5)
            self.assertGreater(answers.pop(b"421"), 5)
            self.assertEqual(answers, {}, "everybody gets an answer")
            self.assertEqual(len(server.wait_events("accept.failed")), 1)
            receipt = server.wait_events("command.refused")[0]
            self.assertEqual((receipt["key"], receipt["rule"]), ("too_many_sessions", "RLIMIT_NOFILE"))
            done = server.run("status", "--config", server.config_file, timeout=10 * postil.PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("RLIMIT_NOFILE", server.run("explain", receipt["receipt"], "--config", server.config_file).stdout)
            # Not one is left: clients, admins and who is in are still answered. The first question to DNS comes now.
            for _ in range(40):
                made = flood.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
                made.connect(str(server.control_socket))  # where the backlog is full, it waits
                made.settimeout(20 * postil.PATIENCE)
            self.assertIn(b'"no_descriptors"', made.makefile("rb").readline())
            with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 20 * postil.PATIENCE)) as made:
                self.assertRegex(made.makefile("rb").readline(), rb"^421 ")
            done = server.run("status", "--config", server.config_file, timeout=10 * postil.PATIENCE)
            self.assertEqual(done.returncode, 75, done.stdout)
            self.assertIn("no file descriptors left", done.stderr)
            taken = self.sent_or_put_off(first, "in the flood")
            first.close()

        def sends():
            """mail is taken again"""
            with server.client() as client:
                return self.sent_or_put_off(client, "after the flood")
        postil.wait_for(sends)
        for subject in ["after the flood"] + ["in the flood"] * taken:
            postil.wait_for(lambda found=subject: sink.find(found))

    def sent_or_put_off(self, client, subject):
        """Whether the message was taken; otherwise it is the server's descriptors that are said to be missing."""
        try:
            client.sendmail(postil.USER, ["bert@sink.lab"], postil.message(subject))
            return True
        except (postil.smtplib.SMTPSenderRefused, postil.smtplib.SMTPDataError) as told:
            self.assertEqual(told.smtp_code, 451)
            self.assertRegex(told.smtp_error, rb"^4\.3\.0 no descriptors")
            return False

    def test_a_user_who_is_added_can_log_in_at_once(self):
        server = self.stack.enter_context(postil.Server())
        server.add_user("new@ours.lab", "a new password 9")

        def logs_in():
            """the new user logs in"""
            try:
                server.client("new@ours.lab", "a new password 9").quit()
                return True
            except postil.smtplib.SMTPAuthenticationError:
                return False
        postil.wait_for(logs_in, 5, 0.5)

    def test_an_open_session_does_not_keep_the_server_from_stopping(self):
        server = postil.Server()
        self.addCleanup(server.remove)
        server.start()
        client = server.client()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(30 * postil.PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 25 * postil.PATIENCE)
        with contextlib.suppress(OSError, postil.smtplib.SMTPException):
            code, _ = client.noop()
            self.assertEqual(code, 421)
        client.close()
        server.forget()

    def test_a_stop_does_not_wait_for_the_spool_to_be_read(self):
        server = postil.Server(deliver={"port": postil.free_port()})
        self.addCleanup(server.remove)
        self.addCleanup(server.kill)
        server.start()
        with server.client() as client:
            client.sendmail(postil.USER, ["bert@[127.0.0.1]"], postil.message("waits"))
        server.stop()
        segments = sorted(path.name for path in (server.folder / "spool").glob("*.log"))
        self.assertTrue(segments)
        # A disk that takes its time: who opens this segment waits until somebody writes into it.
        (server.folder / "spool" / segments[-1]).unlink()
        os.mkfifo(server.folder / "spool" / segments[-1])
        server.launch()

        def reads_the_spool():
            """the server has locked its spool; it comes to the segment next"""
            open_files = f"/proc/{server.process.pid}/fd"
            lock = os.path.realpath(server.folder / "spool" / "lock")

            def names(fd):
                try:
                    return os.readlink(f"{open_files}/{fd}")
                except FileNotFoundError:  # closed meanwhile
                    return None
            return any(names(fd) == lock for fd in os.listdir(open_files))
        postil.wait_for(reads_the_spool)
        self.assertIsNone(server.process.poll(), "it reads the spool")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(20 * postil.PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 5 * postil.PATIENCE)
        self.assertEqual(len(server.events("server.started")), 1, "only the first one had got so far")
        server.forget()

    def test_a_log_that_nobody_reads_does_not_keep_the_server_from_stopping(self):
        server = postil.Server(limits={"errors": 1000})
        self.addCleanup(server.remove)
        self.addCleanup(server.kill)
        log = server.folder / "log"
        os.mkfifo(log)
        server.sections["log"] = {"events": log, "level": "debug"}
        server.write_config()
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)  # opened, and never read
        self.addCleanup(os.close, reader)
        server.start()
        with server.client() as client:
            client.mail(postil.USER)
            for _ in range(300):  # more than a pipe holds
                self.assertEqual(client.rcpt("nobody@mail.ours.lab")[0], 550)
        began = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - began, 15 * postil.PATIENCE)
        held = os.read(reader, 1 << 20)
        self.assertGreater(len(held), 40000)
        self.assertNotIn(b"server.stopped", held, "the pipe was full before")

    def test_a_relay_asks_for_no_login(self):
        sections, sink = self.world()
        server = self.stack.enter_context(postil.Server(job="relay", users={}, **sections))
        with postil.smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
            client.sendmail("printer@ours.lab", ["bert@sink.lab"], postil.message("from a printer"))
        postil.wait_for(lambda: sink.find("from a printer"))

    def test_a_relay_relays_for_its_networks_only(self):
        sections, _ = self.world()
        server = self.stack.enter_context(postil.Server(job="relay", users={}, relay={"networks": ["10.0.0.0/8"]}, **sections))
        with self.assertRaises(postil.smtplib.SMTPConnectError) as told:
            postil.smtplib.SMTP("127.0.0.1", server.port, timeout=10)
        self.assertEqual(told.exception.smtp_code, 554)

    def test_a_null_host_says_521(self):
        server = self.stack.enter_context(postil.Server(job="null", users={}, top={"contact": "https://ours.lab/contact"}, aliases=None, deliver=None))
        with socket.create_connection(("127.0.0.1", server.port), 10) as made:
            lines = made.makefile("rwb")
            self.assertRegex(lines.readline(), rb"^521 ")
            lines.write(b"MAIL FROM:<a@b.example>\r\n")
            lines.flush()
            self.assertRegex(lines.readline(), rb"^(503|521) ")
            lines.write(b"QUIT\r\n")
            lines.flush()
            self.assertRegex(lines.readline(), rb"^221 ")


if __name__ == "__main__":
    postil.main()
