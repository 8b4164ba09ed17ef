"""DNS for system tests: nsd with a zone for everything, on a port of its own on 127.0.0.1."""
import pathlib
import shutil
import subprocess
import tempfile

import postil


def nsd_program():
    return shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/sbin")


class NameServer:
    """Serves the whole name space from one root zone; `records` are lines of a zone file with absolute names."""

    def __init__(self, records):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postil-names-"))
        self.port = postil.free_port()
        self.records = records

    def write_zone(self):
        (self.folder / "zone").write_text(
            "$TTL 60\n. IN SOA ns.lab. admin.lab. 1 3600 900 86400 5\n. IN NS ns.lab.\nns.lab. IN A 127.0.0.1\n"
            + "\n".join(self.records) + "\n")

    def __enter__(self):
        self.write_zone()
        config = self.folder / "nsd.conf"
        config.write_text(f"""server:
  ip-address: 127.0.0.1
  port: {self.port}
  username: ""
  chroot: ""
  server-count: 1
  zonesdir: "{self.folder}"
  database: ""
  xfrdfile: ""
  zonelistfile: "{self.folder}/zone.list"
  pidfile: ""
  xfrdir: "{self.folder}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "zone"
""")
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([nsd_program(), "-d", "-c", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        postil.wait_for(self.answers)
        return self

    def answers(self):
        """the name server answers"""
        import socket
        if self.process.poll() is not None:
            raise AssertionError("nsd ended: " + (self.folder / "log").read_text())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.settimeout(0.3)
            query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x02ns\x03lab\0\0\1\0\1"
            try:
                made.sendto(query, ("127.0.0.1", self.port))
                answer = made.recv(512)
            except OSError:
                return False
            return answer[:2] == b"\x12\x34" and answer[3] & 15 == 0

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def settings(self):
        """For the section [dns]."""
        return {"resolver": [f"127.0.0.1@{self.port}"], "validate": False, "timeout": "5s"}


class SignedNameServer(NameServer):
    """The same with DNSSEC, under an anchor of its own. forge: text that stands in place of another after the signing."""

    def __init__(self, records, forge=None):
        super().__init__(records)
        self.forge = forge

    def write_zone(self):
        super().write_zone()
        run = {"cwd": self.folder, "check": True, "stdout": subprocess.PIPE, "text": True}
        key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "."], **run).stdout.strip()
        subprocess.run(["ldns-signzone", "-o", ".", "-f", "signed", "zone", key], **run)
        signed = (self.folder / "signed").read_text()
        if self.forge:
            assert self.forge[0] in signed, signed
            signed = signed.replace(*self.forge)
        (self.folder / "zone").write_text(signed)
        (self.folder / "anchor").write_text((self.folder / f"{key}.key").read_text())
        (self.folder / "anchor").chmod(0o644)
        self.folder.chmod(0o755)

    @property
    def settings(self):
        return {**super().settings, "validate": True, "trust_anchor": self.folder / "anchor"}
