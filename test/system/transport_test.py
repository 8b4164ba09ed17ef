"""DANE and MTA-STS towards other people's servers: Postfix and Exim behind signed zones of nsd, and policy servers that tell the truth,
lie, or stall."""
import email
import gzip
import hashlib
import http.server
import json
import ssl
import subprocess
import threading
import time

import postil
from mail_servers import Exim, Postfix, make_users
from names import NameServer, SignedNameServer
from sink import Sink

POSTFIX, EXIM, WEB = "127.0.0.13", "127.0.0.14", "127.0.0.15"


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options).stdout


class Authority:
    """A certificate authority for one test."""

    def __init__(self, folder):
        self.folder = folder
        self.file, self.key = folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj", "/CN=lab authority",
                "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.file)

    def certificate(self, *names):
        """A certificate for these names, the authority's behind it, and its key."""
        file, key, request, extensions = (self.folder / f"{names[0]}.{end}" for end in ("pem", "key", "csr", "ext"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={names[0]}",
                "-keyout", key, "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
                "-extfile", extensions, "-out", file)
        file.write_text(file.read_text() + self.file.read_text())
        key.chmod(0o644)
        return file, key


def tlsa_of_key(file):
    """3 1 1: the key of the first certificate in the file."""
    key = openssl("x509", "-in", file, "-noout", "-pubkey")
    return "3 1 1 " + hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", input=key)).hexdigest()


def tlsa_of_authority(file):
    """2 0 1: the whole certificate."""
    return "2 0 1 " + hashlib.sha256(openssl("x509", "-in", file, "-outform", "DER")).hexdigest()


class PolicyServer:
    """HTTPS for all mta-sts hosts; `pages` are answers by host name: text, or what it does instead."""

    def __init__(self, address, port, certificate, key):
        self.pages = {}
        self.asked = []
        self.posted = []  # path, Content-Type, body
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers["Host"].split(":")[0]
                outer.asked.append(host + self.path)
                page = outer.pages.get(host, 404)
                if page == "stall":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nversion: STSv1\r\n")
                    outer.released.wait(60)
                    return
                status, kind, text = (page, "text/plain", "") if isinstance(page, int) else ((*page, "")[:3] if isinstance(page, tuple) else (200, "text/plain", page))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if status == 302:
                    self.send_header("Location", "https://mta-sts.sts.lab/.well-known/mta-sts.txt")
                self.end_headers()
                self.wfile.write(text.encode())

            def do_POST(self):
                outer.posted.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def policy(mode, *mx):
    return f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {one}\r\n" for one in mx) + "max_age: 86400\r\n"


class Transport(postil.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_users()

    def setUp(self):
        import pathlib
        import tempfile
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postil-transport-"))
        self.folder.chmod(0o755)
        self.addCleanup(postil.shutil.rmtree, self.folder, ignore_errors=True)

    def send(self, server, *domains):
        with server.client() as client:
            for domain in domains:
                client.sendmail(postil.USER, [f"bert@{domain}"], postil.message(f"to {domain}", to=f"bert@{domain}"))

    def ends(self, server, domains):
        """The reason or "delivered" of the first result for each domain."""
        def first():
            found = {}
            sites = {event["id"]: event["site"] for event in server.events("attempt.started")}
            for event in server.events():
                if event["event"] in ("recipient.delivered", "recipient.deferred", "recipient.failed"):
                    end = "delivered" if event["event"] == "recipient.delivered" else event["reason"]
                    found.setdefault(sites.get(event["id"]), end)
            return found if all(domain in found for domain in domains) else None
        first.__doc__ = f"each of {domains} has a result"
        return postil.wait_for(first, 60)

    def policy_of(self, server, remote):
        return [event["policy"] for event in server.events("connection.opened") if event["remote"].startswith(remote)]

    def test_dane(self):
        authority = Authority(self.folder)
        good, good_key = authority.certificate("unrelated.lab")  # with 3 1 1 the name does not count
        anchored, anchored_key = authority.certificate("ta.lab")  # the domain's name, not the host's
        port = postil.free_port([POSTFIX, EXIM])
        at = f"_{port}._tcp"
        records = ["ours.lab. A 127.0.0.12"]
        domains = {"good.lab": POSTFIX, "rollover.lab": POSTFIX, "wrong.lab": POSTFIX, "bogus.lab": POSTFIX, "unusable.lab": POSTFIX,
                   "none.lab": POSTFIX, "ta.lab": EXIM, "tawrong.lab": EXIM}
        for domain, address in domains.items():
            records += [f"{domain}. MX 10 mx.{domain}.", f"mx.{domain}. A {address}"]
        wrong = "3 1 1 " + "00" * 32
        records += [f"{at}.mx.good.lab. TLSA {tlsa_of_key(good)}",
                    f"{at}.mx.rollover.lab. TLSA {wrong}", f"{at}.mx.rollover.lab. TLSA {tlsa_of_key(good)}",
                    f"{at}.mx.wrong.lab. TLSA {wrong}",
                    f"{at}.mx.bogus.lab. TLSA 3 1 1 " + "ab" * 32,
                    f"{at}.mx.unusable.lab. TLSA 1 1 1 " + "cd" * 32,
                    f"{at}.mx.ta.lab. TLSA {tlsa_of_authority(authority.file)}",
                    f"{at}.mx.tawrong.lab. TLSA {tlsa_of_authority(authority.file)}"]
        postfix, exim = Postfix(POSTFIX, port, "good.lab"), Exim(EXIM, port, "ta.lab")
        postfix.certificate, postfix.key = good, good_key
        exim.certificate, exim.key = anchored, anchored_key
        names = SignedNameServer(records, forge=("ab" * 32, "ac" * 32))
        for receiver in (postfix, exim):
            receiver.domains = [domain for domain, address in domains.items() if address == receiver.address]
        with names, postfix, exim, postil.Server(dns=names.settings, deliver={"port": port, "mta_sts": False}) as server:
            self.send(server, *domains)
            ends = self.ends(server, domains)
            self.assertEqual(ends, {"good.lab": "delivered", "rollover.lab": "delivered", "wrong.lab": "dane_failed",
                                    "bogus.lab": "dane_lookup_failed", "unusable.lab": "delivered", "none.lab": "delivered",
                                    "ta.lab": "delivered", "tawrong.lab": "dane_failed"})
            self.assertEqual(self.policy_of(server, "mx.good.lab"), ["dane"])
            self.assertEqual(self.policy_of(server, "mx.ta.lab"), ["dane"])
            self.assertEqual(self.policy_of(server, "mx.unusable.lab"), ["dane"])
            self.assertEqual(self.policy_of(server, "mx.none.lab"), ["opportunistic"])
            server.kill()

    def test_mta_sts(self):
        authority = Authority(self.folder)
        certificate, key = authority.certificate("mx.sts.lab", "mx.lie.lab", "mx.stall.lab", "mx.html.lab", "mx.redirect.lab", "mx.old.lab")
        # "old.lab" has its policy at a server whose certificate is for other names.
        web_certificate, web_key = authority.certificate(*(f"mta-sts.{one}.lab" for one in ("sts", "lie", "stall", "html", "redirect", "untrusted")))
        port, web_port = postil.free_port([POSTFIX, EXIM]), postil.free_port([WEB])
        records = ["ours.lab. A 127.0.0.12"]
        domains = {"sts.lab": POSTFIX, "lie.lab": POSTFIX, "stall.lab": POSTFIX, "html.lab": POSTFIX, "redirect.lab": POSTFIX, "old.lab": POSTFIX,
                   "untrusted.lab": EXIM}
        for domain, address in domains.items():
            records += [f"{domain}. MX 10 mx.{domain}.", f"mx.{domain}. A {address}", f'_mta-sts.{domain}. TXT "v=STSv1; id=1;"',
                        f"mta-sts.{domain}. A {WEB}"]
        postfix, exim = Postfix(POSTFIX, port, "sts.lab"), Exim(EXIM, port, "untrusted.lab")  # Exim's certificate is its own
        postfix.certificate, postfix.key = certificate, key
        postfix.domains = [domain for domain, address in domains.items() if address == POSTFIX]
        expected = {"sts.lab": "delivered", "lie.lab": "sts_not_listed", "stall.lab": "delivered", "html.lab": "delivered",
                    "redirect.lab": "delivered", "old.lab": "delivered", "untrusted.lab": "sts_failed"}
        names = SignedNameServer(records)
        with names, postfix, exim, postil.Server(dns=names.settings, deliver={
                "port": port, "mta_sts_port": web_port, "tls_ca": authority.file, "retry_first": "1h", "retry_max": "1h"}) as server:
            with PolicyServer(WEB, web_port, web_certificate, web_key) as web:
                web.pages = {"mta-sts.sts.lab": policy("enforce", "*.sts.lab"), "mta-sts.lie.lab": policy("enforce", "mx.elsewhere.lab"),
                             "mta-sts.stall.lab": "stall", "mta-sts.html.lab": (200, "text/html", policy("enforce", "mx.elsewhere.lab")),
                             "mta-sts.redirect.lab": 302, "mta-sts.old.lab": policy("enforce", "mx.elsewhere.lab"),
                             "mta-sts.untrusted.lab": policy("enforce", "mx.untrusted.lab")}
                self.send(server, *domains)
                self.assertEqual(self.ends(server, domains), expected)
                self.assertEqual(self.policy_of(server, "mx.sts.lab"), ["mta-sts"])
                self.assertNotIn("mta-sts.old.lab/.well-known/mta-sts.txt", web.asked, "its certificate is for others: nothing was asked")
                fetched = {event["domain"] for event in server.events("sts.fetched")}
                self.assertEqual(fetched, {"sts.lab", "lie.lab", "untrusted.lab"})
            # The policy server is gone, and the server begins anew: what was fetched still holds.
            server.stop()
            (server.folder / "events.jsonl").unlink()
            server.start()
            self.send(server, "lie.lab", "sts.lab")
            self.assertEqual(self.ends(server, ["lie.lab", "sts.lab"]), {"lie.lab": "sts_not_listed", "sts.lab": "delivered"})
            server.kill()

    def test_tls_reports(self):
        """What was counted yesterday leaves after midnight: the file of a server that did not run then stands for it."""
        authority = Authority(self.folder)
        certificate, key = authority.certificate("reports.lab")
        port, web_port = postil.free_port(["127.0.0.11"]), postil.free_port([WEB])
        uris = f"https://reports.lab:{web_port}/in?x=1,mailto:tls@sink.lab"
        names = NameServer(["reports.lab. A " + WEB, "sink.lab. MX 10 mx.sink.lab.", "mx.sink.lab. A 127.0.0.11",
                            f'_smtp._tls.told.lab. TXT "v=TLSRPTv1; rua={uris}"'])
        counted = {"type": "tlsa", "domain": "mx.told.lab", "lines": ["3 1 1 AB"], "mx": [], "good": 2, "failed": 1,
                   "failures": [{"result": "certificate-expired", "from": "192.0.2.1", "host": "mx.told.lab", "ip": "192.0.2.9",
                                 "reason": "it has expired", "n": 1}]}
        yesterday = int(time.time()) // 86400 - 1
        with names, Sink("127.0.0.11", port) as sink, PolicyServer(WEB, web_port, certificate, key) as web:
            server = postil.Server(dns=names.settings, deliver={"port": port, "tls_ca": authority.file},
                                   tls_reports={"contact": "tls@ours.lab", "organization": "Ours", "window": "0s"})
            made = server.run("dkim", "new", "ours.lab", "--folder", server.folder / "keys", "--json", "--selector", "one")
            key_entry = json.loads(made.stdout)["keys"][0]["config"]
            server.write_config(server.config_text() + "\n" + key_entry)
            (server.folder / "spool").mkdir(exist_ok=True)
            lines = [{"tls_reports": 1}, *({"day": yesterday, "domain": one, "policies": [counted]} for one in ("told.lab", "silent.lab"))]
            (server.folder / "spool" / "tls-reports").write_text("".join(json.dumps(line) + "\n" for line in lines))
            with server:
                postil.wait_for(lambda: web.posted and sink.messages, 30)
                (path, kind, packed), = web.posted
                self.assertEqual((path, kind), ("/in?x=1", "application/tlsrpt+gzip"))
                report = json.loads(gzip.decompress(packed))
                self.assertEqual(report["organization-name"], "Ours")
                self.assertEqual(report["date-range"]["start-datetime"], time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(yesterday * 86400)))
                self.assertEqual(report["policies"][0]["policy"], {"policy-type": "tlsa", "policy-string": ["3 1 1 AB"],
                                                                   "policy-domain": "mx.told.lab"})
                (sender, recipients, octets), = sink.messages
                self.assertEqual((sender, recipients), ("tls@ours.lab", ["tls@sink.lab"]))
                mail = email.message_from_bytes(octets)
                self.assertEqual((mail.get_content_type(), mail.get_param("report-type")), ("multipart/report", "tlsrpt"))
                self.assertEqual((mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]), ("told.lab", "ours.lab"))
                self.assertIn("tls-report-domain", mail["DKIM-Signature"].lower())
                self.assertEqual(gzip.decompress(mail.get_payload()[1].get_payload(decode=True)), gzip.decompress(packed))
                status = postil.wait_for(lambda: (told := server.control("status")["tls_reports"])["sent"] == 1 and told, 20)
                self.assertEqual((status["on"], status["waiting"], status["given_up"]), (True, 0, 0))
                # The one to whom it goes reads it.
                (self.folder / "report.eml").write_bytes(octets)
                told = json.loads(server.run("explain", "--json", self.folder / "report.eml").stdout)
                self.assertEqual((told["submitter"], told["failed"], told["signed"]), ("ours.lab", 1, True))
                self.assertIn("certificate has expired", server.run("explain", self.folder / "report.eml").stdout)
                server.stop()
                server.start()
                time.sleep(0.5)  # nothing comes twice
                self.assertEqual((len(web.posted), len(sink.messages)), (1, 1))


if __name__ == "__main__":
    postil.need_mounts()
    postil.main()
