"""The pages of a running server, its metrics and health checks over the same HTTP server; nothing that is pasted is kept."""
import http.client
import json
import pathlib
import unittest
import urllib.parse

import postil

SECRET = "AGFubmEAaHVudGVyMi1pcy1zZWNyZXQ="  # SASL PLAIN: anna, hunter2-is-secret


def server(job="submission", **sections):
    at = {"web": postil.free_port(), "metrics": postil.free_port()}
    made = postil.Server(job=job, web={"listen": [f"127.0.0.1:{at['web']}"], "url": "https://mail.ours.lab/codes/"},
                         metrics={"listen": [f"127.0.0.1:{at['metrics']}"]}, **sections)
    made.at = at
    return made


def ask(port, target, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


class Web(unittest.TestCase):
    def test_pages_box_and_api(self):
        with server() as running:
            port = running.at["web"]
            answer, _ = ask(port, "/", Accept_Language="de-AT, en;q=0.5")
            self.assertEqual((answer.status, answer.headers["Location"]), (302, "/de/"))
            answer, page = ask(port, "/de/smtp/521")
            self.assertEqual(answer.status, 200)
            self.assertIn('<link rel="canonical" href="https://mail.ours.lab/codes/de/smtp/521">', page)
            self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
            again, nothing = ask(port, "/de/smtp/521", If_None_Match=answer.headers["ETag"])
            self.assertEqual((again.status, nothing), (304, ""))
            head, nothing = ask(port, "/de/smtp/521", "HEAD")
            self.assertEqual((int(head.headers["Content-Length"]), nothing), (len(page.encode()), ""))
            missing, text = ask(port, "/ru/smtp/999")
            self.assertEqual((missing.status, missing.headers["Content-Language"]), (404, "ru"))
            answer, text = ask(port, "/api/v1/compare?a=235&b=556&lang=ru")
            self.assertEqual(json.loads(text)["language"], "ru")
            done = running.run("explain", "550 5.1.1 no such user", "--json", "--lang", "en")
            answer, text = ask(port, "/api/v1/explain?lang=en", "POST", "550 5.1.1 no such user", Content_Type="text/plain")
            self.assertEqual(json.loads(text), json.loads(done.stdout))

    def test_what_is_pasted_is_kept_nowhere(self):
        with server() as running:
            pasted = f"C: AUTH PLAIN {SECRET}\nS: 535 5.7.8 user name or password is wrong\n"
            form = urllib.parse.urlencode({"q": pasted, "stage": "auth"})
            for target in ("/en/explain", f"/en/explain?{form}", f"/api/v1/explain?{form}"):
                method, body = ("POST", form) if "?" not in target else ("GET", None)
                answer, text = ask(running.at["web"], target, method, body, Content_Type="application/x-www-form-urlencoded")
                self.assertEqual(answer.status, 200, target)
                self.assertIn("535", text)
                self.assertNotIn(SECRET, text)
            running.stop()
            files = [path for path in pathlib.Path(running.folder).rglob("*") if path.is_file()]
            self.assertIn("events.jsonl", [path.name for path in files])
            for path in files:
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)

    def test_metrics_and_health(self):
        with server() as running:
            port = running.at["metrics"]
            answer, text = ask(port, "/metrics")
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertIn("\npostil_server_started_total 1\n", text)
            self.assertEqual(ask(port, "/healthz")[1], "ok\n")
            self.assertEqual(ask(port, "/readyz")[1], "ready\n")
            self.assertEqual(ask(port, "/de/")[0].status, 404)
            self.assertEqual(ask(port, "/metrics", "POST", "x")[0].status, 405)
            self.assertEqual(ask(running.at["web"], "/metrics")[0].status, 404)

    def test_a_null_host_can_show_the_pages(self):
        with server("null", top={"contact": "https://ours.lab/contact"}, tls=None, spool=None, history=None, aliases=None, deliver=None, dns=None) as running:
            self.assertEqual(ask(running.at["web"], "/de/smtp/521")[0].status, 200)

    def test_a_port_in_use_ends_the_start_with_advice(self):
        with server() as first:
            taken = f"127.0.0.1:{first.at['web']}"
            second = postil.Server(web={"listen": [taken]})
            self.addCleanup(lambda: (second.notify.close(), second.errors.close()))
            with self.assertRaisesRegex(AssertionError, rf"ended with 69: \S+:\d+:1  {taken} is in use already. Stop the other program"):
                second.start()


if __name__ == "__main__":
    postil.main()
