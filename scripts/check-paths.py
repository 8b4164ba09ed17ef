#!/usr/bin/env python3
"""check-paths.py: no file of the project names a path of somebody's machine. Exit 1 when one does."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Written so that this file does not name one itself.
PATHS = re.compile(rb"(?<![\w.<}*~-])/(?:" + rb"|".join([b"work", b"Users", b"root"]) + rb")/\w|/" + rb"home/(?!user\b|NAME\b)\w")


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], stdout=subprocess.PIPE, check=True).stdout.decode()
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    # The path of this clone itself is one too, wherever it is.
    own = re.compile(re.escape(str(ROOT).encode()) + rb"(?![\w])")
    problems = []
    for name in names:
        for number, line in enumerate((ROOT / name).read_bytes().splitlines(), 1):
            if PATHS.search(line) or (len(ROOT.parts) > 2 and own.search(line)):
                problems.append(f"{name}:{number}: {line.strip()[:100].decode(errors='replace')}")
    for line in problems:
        print(line)
    print(f"{len(names)} files, {len(problems)} problems")
    return 1 if problems or not names else 0


sys.exit(main())
