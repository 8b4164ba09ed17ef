#!/usr/bin/env python3
"""Messages a second to one site with a long round trip.

  far_site.py --postil PROGRAM --fill-program fill_spool --sink-program delaying_sink --folder DIR_ON_THE_DISK
              [--round-trip 50] [--connections 20] [--messages 20000] [--octets 4096]

The spool is filled first; then the server starts, is told to try everything now, and the sink counts. The goals: 380 messages/s over
20 connections and 1,800/s over 100, at 50 ms; one message a round trip would be 400 and 2,000.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import time

from server import Server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("postil", "fill-program", "sink-program", "folder"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--round-trip", type=int, default=50, help="milliseconds")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--octets", type=int, default=4096)
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "far_site"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([options.fill_program, folder / "log", str(options.messages), str(options.octets)], check=True)
    server = Server(options.postil, folder)
    server.environment["POSTIL_BENCH_DELIVER"] = f"connections_per_destination = {options.connections}"
    sink = subprocess.Popen([options.sink_program, server.environment["SINKPORT"], str(options.round_trip), str(options.messages)],
                            stdout=subprocess.PIPE, text=True)
    try:
        server.start()
        time.sleep(1)
        subprocess.run([options.postil, "queue", "retry", "--all", "--yes", "--socket", folder / "control", "--json"], check=True,
                       stdout=subprocess.DEVNULL)
        said, _ = sink.communicate(timeout=600)
        result = json.loads(said)
        result.update(round_trip_ms=options.round_trip, connections=options.connections, octets=options.octets)
        print(json.dumps(result))
    finally:
        sink.kill()
        server.clean()


if __name__ == "__main__":
    main()
