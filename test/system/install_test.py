"""`cmake --install` puts down what the README speaks of, and systemd takes it."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import postil

FILES = {
    "bin/postil",
    "share/man/man1/postil.1",
    "share/man/man1/postil-check.1",
    "share/man/man5/postil.toml.5",
    "share/bash-completion/completions/postil",
    "share/zsh/site-functions/_postil",
    "share/fish/vendor_completions.d/postil.fish",
    "lib/systemd/system/postil.service",
    "lib/systemd/system/postil.socket",
    "lib/sysusers.d/postil.conf",
    "lib/tmpfiles.d/postil.conf",
}
NAMES = {"sbin/sendmail", "bin/mailq", "bin/newaliases"}  # with POSTIL_AS_SENDMAIL


class Install(postil.unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="postil-install-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        build = pathlib.Path(postil.PROGRAM).resolve().parent
        subprocess.run(["cmake", "--install", build, "--prefix", "/usr/local"], env=dict(os.environ, DESTDIR=str(self.root)), check=True,
                       stdout=subprocess.DEVNULL)

    def test_the_files(self):
        prefix = self.root / "usr/local"
        found = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
        self.assertEqual(found - NAMES, FILES)
        done = subprocess.run([prefix / "bin/postil", "--version"], capture_output=True, text=True, check=True)
        self.assertRegex(done.stdout, r"\Apostil \d")

    def test_systemd_takes_the_unit(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={self.root}", "postil.service", "postil.socket"],
                              capture_output=True, text=True)
        # The root has nothing but what we installed.
        other = [line for line in done.stderr.splitlines() if "sysinit.target" not in line and "/bin/kill" not in line]
        self.assertEqual(other, [])
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--root={self.root}", "--threshold=20", "postil.service"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-200:] + done.stderr)

    def test_systemd_makes_the_user_and_the_folder(self):
        if not shutil.which("systemd-sysusers") or os.geteuid() != 0:
            self.skipTest("systemd-sysusers is not installed, or this is not root")
        (self.root / "etc").mkdir(exist_ok=True)
        for command in (["systemd-sysusers", f"--root={self.root}", "postil.conf"],
                        ["systemd-tmpfiles", "--create", f"--root={self.root}", "postil.conf"]):
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\npostil:", "\n" + (self.root / "etc/passwd").read_text())
        self.assertTrue((self.root / "var/spool/postil").is_dir())

    def test_bash_completes(self):
        script = self.root / "usr/local/share/bash-completion/completions/postil"
        program = self.root / "usr/local/bin/postil"
        done = subprocess.run(["bash", "-c", f'. "{script}"; COMP_WORDS=("{program}" queue --by r); COMP_CWORD=3; _postil; '
                               'echo "${COMPREPLY[@]}"; COMP_WORDS=("' + str(program) + '" qu); COMP_CWORD=1; _postil; echo "${COMPREPLY[@]}"'],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["reason", "queue"], done.stderr)


if __name__ == "__main__":
    postil.main()
