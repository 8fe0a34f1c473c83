"""python -m tests.benchmarks: see the package."""

import argparse
import importlib
import subprocess
import sys

from mailer.local.programs import ROOT

PARTS = ("mail_cost", "first_mail", "templates", "throughput", "memory", "latency")


def main() -> int:
    """0 unless a part ended with an error; a goal that is missed is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="What a mail costs, measured.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke test of two minutes, whose figures say little")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(unknown)}")
    if given.here:
        importlib.import_module(f"tests.benchmarks.{given.parts[0]}").run(quick=given.quick)
        return 0
    failed = 0
    for part in given.parts or PARTS:
        print(part, flush=True)
        # A process of its own for each: settings are read once.
        command = [sys.executable, "-m", "tests.benchmarks", part, "--here", *(["--quick"] if given.quick else [])]
        failed |= subprocess.run(command, cwd=ROOT, check=False).returncode
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
