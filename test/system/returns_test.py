"""What cannot be delivered: refused while it is being sent where DNS tells, returned with a report that other people's
parsers read, tried again where that helps."""
import contextlib
import email
import email.policy
import smtplib
import time

import postil
from names import NameServer
from sink import Sink

RECORDS = [
    "ours.lab. MX 10 mx.ours.lab.", "mx.ours.lab. A 127.0.0.12",  # where reports go
    "good.lab. MX 10 mx.good.lab.", "mx.good.lab. A 127.0.0.11",
    "refuses.lab. MX 10 mx.refuses.lab.", "mx.refuses.lab. A 127.0.0.13",
    "none521.lab. MX 10 a.none521.lab.", "none521.lab. MX 20 b.none521.lab.",
    "a.none521.lab. A 127.0.0.14", "b.none521.lab. A 127.0.0.16",
    "one521.lab. MX 10 a.one521.lab.", "one521.lab. MX 20 b.one521.lab.",
    "a.one521.lab. A 127.0.0.14", "b.one521.lab. A 127.0.0.11",
    "nullmx.lab. MX 0 .",
    "onlya.lab. A 127.0.0.11",
    "nothing.lab. TXT \"no mail, no address\"",
    "later.lab. MX 10 mx.later.lab.", "mx.later.lab. A 127.0.0.15",
    "down.lab. MX 10 a.down.lab.", "down.lab. MX 20 b.down.lab.",
    "a.down.lab. A 127.0.0.99", "b.down.lab. A 127.0.0.11",
    "russian.lab. MX 10 mx.ours.lab.",
]
ADDRESSES = [f"127.0.0.{n}" for n in (11, 12, 13, 14, 15, 16, 99)]


def parse(content):
    return email.message_from_bytes(content, policy=email.policy.default)


class Returns(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        port = postil.free_port(ADDRESSES)
        cls.stack = contextlib.ExitStack()
        names = cls.stack.enter_context(NameServer(RECORDS))
        cls.later = {"count": 0}

        def rcpt_later(_):
            cls.later["count"] += 1
            return "450 4.2.1 busy, come again" if cls.later["count"] < 3 else "250 2.1.5 now it is fine"

        def rcpt_refuses(address):
            return "250 2.1.5 good" if address.startswith("good") else "550 5.1.1 no such person in this house"

        cls.good = cls.stack.enter_context(Sink("127.0.0.11", port))
        cls.ours = cls.stack.enter_context(Sink("127.0.0.12", port))
        cls.refuses = cls.stack.enter_context(Sink("127.0.0.13", port, rcpt=rcpt_refuses))
        cls.host521 = cls.stack.enter_context(Sink("127.0.0.14", port, greeting="521 5.3.2 host accepts no mail"))
        cls.other521 = cls.stack.enter_context(Sink("127.0.0.16", port, greeting="521 5.3.2 host accepts no mail"))
        cls.later_host = cls.stack.enter_context(Sink("127.0.0.15", port, rcpt=rcpt_later))
        cls.server = postil.Server(dns=names.settings, deliver={"port": port}, languages={'"russian.lab"': "ru"},
                                   submission={"hold_messages": 2})
        cls.server.add_user("otto@ours.lab", postil.PASSWORD, "--language", "de")
        cls.server.add_user("ira", postil.PASSWORD, "--address", "*@russian.lab")
        cls.stack.enter_context(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def send(self, to, subject, sender=postil.USER, mail_options=(), rcpt_options=()):
        recipients = [to] if isinstance(to, str) else to
        with self.server.client() as client:
            return client.sendmail(sender, recipients, postil.message(subject, to=recipients[0]), mail_options, rcpt_options)

    def report_about(self, subject):
        """The bounce that quotes this subject, as Python's parser reads it."""
        def arrived():
            """the report has arrived"""
            return self.ours.find(subject)
        found = postil.wait_for(arrived, 15)
        self.assertEqual(len(found), 1)
        sender, recipients, content = found[0]
        self.assertEqual((sender, recipients), ("", [postil.USER]))
        report = parse(content)
        self.assertEqual(report.get_content_type(), "multipart/report")
        self.assertEqual(report.get_param("report-type"), "delivery-status")
        self.assertEqual([str(d) for d in report.defects], [])
        parts = list(report.iter_parts())
        self.assertEqual(parts[1].get_content_type(), "message/delivery-status")
        groups = parts[1].get_payload()
        self.assertTrue(groups[0]["Reporting-MTA"].replace(" ", "").endswith(";mail.ours.lab"), groups[0].as_string())
        self.assertIn(parts[2].get_content_type(), ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"))
        return report, parts[0].get_content(), groups[1:], content

    def test_550_comes_back_with_a_report(self):
        self.send(["bert@refuses.lab", "good@refuses.lab"], "refused with 550")
        report, human, groups, content = self.report_about("refused with 550")
        self.assertEqual(len(groups), 1)
        group = groups[0]
        self.assertEqual(group["Final-Recipient"].replace(" ", ""), "rfc822;bert@refuses.lab")
        self.assertEqual(group["Action"], "failed")
        self.assertEqual(group["Status"].split()[0], "5.1.1")
        self.assertIn("no such person in this house", group["Diagnostic-Code"])
        self.assertIn("mx.refuses.lab", group["Remote-MTA"])
        self.assertIn("bert@refuses.lab", human)
        self.assertEqual(report["Auto-Submitted"].split()[0], "auto-replied")
        self.assertEqual(len(self.refuses.find("refused with 550")), 1)  # the other recipient got it
        for line in content.split(b"\r\n"):
            self.assertLessEqual(len(line), 998)

    def test_null_mx_is_refused_at_rcpt(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as told:
            self.send("bert@nullmx.lab", "never sent")
        code, text = told.exception.recipients["bert@nullmx.lab"]
        self.assertEqual(code, 556)
        self.assertTrue(text.startswith(b"5.1.10 "), text)

    def test_null_mx_beside_a_good_recipient(self):
        refused = self.send(["bert@nullmx.lab", "carla@good.lab"], "one of two")
        self.assertEqual(list(refused), ["bert@nullmx.lab"])
        postil.wait_for(lambda: self.good.find("one of two"))

    def test_a_domain_that_does_not_exist_is_refused_at_rcpt(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as told:
            self.send("bert@nowhere.invalid-lab", "never sent")
        code, text = told.exception.recipients["bert@nowhere.invalid-lab"]
        self.assertEqual((code, text[:6]), (550, b"5.1.2 "), text)

    def test_a_domain_without_mx_and_address_is_refused_at_rcpt(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as told:
            self.send("bert@nothing.lab", "never sent")
        code, text = told.exception.recipients["bert@nothing.lab"]
        self.assertEqual((code, text[:6]), (550, b"5.1.2 "), text)

    def test_521_everywhere_comes_back_at_once(self):
        began = time.monotonic()
        self.send("bert@none521.lab", "only 521")
        _, _, groups, _ = self.report_about("only 521")
        self.assertLess(time.monotonic() - began, 5 * postil.PATIENCE)
        self.assertEqual(groups[0]["Status"].split()[0], "5.3.2")
        self.assertEqual(groups[0]["Action"], "failed")
        self.assertIn("521", groups[0]["Diagnostic-Code"])
        # The host is remembered: the next message is returned without a connection.
        before = self.host521.connections + self.other521.connections
        self.send("carla@none521.lab", "521 again")
        _, _, groups, _ = self.report_about("521 again")
        self.assertEqual(groups[0]["Status"].split()[0], "5.3.2")
        self.assertEqual(groups[0]["Diagnostic-Code"], "smtp; 521 5.3.2 host accepts no mail")
        self.assertEqual(groups[0]["Remote-MTA"], "dns; a.none521.lab")
        self.assertEqual(self.host521.connections + self.other521.connections, before)

    def test_521_of_one_host_is_no_failure(self):
        self.send("bert@one521.lab", "the second host takes it")
        postil.wait_for(lambda: self.good.find("the second host takes it"))

    def test_a_host_that_is_down_is_no_failure(self):
        self.send("bert@down.lab", "the first host is down")
        postil.wait_for(lambda: self.good.find("the first host is down"))

    def test_without_mx_the_address_counts(self):
        self.send("bert@onlya.lab", "no MX record")
        postil.wait_for(lambda: self.good.find("no MX record"))

    def test_450_is_tried_again(self):
        self.send("bert@later.lab", "busy at first")
        postil.wait_for(lambda: self.later_host.find("busy at first"), 20)
        self.assertGreaterEqual(self.later["count"], 3)
        self.assertEqual(self.ours.find("busy at first"), [])

    def test_no_report_for_a_report(self):
        self.send("bert@refuses.lab", "from nobody", sender="")
        postil.wait_for(lambda: self.server.events("bounce.dropped"))
        postil.wait_for(lambda: self.server.queued() == 0)
        self.assertEqual(self.ours.find("from nobody"), [])

    def test_notify_never_and_success(self):
        self.send("bert@refuses.lab", "never tell", rcpt_options=["NOTIFY=NEVER"])
        self.send("carla@good.lab", "do tell", mail_options=["RET=HDRS", "ENVID=abc+3D1"],
                  rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;Carla@good.lab"])
        _, _, groups, content = self.report_about("do tell")
        self.assertEqual(groups[0]["Action"].split()[0], "relayed")
        self.assertEqual(groups[0]["Original-Recipient"].replace(" ", ""), "rfc822;Carla@good.lab")
        self.assertIn(b"Original-Envelope-Id: abc=1", content)
        postil.wait_for(lambda: self.server.queued() == 0)
        self.assertEqual(self.ours.find("never tell"), [])

    def test_an_account_has_only_so_many_that_leave_later(self):
        for number in range(2):
            self.send("bert@good.lab", f"leaves later {number}", mail_options=["HOLDFOR=600"])
        with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
            self.send("bert@good.lab", "one too many", mail_options=["HOLDFOR=600"])
        self.assertEqual((refused.exception.smtp_code, refused.exception.smtp_error[:6]), (552, b"5.7.1 "))
        self.send("bert@good.lab", "leaves now")
        self.server.control("queue.act", action="release", filter={"reason": "held_by_sender"})
        postil.wait_for(lambda: self.good.find("leaves later 0") and self.good.find("leaves later 1"))
        self.send("bert@good.lab", "leaves later again", mail_options=["HOLDFOR=1"])

    def test_by_hand_on_the_suppression_list(self):
        self.send("sue@good.lab", "waits, and is stopped", mail_options=["HOLDFOR=600"])
        done = self.server.run("suppress", "add", "sue@good.lab", "--why", "a private note", "--socket", self.server.control_socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.control("queue.act", action="release", filter={"reason": "held_by_sender"})
        _, text, groups, content = self.report_about("waits, and is stopped")
        self.assertIn("sends nothing more to this address", " ".join(text.split()))
        self.assertEqual((groups[0]["Action"], groups[0]["Status"]), ("failed", "5.7.1"))
        self.assertNotIn(b"a private note", content, "it is for administrators")
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send("Sue@good.lab", "is not taken")
        code, words = refused.exception.recipients["Sue@good.lab"]
        self.assertEqual((code, words[:6]), (550, b"5.7.1 "))
        receipt = words.decode().rsplit("(", 1)[1].rstrip(")")
        told = self.server.run("explain", receipt, "--socket", self.server.control_socket).stdout
        self.assertIn("suppression list", told)
        self.assertRegex(told, r"Decided by +postil suppress\n")

    def test_the_language_is_the_accounts_then_the_messages_then_the_domains(self):
        cases = {  # login, sender, header of the message: languages of the report
            ("otto@ours.lab", "otto@ours.lab", "Content-Language: ru"): "de, en",
            (postil.USER, postil.USER, "Accept-Language: fi, ru;q=0.8"): "ru, en",
            (postil.USER, postil.USER, "Content-Language: de-AT"): "de, en",
            (postil.USER, postil.USER, "Content-Language: fi"): "en",
            ("ira", "ira@russian.lab", "Content-Language: fi"): "ru, en",
            ("ira", "ira@russian.lab", "Content-Language: de"): "de, en",
            ("ira", "ira@russian.lab", "X-None: at all"): "ru, en",
        }
        for number, (login, sender, header) in enumerate(cases):
            with self.server.client(user=login) as client:
                client.sendmail(sender, ["bert@refuses.lab"], header + "\r\n" + postil.message(f"language {number}", sender))
        for number, (case, wanted) in enumerate(cases.items()):
            with self.subTest(case=case):
                _, recipients, content = postil.wait_for(lambda: self.ours.find(f"Subject: language {number}"))[0]
                self.assertEqual((recipients, parse(content)["Content-Language"]), ([case[1]], wanted))


if __name__ == "__main__":
    postil.main()
