#!/usr/bin/env python3
"""Finds lambdas and aggregates made inside of a co_await's arguments.

g++ 12 copies such temporaries bit by bit into the coroutine's frame and destroys them twice. They must have a
name before the co_await. Lambdas that capture by reference only are harmless and are let pass.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
found = []
for path in sorted([*root.glob("src/**/*.[ch]pp"), *root.glob("test/**/*.[ch]pp")]):
    text = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), path.read_text())
    for match in re.finditer(r"co_await\b", text):
        depth, end = 0, match.end()
        while end < len(text):
            depth += (text[end] in "([{") - (text[end] in ")]}")
            if depth < 0 or (text[end] == ";" and depth == 0):
                break
            end += 1
        statement = text[match.end():end]
        if "async_initiate" in statement:
            continue
        if re.search(r"[(,]\s*(\[(?!&\])|\{|[A-Za-z_:]+\{)", statement):
            found.append(f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}: {statement.strip()[:90]!r}")
print("\n".join(found))
sys.exit(1 if found else 0)
