"""The reports that people get, one for each way in which a message can fail or be late, in each language: as Python's email
package reads them, and as they look in a plain text mail program (POSTIL_SHOW=1 prints them)."""
import contextlib
import email
import email.header
import email.policy
import email.utils
import os
import quopri
import re

import postil
from names import NameServer
from sink import Sink

BLOCK = "554 5.7.1 your address is blocked, see https://block.lab/why"
NO_MAIL = "521 5.3.2 mx takes no mail, from anybody"
HOSTS = {  # the domain's MX host is mx.DOMAIN; the number is the end of its address
    "ours.lab": 12, "refuses.lab": 13, "none521.lab": 14, "again521.lab": 14, "later.lab": 15, "blocks.lab": 16, "plain.lab": 17,
    "down.lab": 99,
}
RECORDS = ["nullmx.lab. MX 0 .", "smart.lab. A 127.0.0.18", "nothing.lab. TXT \"no mail, no address\""]
for domain, number in HOSTS.items():
    RECORDS += [f"{domain}. MX 10 mx.{domain}.", f"mx.{domain}. A 127.0.0.{number}"]
LANGUAGES = {"en": "Your message could not be delivered", "de": "Ihre Nachricht konnte nicht zugestellt werden",
             "ru": "Ваше письмо не доставлено"}
SUBJECT = "Grüße и привет"
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d{4}"

# What each case is sent to, and what its report must say: action, status, the host, its answer, and English words.
CASES = {
    "null MX": ("bert@nullmx.lab", "failed", "5.1.10", None, None, "takes no mail at all"),
    "no host": ("bert@nothing.lab", "failed", "5.4.4", None, None, "No mail host was found"),
    "521": ("bert@none521.lab", "failed", "5.3.2", "mx.none521.lab", NO_MAIL, "mail hosts of this domain say that they take no mail"),
    "521 heard before": ("bert@again521.lab", "failed", "5.3.2", "mx.again521.lab", NO_MAIL, "to an earlier message. It was not asked"),
    "550": ("bert@refuses.lab", "failed", "5.1.1", "mx.refuses.lab", "550 5.1.1 no such person in this house",
            "has no mailbox with this name"),
    "5.6.3": ("bert@plain.lab", "failed", "5.6.3", "mx.plain.lab", None, "does not offer 8BITMIME"),
    "5.6.7": ("бёрт@plain.lab", "failed", "5.6.7", "mx.plain.lab", None, "letters a to z alone"),
    "5.6.9": ("carla@plain.lab", "failed", "5.6.9", "mx.plain.lab", None, "subject of the message, or a name"),
    "late": ("bert@later.lab", "delayed", "4.2.1", "mx.later.lab", "450 4.2.1 come again", "You need not do anything"),
    "expired after 4xx": ("bert@later.lab", "failed", "5.4.7", "mx.later.lab", "450 4.2.1 come again", "without success"),
    "expired, host down": ("bert@down.lab", "failed", "5.4.7", "mx.down.lab", None, "could not be reached"),
    "late by a block": ("bert@blocks.lab", "delayed", "4.7.1", "mx.blocks.lab", BLOCK, "your mail administrator"),
    "block": ("bert@blocks.lab", "failed", "5.7.1", "mx.blocks.lab", BLOCK, "take no mail from our mail server"),
}


class Reports(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        port = postil.free_port([f"127.0.0.{number}" for number in sorted(set(HOSTS.values()))])
        cls.stack = contextlib.ExitStack()
        cls.names = cls.stack.enter_context(NameServer(RECORDS))
        cls.ours = cls.stack.enter_context(Sink("127.0.0.12", port))
        cls.stack.enter_context(Sink("127.0.0.13", port, rcpt=lambda _: "550 5.1.1 no such person in this house"))
        cls.host521 = cls.stack.enter_context(Sink("127.0.0.14", port, greeting=NO_MAIL))
        cls.stack.enter_context(Sink("127.0.0.15", port, rcpt=lambda _: "450 4.2.1 come again"))
        cls.stack.enter_context(Sink("127.0.0.16", port, greeting=BLOCK))
        cls.stack.enter_context(Sink("127.0.0.17", port, without=("8BITMIME",)))
        cls.settings = {"port": port, "check_recipient_domains": False, "lifetime": "1m", "delay_notice": "1s",
                        "refused_lifetime": "3s", "retry_first": "1s", "retry_max": "2s"}
        # Behind a smarthost; its message waits for its end while the others are looked at.
        smart_port = postil.free_port(["127.0.0.18"])
        cls.smarthost = cls.stack.enter_context(Sink("127.0.0.18", smart_port, greeting=BLOCK))
        behind = {"via": "smarthost", "smarthost": f"smtp://smart.lab:{smart_port}", "tls": "never", "lifetime": "1m",
                  "retry_first": "1s", "retry_max": "2s"}
        cls.office = cls.stack.enter_context(postil.Server(dns=cls.names.settings, deliver=behind))
        with cls.office.client() as client:
            cls.through_smarthost = cls.send(client, "smarthost", "bert@anywhere.lab", "en")
        cls.server = cls.stack.enter_context(postil.Server(dns=cls.names.settings, deliver=cls.settings))
        cls.sent = {}
        with cls.server.client() as client:
            for language in LANGUAGES:
                for case, (to, *_) in CASES.items():
                    if case not in ("late", "late by a block", "521 heard before"):
                        cls.sent[case, language] = cls.send(client, case, to, language)
                cls.sent["late", language] = cls.sent["expired after 4xx", language]
                cls.sent["late by a block", language] = cls.sent["block", language]

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @staticmethod
    def send(client, case, to, language):
        """Gives the message's id, which its reports refer to."""
        name = re.sub(r"\W+", "-", case).strip("-")
        utf8 = case in ("5.6.7", "5.6.9")
        subject = SUBJECT if utf8 else email.header.Header(SUBJECT, "utf-8").encode()
        body = "Grüße\r\n" if case == "5.6.3" else "Hello\r\n"
        message = (f"From: {postil.USER}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
                   f"Message-ID: <{name}.{language}@ours.lab>\r\nContent-Language: {language}\r\nMIME-Version: 1.0\r\n"
                   f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else ["BODY=8BITMIME"] if case == "5.6.3" else []
        client.sendmail(postil.USER, [to], message.encode(), options)
        return f"<{name}.{language}@ours.lab>"

    def report(self, message_id, action, at=None):
        def arrived():
            for sender, recipients, content in (at or self.ours).taken():
                parsed = email.message_from_bytes(content, policy=email.policy.default)
                if parsed["In-Reply-To"] == message_id and f"Action: {action}\r\n".encode() in content:
                    return sender, recipients, content, parsed
            return None
        arrived.__doc__ = f"a report ({action}) about {message_id}"
        return postil.wait_for(arrived, 100)  # a message is kept for a minute at least

    def check_form(self, sender, recipients, content, parsed, language):
        """RFC 3462/6522, 3464 and 3834 as far as a parser of others can tell."""
        self.assertEqual((sender, recipients), ("", [postil.USER]))
        for line in content.split(b"\r\n"):
            self.assertLessEqual(len(line), 78, line)
            self.assertNotIn(b"\n", line)
            self.assertNotIn(b"\r", line)
        self.assertTrue(content.isascii())
        headers = list(parsed.iter_parts())[-1]
        for part in parsed.walk():
            # Python reads any message/* as if it were not encoded, which message/global-headers may be.
            if headers.get_content_type() == "message/global-headers" and part is headers.get_payload(0):
                continue
            self.assertEqual([str(defect) for defect in part.defects], [])
            for name, value in part.items():
                self.assertEqual([str(defect) for defect in getattr(value, "defects", ())], [], f"{name}: {value}")
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed.get_param("report-type"), "delivery-status")
        self.assertEqual(parsed["Auto-Submitted"], "auto-replied")
        self.assertEqual(str(parsed["To"]), postil.USER)
        self.assertTrue(parsed["Date"].datetime)
        self.assertEqual(parsed["From"].addresses[0].addr_spec, "postmaster@mail.ours.lab")
        wanted = "en" if language == "en" else f"{language}, en"
        self.assertEqual(parsed["Content-Language"], wanted)
        parts = list(parsed.iter_parts())
        self.assertEqual(len(parts), 3)
        self.assertEqual(parts[0].get_content_type(), "text/plain")
        self.assertEqual(parts[1].get_content_type(), "message/delivery-status")
        if parts[2].get_content_type() == "message/global-headers":
            self.assertEqual(parts[2]["Content-Transfer-Encoding"], "quoted-printable")
            encoded = content.rsplit(b"message/global-headers", 1)[1].split(b"\r\n\r\n", 1)[1].split(b"\r\n--=_")[0]
            self.assertIn(f"Subject: {SUBJECT}\r\n", quopri.decodestring(encoded).decode())
        else:
            self.assertEqual(parts[2].get_content_type(), "text/rfc822-headers")
            self.assertIn("Message-ID: ", parts[2].get_content())
        return parts

    def check_status(self, group, case):
        to, action, status, remote, answer, _ = CASES[case]
        final = "utf-8;\\x{431}\\x{451}\\x{440}\\x{442}@plain.lab" if not to.isascii() else f"rfc822;{to}"
        self.assertEqual(group["Final-Recipient"].replace(" ", ""), final)
        self.assertEqual((group["Action"], group["Status"]), (action, status))
        self.assertEqual(group["Remote-MTA"], f"dns; {remote}" if remote else None)
        self.assertEqual(group["Diagnostic-Code"], f"smtp; {answer}" if answer else None)
        self.assertTrue(email.utils.parsedate_to_datetime(group["Last-Attempt-Date"]))
        self.assertEqual(group["Will-Retry-Until"] is not None, action == "delayed")
        self.assertLessEqual(set(group.keys()), {"Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA",
                                                 "Diagnostic-Code", "X-Postil-Reason", "Last-Attempt-Date", "Final-Log-ID", "Will-Retry-Until"})

    def check_text(self, text, case, language):
        to, action, _, _, answer, words = CASES[case]
        for line in text.split("\n"):
            self.assertLessEqual(len(line), 72, line)
            self.assertEqual(line, line.rstrip())
        self.assertNotIn("\n\n\n", text)
        flat = " ".join(text.split())
        self.assertIn(words, flat)
        self.assertIn(f"<{to}>", flat)
        self.assertIn(SUBJECT, flat)
        self.assertRegex(flat, DATE)
        self.assertNotRegex(flat, r"\b[a-z]+_[a-z]+\b", "an identifier is no word")
        self.assertNotRegex(flat, r"[{}]", "a placeholder is left")
        self.assertEqual(flat.count("Whose move it is"), 0 if case == "late" else 1)
        if answer:
            self.assertIn(answer, flat)
        if language != "en":  # the reader's language first, the same in English behind it
            self.assertEqual(text.count("-" * 72), 1)
            self.assertEqual(text.split("-" * 72)[0].count(f"<{to}>"), 1)

    def test_each_case_in_each_language(self):
        self.report(self.sent["521", "en"], "failed")
        before = self.host521.connections
        with self.server.client() as client:
            for language in LANGUAGES:
                self.sent["521 heard before", language] = self.send(client, "521 heard before", "bert@again521.lab", language)
        for (case, language), message_id in sorted(self.sent.items()):
            with self.subTest(case=case, language=language):
                found = self.report(message_id, CASES[case][1])
                parts = self.check_form(*found, language)
                if CASES[case][1] == "failed":
                    self.assertEqual(found[3]["Subject"], LANGUAGES[language])
                groups = parts[1].get_payload()
                self.assertEqual(len(groups), 2)
                self.assertEqual(groups[0]["Reporting-MTA"], "dns; mail.ours.lab")
                self.assertTrue(email.utils.parsedate_to_datetime(groups[0]["Arrival-Date"]))
                self.check_status(groups[1], case)
                text = parts[0].get_content().replace("\r\n", "\n")
                self.check_text(text, case, language)
                self.show(f"{case}, {language}", found[3], text, parts[1])
        self.assertLessEqual(self.host521.connections, before, "what was heard before is not asked again")
        self.server.wait_empty()

    @staticmethod
    def show(title, report, text, status):
        if os.environ.get("POSTIL_SHOW"):
            print(f"======== {title}\nSubject: {report['Subject']}\n\n{text}\n{status.as_string()}")

    def test_a_smarthost_that_refuses(self):
        """The message waits; the report that follows says that the fault is on this side, and is the administrator's."""
        postil.wait_for(lambda: self.office.events("bounce.queued"), 100)
        self.smarthost.greeting = "220 smart.lab ESMTP"
        found = self.report(self.through_smarthost, "failed", self.smarthost)
        parts = self.check_form(*found, "en")
        group = parts[1].get_payload()[1]
        self.assertEqual((group["Status"], group["Remote-MTA"]), ("5.4.7", "dns; smart.lab"))
        self.assertEqual(group["Diagnostic-Code"], f"smtp; {BLOCK}")
        text = parts[0].get_content().replace("\r\n", "\n")
        self.assertIn("Our own mail system could not send the message.", " ".join(text.split()))
        self.assertIn("your mail administrator's", " ".join(text.split()))
        self.show("smarthost", found[3], text, parts[1])


if __name__ == "__main__":
    postil.main()
