"""A full disk: mail is refused for now with 452 while deliveries go on, and taken again when the queue has drained."""
import smtplib
import subprocess
import tempfile

import postil
from names import NameServer
from sink import Sink

DISK_MIB = 24


class DiskFull(postil.unittest.TestCase):
    def test_452_and_draining(self):
        folder = postil.pathlib.Path(tempfile.mkdtemp(prefix="postil-system-"))
        folder.chmod(0o755)
        spool = folder / "spool"
        spool.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", spool], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", spool], check=False)
        port = postil.free_port(["127.0.0.11"])
        mood = {"rcpt": "451 4.3.0 not now"}
        records = ["sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11", "ours.lab. A 127.0.0.12"]
        with NameServer(records) as names, Sink("127.0.0.11", port, rcpt=lambda _: mood["rcpt"]) as sink, \
                postil.Server(folder=folder, dns=names.settings, deliver={"port": port},
                              spool={"folder": spool, "segment_size": "1M", "watermark": "6M"}) as server:
            self.addCleanup(postil.shutil.rmtree, folder, ignore_errors=True)
            taken, refusal = 0, None
            body = ("x" * 76 + "\r\n") * 4000  # 312 kB
            with server.client() as client:
                while refusal is None and taken * len(body) < 2 * DISK_MIB << 20:
                    try:
                        client.sendmail(postil.USER, ["bert@sink.lab"], postil.message(f"fills {taken}", body=body))
                        taken += 1
                    except smtplib.SMTPSenderRefused as told:
                        refusal = (told.smtp_code, told.smtp_error)
                    except smtplib.SMTPDataError as told:
                        refusal = (told.smtp_code, told.smtp_error)
            self.assertIsNotNone(refusal, f"{taken} messages were taken")
            self.assertEqual(refusal[0], 452, refusal)
            self.assertTrue(refusal[1].startswith(b"4.3.1"), refusal)
            self.assertGreater(taken, 10)
            self.assertFalse(server.control("status")["accepting"])
            self.assertEqual(server.queued(), taken)
            # It restarts on a full disk.
            server.stop()
            server.start()
            self.assertEqual(server.queued(), taken)
            mood["rcpt"] = "250 2.1.5 now"
            server.wait_empty(60)
            self.assertEqual(len(sink.taken()), taken)

            def takes_again():
                """mail is taken again"""
                return server.control("status")["accepting"]
            postil.wait_for(takes_again)
            with server.client() as client:
                client.sendmail(postil.USER, ["bert@sink.lab"], postil.message("after the flood"))
            postil.wait_for(lambda: sink.find("after the flood"))


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
