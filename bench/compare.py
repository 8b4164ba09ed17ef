#!/usr/bin/env python3
"""Durable acceptance and relaying, Postil and Postfix in turns, by a load generator that belongs to neither.

  compare.py --harness DIR --folder DIR_ON_THE_DISK [--postil PROGRAM] [--what accept,relay,fsyncs] [--runs 3] [--seconds 2]

DIR holds bench.py, smtpload.cpp and smtpsink.cpp (docs/performance.md says what they are); POSTIL_BENCH_HARNESS names it too.
Postfix must be installed; root is needed (cgroup, mount namespace). Results are added to --out, and a table is printed.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", default=os.environ.get("POSTIL_BENCH_HARNESS"))
    parser.add_argument("--postil", default=str(HERE.parent / "build" / "postil"))
    parser.add_argument("--folder", required=True)
    parser.add_argument("--what", default="accept,relay")
    parser.add_argument("--peers", default="custom,postfix")
    parser.add_argument("--sessions", default="1,10,100")
    parser.add_argument("--sizes", default="4096,102400")
    parser.add_argument("--per", default="20")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--max-foreign", type=float, default=0.3)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--pipelining", action="store_true")
    parser.add_argument("--out", default="results.jsonl")
    options = parser.parse_args()
    if not options.harness:
        parser.error("--harness or POSTIL_BENCH_HARNESS must say where the load generator is")
    return options


def commands(options):
    common = ["--peer", options.peers, "--medium", f"disk={options.folder}", "--runs", options.runs, "--out", options.out,
              "--max-foreign", options.max_foreign, "--tries", options.tries]
    for what in options.what.split(","):
        if what == "accept":
            yield ["accept", *common, "--sessions", options.sessions, "--sizes", options.sizes, "--per", options.per,
                   "--seconds", options.seconds] + (["--pipelining"] if options.pipelining else [])
        elif what == "relay":
            yield ["relay", *common, "--count", options.count]
        else:
            for peer in options.peers.split(","):
                yield [what, *common[2:], "--peer", peer]


def medians(path):
    """(what, size, per, sessions, pipelining) -> peer -> runs"""
    table = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in open(path):
        run = json.loads(line)
        if run["what"] in ("accept", "relay"):
            key = (run["what"], run["size"], run["per"], run["sessions"], run.get("pipelining", False))
            table[key][run["peer"].replace("custom", "postil")].append(run)
    return table


def spread(runs, key, form):
    values = sorted(run[key] for run in runs)
    return f"{statistics.median(values):{form}} ({values[0]:{form}}–{values[-1]:{form}})"


def print_table(path):
    print("\n| what | octets | sessions × messages | server | messages/s | p99 ms | CPU ms a message | × Postfix |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for (what, size, per, sessions, pipelining), peers in sorted(medians(path).items()):
        rate = "rate" if what == "accept" else "e2e_rate"
        base = statistics.median(run[rate] for run in peers["postfix"]) if "postfix" in peers else None
        for peer, runs in sorted(peers.items()):
            factor = f"{statistics.median(run[rate] for run in runs) / base:.1f}" if base else "–"
            name = what + (", pipelining" if pipelining else "")
            print(f"| {name} | {size} | {sessions} × {per} | {peer} | {spread(runs, rate, '.0f')} | "
                  f"{spread(runs, 'p99_ms', '.1f')} | {spread(runs, 'cpu_ms_per_msg', '.3f')} | {factor} |")


def main():
    options = arguments()
    harness = pathlib.Path(options.harness).resolve()
    tools = pathlib.Path(options.folder).resolve() / "tools"
    subprocess.run(["make", "-s", "-C", harness, f"BIN={tools}"], check=True)
    environment = dict(os.environ, BENCH_BIN=str(tools), CUSTOM_CMD=str(HERE / "serve"),
                       POSTIL=str(pathlib.Path(options.postil).resolve()))
    for command in commands(options):
        subprocess.run([sys.executable, harness / "bench.py", *map(str, command)], check=True, env=environment)
    print_table(options.out)


if __name__ == "__main__":
    main()
