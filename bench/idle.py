#!/usr/bin/env python3
"""Memory of idle sessions: opened, taken through EHLO (and STARTTLS), held.

  idle.py --postil PROGRAM --sessions-program idle_sessions --folder DIR [--counts 1000,10000] [--runs 3]

What a session costs is the difference before and after, divided by their number. `own` is the process' anonymous memory:
heap and stacks; the kernel's socket memory is in none of the columns.
"""
import argparse
import json
import statistics
import subprocess
import time

from server import Server


def one_run(options, tls, count, more):
    server = Server(options.postil, options.folder, tls=True, more=more).start()
    try:
        for _ in range(2):  # what the first sessions bring with them (OpenSSL's tables, arenas) is no session's cost
            hold(options, server, tls, 20).communicate()
        time.sleep(0.5)
        before = server.memory()
        holder = hold(options, server, tls, count)
        ready = int(holder.stdout.readline().split()[1])
        time.sleep(1)
        after = server.memory()
        holder.communicate()
        return {"tls": tls, "sessions": count, "ready": ready, "base_own_kib": before["own"],
                **{f"{key}_octets": (after[key] - before[key]) * 1024 / max(1, ready) for key in before}}
    finally:
        server.clean()


def hold(options, server, tls, count):
    return subprocess.Popen([options.sessions_program, str(server.port), str(count)] + (["tls"] if tls else []),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postil", required=True)
    parser.add_argument("--sessions-program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--counts", default="10000")
    parser.add_argument("--kinds", default="plain,tls")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--more", default="", help="a line of configuration")
    parser.add_argument("--out", default="idle.jsonl")
    options = parser.parse_args()
    print("| session | sessions | ready | own octets a session | Pss octets a session | own KiB before |\n" + "| --- " * 6 + "|")
    for kind in options.kinds.split(","):
        for count in map(int, options.counts.split(",")):
            runs = [one_run(options, kind == "tls", count, options.more) for _ in range(options.runs)]
            with open(options.out, "a") as out:
                for run in runs:
                    out.write(json.dumps(run) + "\n")

            def spread(key):
                values = sorted(run[key] for run in runs)
                return f"{statistics.median(values):.0f} ({values[0]:.0f}–{values[-1]:.0f})"
            print(f"| {kind} | {count} | {min(run['ready'] for run in runs)} | {spread('own_octets')} | {spread('pss_octets')} | "
                  f"{spread('base_own_kib')} |", flush=True)


if __name__ == "__main__":
    main()
