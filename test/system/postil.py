"""The built program as a process, for system tests: a folder with certificate, users and configuration; started, waited for
until it says that it is ready, stopped gracefully or killed. Everything is on loopback.

    with Server(deliver={"port": 2525}) as server:
        server.client().sendmail(...)

POSTIL_PROGRAM is the program, POSTIL_PEERS the folder with other people's unpacked servers.
"""
import fcntl
import json
import os
import pathlib
import random
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("POSTIL_PROGRAM", str(ROOT / "build" / "postil"))
PEERS = pathlib.Path(os.environ.get("POSTIL_PEERS", ROOT / "build" / "peers"))
# Sanitized programs are slower.
PATIENCE = float(os.environ.get("POSTIL_PATIENCE", "1"))
SANITIZED = bool(os.environ.get("POSTIL_SANITIZE"))
SKIP = 77  # what ctest knows as skipped

USER = "anna@ours.lab"
PASSWORD = "correct horse 7 staple"


ports_given = set()  # nothing may listen there yet


def free_port(addresses=("127.0.0.1",)):
    """A TCP port that is free on all of the addresses. None of those that the kernel gives to clients: another test's
    connection could get it before the server is up."""
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    for _ in range(100):
        sockets = []
        port = random.SystemRandom().randrange(min(10000, first_of_clients - 1000), first_of_clients)
        if port in ports_given:
            continue
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                made = socket.socket(family, socket.SOCK_STREAM)
                sockets.append(made)
                made.bind((address, port))
            ports_given.add(port)
            return port
        except OSError:
            continue
        finally:
            for made in sockets:
                made.close()
    raise RuntimeError("no free port")


def wait_for(what, seconds=20, pause=0.05):
    """The first true value of what(); fails after some time."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not come true within {seconds * PATIENCE} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(pause)


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(str(value)) if not isinstance(value, int) else str(value)


def make_certificate(folder, name="certificate", subject="localhost", days=2):
    """Self-signed, for localhost and its addresses; also its own CA file."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
         "-subj", f"/CN={subject}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


def trusting(certificate):
    """A TLS context that trusts this certificate only, and checks the name."""
    return ssl.create_default_context(cafile=str(certificate))


class Server:
    """One `postil serve`. Keyword arguments are sections of the configuration, merged over a submission server's; a section
    that is None is left out."""

    def __init__(self, job="submission", folder=None, users=None, top=None, run_as=(), **sections):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="postil-system-"))
        self.folder.chmod(0o755)
        self.made_folder = folder is None
        self.job = job
        self.run_as = list(run_as)
        self.process = None
        self.port = free_port()
        self.port_tls = free_port()
        self.certificate = self.folder / "certificate.pem"
        if not self.certificate.exists():
            make_certificate(self.folder)
        self.control_socket = self.folder / "run" / "control"
        self.submit_socket = self.folder / "run" / "submit"
        (self.folder / "run").mkdir(exist_ok=True)
        self.config_file = self.folder / "postil.toml"
        self.top = {"job": job, "hostname": "mail.ours.lab", **(top or {})}
        self.sections = self.defaults()
        for name, values in sections.items():
            if values is None:
                self.sections.pop(name, None)
            else:
                self.sections.setdefault(name, {}).update(values)
        self.write_config()
        for name, password in (users if users is not None else {USER: PASSWORD}).items():
            self.add_user(name, password)

    def defaults(self):
        sections = {
            "tls": {"certificate": self.certificate, "key": self.folder / "certificate.key"},
            "aliases": {"postmaster": "postmaster@sink.lab"},
            "deliver": {"retry_first": "1s", "retry_max": "2s", "delay_notice": "0"},
            "dns": {"validate": False, "timeout": "5s"},
            "spool": {"folder": self.folder / "spool", "segment_size": "4M", "watermark": "16M"},
            "control": {"socket": self.control_socket, "submit_socket": self.submit_socket},
            "metrics": {"listen": []},
            "log": {"events": self.folder / "events.jsonl", "level": "debug"},
            "history": {"folder": self.folder / "history", "size": "16M"},
        }
        if self.job == "submission":
            sections["submission"] = {
                "listen": [f"127.0.0.1:{self.port}"],
                "listen_tls": [f"127.0.0.1:{self.port_tls}"],
                "users": self.folder / "users",
            }
        elif self.job == "relay":
            sections["relay"] = {"listen": [f"127.0.0.1:{self.port}"], "networks": ["127.0.0.0/8"]}
        elif self.job == "null":
            sections["null"] = {"listen": [f"127.0.0.1:{self.port}"]}
        return sections

    def config_text(self):
        lines = [f"{key} = {toml(value)}" for key, value in self.top.items()]
        for name, values in self.sections.items():
            lines += ["", f"[{name}]"] + [f"{key} = {toml(value)}" for key, value in values.items()]
        return "\n".join(lines) + "\n"

    def write_config(self, text=None):
        self.config_file.write_text(text if text is not None else self.config_text())

    def run(self, *arguments, **options):
        """Another command of the program, to its end."""
        options.setdefault("timeout", 30 * PATIENCE)
        return subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, **options)

    def add_user(self, name, password, *options):
        done = self.run("user", "add", name, "--file", self.folder / "users", "--password-stdin", *options, input=password + "\n")
        assert done.returncode == 0, done.stderr + done.stdout

    # Its life

    def launch(self, sockets=(), listen_pid="$$"):
        """Starts the process, without waiting; it is given listening sockets as systemd does it, from descriptor 3 on."""
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.folder / "run" / "notify"
        path.unlink(missing_ok=True)
        self.notify.bind(str(path))
        path.chmod(0o777)
        self.errors = open(self.folder / "stderr", "ab")
        command = [*self.run_as, PROGRAM, "serve", "--config", str(self.config_file)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(path)}
        options = {}
        if sockets:
            # exec keeps the process: $$ is the server's own number.
            command = ["sh", "-c", f'LISTEN_PID={listen_pid} exec "$@"', "sh", *command]
            environment["LISTEN_FDS"] = str(len(sockets))
            # High numbers first, so that none is overwritten before it is where it should be.
            high = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100) for one in sockets]
            options = {"pass_fds": range(3, 3 + len(high)),
                       "preexec_fn": lambda: [os.dup2(fd, 3 + i) for i, fd in enumerate(high)]}
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                            env=environment, **options)
        finally:
            for fd in high if sockets else ():
                os.close(fd)
        return self

    def start(self, **launched):
        self.launch(**launched)
        self.notify.settimeout(0.2)
        end = time.monotonic() + 30 * PATIENCE
        while True:
            try:
                if b"READY=1" in self.notify.recv(4096):
                    return self
            except socket.timeout:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self.error_text()}")
            if time.monotonic() > end:
                raise AssertionError("the server is not ready: " + self.error_text())

    def wait_notified(self, text):
        """Waits for the next notification with this text."""
        self.notify.settimeout(20 * PATIENCE)
        while text.encode() not in self.notify.recv(4096):
            pass

    def stop(self):
        """Gracefully; it must end with 0."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(40 * PATIENCE)
            assert code == 0, f"the server ended with {code}: {self.error_text()}"
        self.forget()

    def kill(self):
        """Without a warning, as a crash does."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.forget()

    def forget(self):
        if self.process:
            code = self.process.poll()
            # A server that ended by itself, or by an assertion or a sanitizer, fails the test wherever it is noticed.
            ended_well = code in (0, -signal.SIGKILL, 137)
            self.process = None
            self.notify.close()
            self.errors.close()
            assert ended_well, f"the server ended with {code}: {self.error_text()}"

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.wait_notified("READY=1")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                print("stderr of the server:\n" + self.error_text(), file=sys.stderr)
                print("its last events:\n" + "\n".join(map(str, self.events()[-30:])), file=sys.stderr)
                if self.process:
                    self.process.kill()
                    self.process.wait()
                    self.process = None
                    self.notify.close()
                    self.errors.close()
        finally:
            self.remove()

    def remove(self):
        if self.made_folder and not os.environ.get("POSTIL_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def error_text(self):
        path = self.folder / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self, name=None):
        path = self.folder / "events.jsonl"
        if not path.exists():
            return []
        found = []
        for line in path.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the last one, half written when it was killed
            if name is None or event.get("event") == name:
                found.append(event)
        return found

    def wait_events(self, name, count=1):
        """The events of this name, at least so many: they are written behind what they tell of."""
        def told():
            found = self.events(name)
            return found if len(found) >= count else None
        told.__doc__ = f"{count} times {name}"
        return wait_for(told)

    # Talking to it

    def control(self, call, **members):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.settimeout(20 * PATIENCE)
            made.connect(str(self.control_socket))
            made.sendall(json.dumps({"call": call, **members}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                more = made.recv(65536)
                if not more:
                    break
                data += more
        answer = json.loads(data)
        assert answer["ok"], answer
        return answer

    def queued(self):
        return self.control("status")["recipients"]

    def wait_empty(self, seconds=30):
        def empty():
            """the queue is empty"""
            return self.queued() == 0
        wait_for(empty, seconds)

    def context(self):
        return trusting(self.certificate)

    def client(self, user=USER, password=PASSWORD, implicit=False):
        """smtplib, over TLS, logged in."""
        if implicit:
            client = smtplib.SMTP_SSL("localhost", self.port_tls, context=self.context(), timeout=20 * PATIENCE)
        else:
            client = smtplib.SMTP("localhost", self.port, timeout=20 * PATIENCE)
            client.starttls(context=self.context())
        client.ehlo("client.ours.lab")
        if user:
            client.login(user, password)
        return client


def message(subject="a test", sender=USER, to="bert@sink.lab", body="Hello\r\n", message_id=None):
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Mon, 2 Nov 2026 10:00:00 +0000"]
    if message_id:
        lines.append(f"Message-ID: <{message_id}>")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def need_root():
    """Runs the whole test again as root where it is not; skips it where that is not possible."""
    if os.geteuid() == 0:
        return
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        names = [name for name in os.environ if name.startswith(("POSTIL_", "ASAN_", "UBSAN_", "TSAN_"))]
        os.execvp("sudo", ["sudo", "-n", f"--preserve-env={','.join(names)}", sys.executable, *sys.argv])
    print("skipped: needs root, or sudo without a password")
    sys.exit(SKIP)


def need_mounts():
    """Runs the whole test again as root with mounts of its own; skips it where that is not possible."""
    need_root()
    if os.environ.get("POSTIL_OWN_MOUNTS") == "1":
        return
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: this machine lets nobody make a mount namespace")
        sys.exit(SKIP)
    os.environ["POSTIL_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def main():
    unittest.main(verbosity=2)
