#!/usr/bin/env python3
"""How long a start takes with a full queue, and how much memory the queue takes.

  restart.py --postil PROGRAM --fill-program fill_spool --folder DIR_ON_THE_DISK [--messages 1000000] [--octets 4096] [--runs 3]

The spool is filled once, through the program's own log: each message was tried once and is due in an hour. Then the server
starts, again and again: after a crash (killed; what came after the last checkpoint is read again) and after an orderly stop.
--cold drops the page cache before each start (root).
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess

from server import Server


def drop_page_cache():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def one_start(options, folder, gently):
    if options.cold:
        drop_page_cache()
    server = Server(options.postil, folder).start()
    try:
        memory = server.memory()
        return {"messages": options.messages, "octets": options.octets, "cold": options.cold, "seconds": server.ready_after,
                "own_kib": memory["own"], "pss_kib": memory["pss"]}
    finally:
        server.stop(gently)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postil", required=True)
    parser.add_argument("--fill-program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--messages", type=int, default=1000000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the spool there, and use one that is there")
    parser.add_argument("--out", default="restart.jsonl")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "restart"
    if not (options.keep and folder.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([options.fill_program, folder / "log", str(options.messages), str(options.octets), "crash"], check=True)
    print("| start | messages | seconds to READY | own memory, MiB | own octets a message |\n" + "| --- " * 5 + "|")
    empty = Server(options.postil, folder.with_name("restart-empty")).start()
    base = empty.memory()["own"]
    empty.clean()
    for kind, gently in (("after a crash", False), ("after a stop", True)):
        if gently:
            one_start(options, folder, True)  # this one makes the orderly end
        runs = [dict(one_start(options, folder, gently), start=kind) for _ in range(options.runs)]
        with open(options.out, "a") as out:
            for run in runs:
                out.write(json.dumps(run) + "\n")
        times = sorted(run["seconds"] for run in runs)
        own = statistics.median(run["own_kib"] for run in runs)
        print(f"| {kind} | {options.messages} | {statistics.median(times):.2f} ({times[0]:.2f}–{times[-1]:.2f}) | {own / 1024:.0f} | "
              f"{(own - base) * 1024 / options.messages:.0f} |", flush=True)
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
