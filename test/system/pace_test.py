"""The pace of a site: it says that we are too fast, and `postil queue` and `postil trace` tell what came of it and why; one user's
batch does not hold up another's message. That a site gets more again takes minutes: test/world/pace.cpp."""
import threading

import postil
from names import NameServer
from sink import Sink

RECORDS = ["one.lab. MX 10 mx.site.lab.", "two.lab. MX 10 mx.site.lab.", "mx.site.lab. A 127.0.0.11"]
TOO_FAST = "421 4.7.28 our systems have detected an unusual rate of mail from your address"


class Pace(postil.unittest.TestCase):
    def serve(self, end, **sections):
        port = postil.free_port(["127.0.0.11"])
        names = self.enterContext(NameServer(RECORDS))
        site = self.enterContext(Sink("127.0.0.11", port, end=end))
        server = postil.Server(dns=names.settings, deliver={"port": port, "retry_first": "30s", "retry_max": "1m"}, **sections)
        server.add_user("otto@ours.lab", postil.PASSWORD)
        return self.enterContext(server), site

    def send(self, server, number, to, user=postil.USER):
        with server.client(user=user) as client:
            for n in range(number):
                client.sendmail(user, [to[n % len(to)]], postil.message(f"{user} {n}", user))

    def told(self, server, *words):
        done = server.run(*words, "--socket", server.control_socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        return " ".join(done.stdout.split())

    def test_what_a_site_says_of_our_rate_changes_the_pace_of_all_its_domains(self):
        server, _ = self.serve(lambda _: TOO_FAST)
        self.send(server, 4, ["ann@one.lab", "bob@two.lab"])
        slowed = server.wait_events("pace.slowed")[0]
        self.assertEqual((slowed["reason"], slowed["reply"]), ("throttled", TOO_FAST))
        rows = postil.wait_for(lambda: [row for row in server.control("queue.summary", by="site")["rows"] if row.get("pace", {}).get("slowed")])
        pace = rows[0]["pace"]
        self.assertEqual((pace["hosts"], pace["changes"][0]["reply"]), (["mx.site.lab"], TOO_FAST))
        self.assertLess(pace["connections"], pace["connections_max"])
        self.assertGreater(pace["per_minute"], 0, "a site that limits the rate gets a rate")
        summary = self.told(server, "queue", "--by", "site")
        # The next attempts may have made it still slower since.
        self.assertRegex(summary, rf"(one|two)\.lab gets \d+ of {pace['connections_max']} connections, and at most [\d.]+/min")
        self.assertIn("because mx.site.lab [127.0.0.11] said: > " + TOO_FAST, summary)
        story = self.told(server, "trace", slowed["id"])
        self.assertIn("mx.site.lab [127.0.0.11] asked us to slow down.", story)
        self.assertIn(f"{slowed['connections_before']} before, {slowed['connections']} now.", story)
        self.assertIn(TOO_FAST, story)

    def test_one_message_goes_before_another_users_batch(self):
        go = threading.Event()

        def end(_):
            go.wait(30 * postil.PATIENCE)
            return "250 2.0.0 taken"
        server, site = self.serve(end, **{"[site]": {"mx": ["mx.site.lab"], "connections": 2}})
        self.send(server, 60, ["ann@one.lab"])
        self.send(server, 1, ["bob@one.lab"], "otto@ours.lab")
        go.set()
        server.wait_empty()
        order = [sender for sender, _, _ in site.taken()]
        self.assertEqual(len(order), 61)
        self.assertLess(order.index("otto@ours.lab"), 20)


if __name__ == "__main__":
    postil.main()
