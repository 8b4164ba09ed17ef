"""The sendmail and mailq commands, as another user of the machine, through the socket that everybody may reach."""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

import postil
from names import NameServer
from sink import Sink

UID = 65534


class Sendmail(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The build may stand where others may not look: a copy does not.
        cls.programs = pathlib.Path(tempfile.mkdtemp(prefix="postil-programs-"))
        cls.programs.chmod(0o755)
        shutil.copy(postil.PROGRAM, cls.programs / "postil")
        for name in ("sendmail", "mailq", "newaliases"):
            (cls.programs / name).symlink_to("postil")
        cls.stack = contextlib.ExitStack()
        cls.stack.callback(shutil.rmtree, cls.programs, ignore_errors=True)
        port = postil.free_port(["127.0.0.11"])
        names = cls.stack.enter_context(
            NameServer(["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "nullmx.lab. MX 0 .",
                        "mail.ours.lab. A 127.0.0.12"]))
        cls.sink = cls.stack.enter_context(Sink("127.0.0.11", port))
        cls.server = cls.stack.enter_context(postil.Server(dns=names.settings, deliver={"port": port}))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def run_as_nobody(self, name, *arguments, text="", config=None):
        return subprocess.run(
            ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", self.programs / name,
             "-C", str(config or self.server.config_file), *arguments],
            input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=30 * postil.PATIENCE,
            cwd="/")

    def arrives(self, text):
        found = postil.wait_for(lambda: self.sink.find(text))
        self.assertEqual(len(found), 1)
        return found[0]

    def test_recipients_as_arguments(self):
        done = self.run_as_nobody("sendmail", "-i", "bert@sink.lab", text="Subject: from a script\n\n.\nthe end\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        sender, recipients, content = self.arrives("Subject: from a script\r\n")
        self.assertEqual(recipients, ["bert@sink.lab"])
        self.assertTrue(sender.endswith("@mail.ours.lab"), sender)
        self.assertIn(b"\r\n.\r\nthe end\r\n", content)  # -i: a lone dot ends nothing
        for field in (b"From: ", b"Date: ", b"Message-ID: "):
            self.assertIn(b"\r\n" + field, content)

    def test_recipients_from_the_header(self):
        text = "From: app@ours.lab\nTo: bert@sink.lab\nBcc: carla@sink.lab\nSubject: with -t\n\nHello\n"
        done = self.run_as_nobody("sendmail", "-t", "-f", "app@ours.lab", text=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        sender, recipients, content = self.arrives("Subject: with -t\r\n")
        self.assertEqual((sender, sorted(recipients)), ("app@ours.lab", ["bert@sink.lab", "carla@sink.lab"]))
        self.assertNotIn(b"carla@", content)

    def test_a_refused_recipient_is_told(self):
        done = self.run_as_nobody("sendmail", "bert@nullmx.lab", text="Subject: refused\n\nHello\n")
        self.assertIn(done.returncode, (67, 68, 69), done.stderr)
        self.assertIn("556", done.stderr)

    def test_newaliases_does_nothing(self):
        self.assertEqual(self.run_as_nobody("newaliases").returncode, 0)

    def test_75_without_a_server(self):
        stopped = postil.Server()
        self.addCleanup(stopped.remove)
        done = self.run_as_nobody("sendmail", "bert@sink.lab", text="Subject: nobody listens\n\nHello\n", config=stopped.config_file)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertNotEqual(done.stderr, "")

    def test_the_control_socket_is_not_for_everybody(self):
        done = self.run_as_nobody("mailq")
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    postil.need_root()
    postil.main()
