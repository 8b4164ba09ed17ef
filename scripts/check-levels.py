#!/usr/bin/env python3
"""check-levels.py: a module includes only modules of lower levels that CMakeLists.txt gives it, and the pure levels 0 to 3
name no network, clock, thread or random device. Exit 1 when one does.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PURE_LEVEL_MAX = 3
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
IMPURE_HEADERS = re.compile(
    r"boost/asio|boost/beast|sys/socket\.h|sys/epoll\.h|netinet/in\.h|netdb\.h|thread|mutex|shared_mutex|condition_variable"
    r"|future|stop_token|atomic|random|pthread\.h"
)
IMPURE_CODE = re.compile(
    r"_clock\s*::\s*now\b|\bstd::(?:thread|jthread|mutex|random_device|mt19937|async)\b|\basio::"
    r"|\b(?:clock_gettime|gettimeofday|getrandom|pthread_create)\s*\(|(?<![\w:.>])::time\s*\("
)
COMMENT = re.compile(r"//.*$")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def declared():
    """name -> (level, modules it uses directly)"""
    text = (ROOT / "CMakeLists.txt").read_text()
    modules = {}
    for name, level, rest in re.findall(r"^postil_module\((\w+) (\d+)([^)]*)\)", text, re.MULTILINE):
        uses = []
        for word in rest.split():
            if word in ("PUBLIC", "PRIVATE"):
                break
            uses.append(word)
        modules[name] = (int(level), uses)
    return modules


def main():
    modules = declared()
    problems = []
    for name, (level, uses) in modules.items():
        for used in uses:
            if used not in modules:
                problems.append(f"CMakeLists.txt: {name} uses {used}, which is no module")
            elif modules[used][0] >= level and used not in allowed_within_level(modules, name):
                problems.append(f"CMakeLists.txt: {name} (level {level}) uses {used} (level {modules[used][0]})")
    for folder in sorted(p for p in (ROOT / "src").iterdir() if p.is_dir()):
        if folder.name not in modules:
            problems.append(f"src/{folder.name}: no module of CMakeLists.txt")
    files = 0
    for path in sorted((ROOT / "src").rglob("*.[ch]pp")):
        name = path.relative_to(ROOT / "src").parts[0]
        if name not in modules:
            continue  # src/main.cpp, or told above
        files += 1
        problems += check_file(path, name, modules)
    for line in problems:
        print(line)
    print(f"{files} files of {len(modules)} modules, {len(problems)} problems")
    return 1 if problems or not files else 0


def allowed_within_level(modules, name):
    """Modules of the same level stand in the order of CMakeLists.txt; a module may name an earlier one that it declares."""
    earlier = []
    for other in modules:
        if other == name:
            break
        earlier.append(other)
    return [used for used in modules[name][1] if used in earlier and modules[used][0] == modules[name][0]]


def reachable(modules, name):
    seen, todo = set(), [name]
    while todo:
        for used in modules.get(todo.pop(), (0, []))[1]:
            if used not in seen:
                seen.add(used)
                todo.append(used)
    return seen


def check_file(path, name, modules):
    level = modules[name][0]
    may_use = reachable(modules, name)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}"
        include = INCLUDE.match(line)
        if include:
            header = include[2]
            first = header.split("/")[0]
            if include[1] == '"' and first in modules and first != name and first not in may_use:
                yield f"{where}: {name} (level {level}) includes {header} (level {modules[first][0]})"
            if level <= PURE_LEVEL_MAX and IMPURE_HEADERS.match(header) and include[1] == "<":
                full = IMPURE_HEADERS.match(header)
                if full.end() == len(header) or header.startswith("boost/"):
                    yield f"{where}: {name} is pure (level {level}) and includes <{header}>"
        elif level <= PURE_LEVEL_MAX:
            found = IMPURE_CODE.search(COMMENT.sub("", STRING.sub('""', line)))
            if found:
                yield f"{where}: {name} is pure (level {level}) and names {found[0]}"


if __name__ == "__main__":
    sys.exit(main())
