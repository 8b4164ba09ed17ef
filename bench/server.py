"""`postil serve` for a measurement: started by bench/serve, waited for until it says that it is ready, killed at the end."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """folder: for its files; the spool is in folder/log, and stays when it was there before."""

    def __init__(self, program, folder, tls=False, more=""):
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.environment = dict(os.environ, POSTIL=str(pathlib.Path(program).resolve()), PORT=str(self.port), MODE="hold",
                                SINKPORT=str(free_port()), SPOOL=str(self.folder), POSTIL_BENCH_MORE=more)
        if tls:
            certificate, key = self.folder / "certificate.pem", self.folder / "certificate.key"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "2", "-subj", "/CN=bench.invalid", "-keyout", str(key), "-out", str(certificate)],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.environment.update(POSTIL_CERTIFICATE=str(certificate), POSTIL_KEY=str(key))
        self.process = None
        self.ready_after = None  # seconds from the start to READY=1

    def start(self, patience=300):
        at = self.folder / "notify"
        at.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(at))
            told.settimeout(1)
            self.environment["NOTIFY_SOCKET"] = str(at)
            began = time.monotonic()
            self.process = subprocess.Popen([HERE / "serve"], env=self.environment, stdin=subprocess.DEVNULL)
            while time.monotonic() < began + patience:
                try:
                    if told.recv(4096) == b"READY=1":
                        self.ready_after = time.monotonic() - began
                        return self
                except TimeoutError:
                    if self.process.poll() is not None:
                        break
        raise RuntimeError("the server did not start")

    def memory(self):
        """KiB: Pss, and what is the process' own (Private_*, Anonymous)."""
        values = {}
        for line in open(f"/proc/{self.process.pid}/smaps_rollup"):
            name, _, value = line.partition(":")
            if value.strip().endswith("kB"):
                values[name] = int(value.split()[0])
        return {"pss": values["Pss"], "rss": values["Rss"], "own": values["Anonymous"]}

    def stop(self, gently=False):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
            self.process.wait()

    def clean(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
