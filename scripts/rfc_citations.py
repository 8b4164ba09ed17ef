"""Citations of RFCs in the project's files: `[rfc5321 4.5.2]`, `[rfc7505]`, `[rfc5321 4.1.2 Quoted-string]`, `[rfc5321 3.3, 4.2]`."""
import pathlib
import re
import subprocess
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECTIONS = ROOT / "data" / "rfc-sections.txt"
CITATION = re.compile(r"\[rfc(\d+)([^\]\n]*)\]")
NUMBER = re.compile(r"(?<![\w.-])(?:X\.)?(\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)\.?(?![\w-])")
DEFINED = re.compile(r"\"(\d+)(?: ([\w.]+))?\"")
SUFFIXES = {".cpp", ".hpp", ".def", ".smtp", ".py", ".toml"}
FOLDERS = ("src", "test", "fuzz", "bench", "data")


class Citation(NamedTuple):
    rfc: str
    section: str  # "" = the whole RFC
    path: pathlib.PurePath
    line: int


def order(number):
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in number.split(".")]


def numbers_in(rest):
    """The sections that the text after the RFC's number names: what each comma-separated part begins with."""
    rest = rest.split(":")[0]
    found = []
    for part in rest.split(","):
        match = NUMBER.match(part.strip())
        if match and not part.strip().startswith("X."):
            found.append(match[1])
    return found or [""]


def files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--", *FOLDERS], stdout=subprocess.PIPE, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:  # a source archive
        names = [str(p.relative_to(ROOT)) for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*")) if p.is_file()]
    return [pathlib.PurePath(name) for name in names if pathlib.PurePath(name).suffix in SUFFIXES]


def citations():
    for path in files():
        full = ROOT / path
        if not full.exists():
            continue
        for number, line in enumerate(full.read_text(errors="replace").splitlines(), 1):
            for rfc, rest in CITATION.findall(line):
                for section in numbers_in(rest):
                    yield Citation(f"rfc{rfc}", section, path, number)


def definitions():
    """Where the facts say that a code, a guide or a term is defined: defined = ["7504 3"] in data/. No citations of code."""
    for path in files():
        if path.parts[0] != "data" or path.suffix != ".toml" or not (ROOT / path).exists():
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if line.startswith("defined = ["):
                for rfc, section in DEFINED.findall(line):
                    yield Citation(f"rfc{rfc}", section, path, number)


def read_sections():
    if not SECTIONS.exists():
        return {}
    table = {}
    for line in SECTIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            rfc, *numbers = line.split()
            table[rfc] = set(numbers)
    return table
