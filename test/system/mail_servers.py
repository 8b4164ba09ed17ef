"""Other people's mail servers, unpacked into POSTIL_PEERS, with configurations and users of their own: Postfix, Exim and OpenSMTPD as receivers,
Dovecot's submission service for logins. They want root and a mount namespace (postil.need_mounts)."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import postil

USERS = [("postfix", 64101), ("postdrop", 64102), ("Debian-exim", 64103), ("opensmtpd", 64104), ("opensmtpq", 64105),
         ("dovecot", 64106), ("dovenull", 64107), ("vmail", 64108)]


def make_users():
    """The users that the packages would have made, in an /etc/passwd and /etc/group that only this namespace sees."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postil-users-"))
    for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
        own = folder / name
        others = [other for other in pathlib.Path("/etc", name).read_text().splitlines(keepends=True)
                  if other.split(":")[0] not in dict(USERS)]
        own.write_text("".join(others + [line.format(*user) for user in USERS]))
        own.chmod(0o644)
        subprocess.run(["mount", "--bind", own, f"/etc/{name}"], check=True)


class MailServer:
    """Takes mail for everybody at `domain` (and at all of `domains`), into a Maildir."""

    def __init__(self, address, port, domain):
        self.address, self.port, self.domain = address, port, domain
        self.domains = [domain]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postil-peer-"))
        self.folder.chmod(0o755)
        self.certificate, self.key = postil.make_certificate(self.folder)
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        self.mounts = []

    def lay_over(self, target, *folders):
        """Shows the folders' files in target too, in this namespace; for programs that know their own place."""
        lower = ":".join([*map(str, folders), target])
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower}", target], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("this machine does not lay one folder over another: " + done.stderr.strip())
        self.mounts.append(target)

    def bind(self, folder, target):
        subprocess.run(["mount", "--bind", folder, target], check=True)
        self.mounts.append(target)

    def __enter__(self):
        self.write_config()
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        env=self.environment(), start_new_session=True)
        try:
            postil.wait_for(self.greets, 15)
        except AssertionError as error:
            said = f"{type(self).__name__} does not start; exit code {self.process.poll()}: {self.log_text()}"
            self.__exit__(None)
            raise AssertionError(said) from error
        return self

    def greets(self):
        """the other mail server greets"""
        import socket
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as made:
                return made.recv(4) == b"220 "
        except OSError:
            return False

    def __exit__(self, kind, *_):
        if kind:
            print(f"log of {type(self).__name__}:\n{self.log_text()}")
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.output.close()
        for target in reversed(self.mounts):
            subprocess.run(["umount", "--lazy", target], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def log_text(self):
        return "\n".join(path.read_text(errors="replace") for path in [self.folder / "output", *self.folder.glob("*log*")]
                         if path.is_file())

    def messages(self):
        return [path.read_bytes() for path in self.mail.rglob("*") if path.is_file() and path.parent.name in ("new", "cur")]


class Postfix(MailServer):
    package = postil.PEERS / "postfix"
    programs = package / "usr" / "lib" / "postfix"

    def write_config(self):
        config = self.folder / "config"
        config.mkdir()
        (config / "main.cf").write_text(f"""compatibility_level = 3.6
command_directory = {self.package}/usr/sbin
daemon_directory = {self.programs}/sbin
shlib_directory = {self.programs}
meta_directory = {config}
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
mail_owner = postfix
setgid_group = postdrop
import_environment = LD_LIBRARY_PATH MAIL_CONFIG TZ
maillog_file = {self.folder}/log
maillog_file_prefixes = {self.folder}
myhostname = mx.{self.domain}
mydestination =
alias_maps =
alias_database =
inet_protocols = ipv4
mynetworks = 127.255.255.255/32
virtual_mailbox_domains = {" ".join(self.domains)}
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{USERS[0][1]}
virtual_gid_maps = static:{USERS[0][1]}
virtual_minimum_uid = 100
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.certificate}
smtpd_tls_key_file = {self.key}
smtpd_recipient_restrictions = reject_unauth_destination
smtputf8_enable = no
""")
        services = ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
                    "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify", "flush unix n - n 1000? 0 flush",
                    "proxymap unix - - n - - proxymap", "error unix - - n - - error", "retry unix - - n - - error",
                    "virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil", "postlog unix-dgram n - n - 1 postlogd"]
        (config / "master.cf").write_text(f"{self.address}:{self.port} inet n - n - - smtpd\n" + "\n".join(services) + "\n")
        queue = self.folder / "queue"
        for name in ("active bounce corrupt defer deferred flush hold incoming private saved trace "
                     "public maildrop pid").split():
            (queue / name).mkdir(parents=True)
            if name != "pid":
                shutil.chown(queue / name, "postfix", "postdrop" if name in ("public", "maildrop") else None)
            (queue / name).chmod({"public": 0o710, "maildrop": 0o730, "pid": 0o755}.get(name, 0o700))
        (self.folder / "data").mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.mail, "postfix")

    def command(self):
        return [self.programs / "sbin" / "master", "-c", self.folder / "config", "-d"]

    def environment(self):
        return {**super().environment(), "LD_LIBRARY_PATH": str(self.programs), "MAIL_CONFIG": str(self.folder / "config")}


class Exim(MailServer):
    program = postil.PEERS / "exim4-daemon-light" / "usr" / "sbin" / "exim4"

    def write_config(self):
        for name in ("spool", "logs"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
        shutil.chown(self.mail, "Debian-exim", "Debian-exim")
        self.key.chmod(0o644)
        # It starts itself anew as its own user, who may not come to where this clone lies (/root, say).
        shutil.copy(self.program, self.folder / "exim4")
        (self.folder / "config").write_text(f"""primary_hostname = mx.{self.domain}
exim_path = {self.folder}/exim4
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/logs/%slog
pid_file_path = {self.folder}/spool/pid
local_interfaces = {self.address}
daemon_smtp_ports = {self.port}
tls_advertise_hosts = *
tls_certificate = {self.certificate}
tls_privatekey = {self.key}
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
queue_run_max = 2
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept domains = {" : ".join(self.domains)}
  deny message = no relay
begin routers
here:
  driver = accept
  domains = {" : ".join(self.domains)}
  transport = folder
begin transports
folder:
  driver = appendfile
  directory = {self.mail}/all
  maildir_format
  create_directory
  user = Debian-exim
  group = Debian-exim
begin retry
* * F,1h,1m
""")

    def command(self):
        return [self.folder / "exim4", "-C", self.folder / "config", "-bdf"]

    def log_text(self):
        return "\n".join(path.read_text(errors="replace") for path in [self.folder / "output", *(self.folder / "logs").glob("*")])


class OpenSmtpd(MailServer):
    """Debian's build: with tls, STARTTLS is offered, but no handshake succeeds."""
    package = postil.PEERS / "opensmtpd"

    def __init__(self, address, port, domain, tls=False):
        super().__init__(address, port, domain)
        self.tls = tls

    def write_config(self):
        queue, run = self.folder / "queue", self.folder / "run"
        for folder in (self.folder / "lib" / "opensmtpd" / "empty", self.folder / "spool" / "smtpd", run):
            folder.mkdir(parents=True)
        queue.mkdir()
        queue.chmod(0o711)
        self.lay_over("/var/lib", self.folder / "lib")
        self.lay_over("/var/spool", self.folder / "spool")
        self.bind(queue, "/var/spool/smtpd")
        self.bind(run, "/run")
        self.key.chmod(0o600)
        shutil.copy(self.package / "usr" / "sbin" / "smtpd", self.folder / "smtpd")
        pki = f'pki here cert "{self.certificate}"\npki here key "{self.key}"\n' if self.tls else ""
        (self.folder / "config").write_text(f"""{pki}listen on {self.address} port {self.port} hostname mx.{self.domain}{" tls pki here" if self.tls else ""}
action "keep" maildir "{self.mail}"
match from any for domain "{self.domain}" action "keep"
""")

    def command(self):
        return [self.folder / "smtpd", "-d", "-f", self.folder / "config"]


class Dovecot(MailServer):
    """Its submission service, with STARTTLS on port and TLS from the start on port_tls; `off` is switched off. Logins only: its relay is nowhere."""

    def __init__(self, address, port, port_tls, domain):
        super().__init__(address, port, domain)
        self.port_tls = port_tls

    def write_config(self):
        self.lay_over("/usr", *[postil.PEERS / name / "usr" for name in ("dovecot-submissiond", "dovecot-core")])
        (self.folder / "run").mkdir()
        shutil.chown(self.mail, "vmail")
        users = self.folder / "users"
        users.write_text(f"{postil.USER}:{{PLAIN}}{postil.PASSWORD}::::::\noff:{{PLAIN}}{postil.PASSWORD}::::::nologin=y reason=Account=disabled\n")
        users.chmod(0o644)
        (self.folder / "config").write_text(f"""protocols = submission
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = {self.folder}/log
listen = {self.address}
hostname = mail.{self.domain}
ssl = required
ssl_cert = <{self.certificate}
ssl_key = <{self.key}
auth_mechanisms = plain login cram-md5 xoauth2 scram-sha-1 scram-sha-256
auth_failure_delay = 0
auth_verbose = yes
passdb {{
  driver = passwd-file
  args = {users}
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={self.mail}
}}
mail_location = maildir:~/mail
submission_relay_host = {self.address}
submission_relay_port = 9
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {self.port}
  }}
  inet_listener submissions {{
    port = {self.port_tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""")

    def command(self):
        return ["/usr/sbin/dovecot", "-F", "-c", self.folder / "config"]


class DovecotLmtp(MailServer):
    """Its LMTP service, on address:port and on the socket `lmtp` in its folder; takes mail for bert, has no room for carl, knows nobody else."""

    def write_config(self):
        self.lay_over("/usr", *[postil.PEERS / name / "usr" for name in ("dovecot-lmtpd", "dovecot-core")])
        (self.folder / "run").mkdir()
        shutil.chown(self.mail, "vmail")
        users = self.folder / "users"
        users.write_text("".join(f"{name}@{self.domain}:{{PLAIN}}-:64108:64108::{self.mail}/{name}::{room}\n"
                                 for name, room in (("bert", ""), ("carl", "userdb_quota_rule=*:bytes=10"))))
        users.chmod(0o644)
        (self.folder / "config").write_text(f"""protocols = lmtp
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = {self.folder}/log
hostname = store.{self.domain}
ssl = no
auth_username_format = %Lu
mail_plugins = quota
mail_location = maildir:~/mail
quota_full_tempfail = yes
plugin {{
  quota = maildir:User
}}
passdb {{
  driver = passwd-file
  args = {users}
}}
userdb {{
  driver = passwd-file
  args = {users}
}}
service lmtp {{
  inet_listener lmtp {{
    address = {self.address}
    port = {self.port}
  }}
  unix_listener {self.folder}/lmtp {{
    mode = 0666
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
}}
""")

    def command(self):
        return ["/usr/sbin/dovecot", "-F", "-c", self.folder / "config"]


class SmtpSink:
    """Postfix's smtp-sink: takes everything, keeps each message in a file. Wants no root."""

    def __init__(self, address, port):
        self.address, self.port = address, port
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postil-peer-"))

    def __enter__(self):
        (self.folder / "config").mkdir()
        (self.folder / "config" / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx.sink.lab\n")
        programs = postil.PEERS / "postfix" / "usr" / "lib" / "postfix"
        run_as = ["-u", "nobody"] if os.geteuid() == 0 else []
        if run_as:
            self.folder.chmod(0o777)
        self.process = subprocess.Popen(
            [postil.PEERS / "postfix" / "usr" / "sbin" / "smtp-sink", "-c", *run_as, "-d", f"{self.folder}/%M.",
             f"{self.address}:{self.port}", "100"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={"LD_LIBRARY_PATH": str(programs), "MAIL_CONFIG": str(self.folder / "config"), "PATH": "/usr/bin:/bin"})
        postil.wait_for(lambda: MailServer.greets(self))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def messages(self):
        return [path.read_bytes() for path in self.folder.iterdir() if path.is_file()]
