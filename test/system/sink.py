"""A receiving server that does as it is told and keeps a ledger of what it took."""
import socket
import socketserver
import threading
import time


class Sink:
    """Listens on address:port. `greeting` is its first line; `rcpt(address)` and `end(message)` give the replies to RCPT and to
    the end of the data; `pause_seconds` is waited before the last one; `without` are extensions that it does not offer.
    `messages`: (sender, [recipients], bytes). `ledger`: for each of them when its session began and when its end was answered,
    by time.monotonic()."""

    def __init__(self, address, port, greeting="220 sink.lab ESMTP", rcpt=None, end=None, pause_seconds=0.0, extensions=(),
                 without=()):
        self.greeting = greeting
        self.rcpt = rcpt or (lambda _: "250 2.1.5 good")
        self.end = end or (lambda _: "250 2.0.0 taken")
        self.pause_seconds = pause_seconds
        all_extensions = ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE 100000000", *extensions)
        self.extensions = [extension for extension in all_extensions if extension not in without]
        self.messages = []
        self.ledger = []
        self.connections = 0
        self.lock = threading.Lock()
        self.leaving = threading.Event()
        sink = self

        class Session(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                with sink.lock:
                    sink.connections += 1
                try:
                    sink.serve(self.rfile, self.wfile)
                except OSError:
                    pass

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        self.listener = Listener((address, port), Session)
        self.thread = threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def serve(self, lines, out):
        def say(text):
            out.write(text.encode() + b"\r\n")

        began = time.monotonic()
        say(self.greeting)
        sender, recipients = None, []
        while line := lines.readline(4096):
            words = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = words[:4].upper()
            if verb == "EHLO":
                if not self.greeting.startswith("220"):
                    say("503 5.5.1 no")
                    continue
                all_lines = ["sink.lab", *self.extensions]
                for extension in all_lines[:-1]:
                    say("250-" + extension)
                say("250 " + all_lines[-1])
            elif verb == "MAIL":
                sender, recipients = words.split("<", 1)[1].split(">", 1)[0], []
                say("250 2.1.0 good")
            elif verb == "RCPT":
                address = words.split("<", 1)[1].split(">", 1)[0]
                answer = self.rcpt(address)
                if answer.startswith("2"):
                    recipients.append(address)
                say(answer)
            elif verb == "DATA":
                if not recipients:
                    say("503 5.5.1 no valid recipients")
                    continue
                say("354 go on")
                content = b""
                while (line := lines.readline(1 << 20)) != b".\r\n":
                    if not line:
                        return
                    content += line[1:] if line.startswith(b".") else line
                self.leaving.wait(self.pause_seconds)
                answer = self.end(content)
                if answer.startswith("2"):
                    with self.lock:
                        self.messages.append((sender, list(recipients), content))
                        self.ledger.append((began, time.monotonic()))
                say(answer)
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            elif verb in ("RSET", "NOOP"):
                say("250 2.0.0 good")
            else:
                say("502 5.5.1 what?")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leaving.set()
        self.listener.shutdown()
        self.listener.server_close()

    def taken(self):
        with self.lock:
            return list(self.messages)

    def find(self, text):
        """The messages with this text."""
        wanted = text.encode()
        return [message for message in self.taken() if wanted in message[2]]
