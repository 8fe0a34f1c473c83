"""python -m tests.scale: see the package."""

import argparse
import shutil
import sys
from pathlib import Path

from mailer.local.programs import ROOT
from tests.scale.run import DOORS, run


def main() -> int:
    """0, or 1 if anything is over its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description="One pace for many instances, measured.")
    parser.add_argument("--hosts", type=int, action="append", help="how many function hosts (default: 1, 2, 4 and 8)")
    parser.add_argument("--mails", type=int, default=3000, help="in each run (default: %(default)s)")
    parser.add_argument("--rate", default="60/min", help="MAILER_MAILBOX_RATE; 30/min takes twice as long")
    parser.add_argument("--door", choices=sorted(DOORS), default="both", help="by which mails come (default: both)")
    parser.add_argument("--seed", type=int, default=1, help="of the plan (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "scale", help="for logs and data")
    options = parser.parse_args()
    whole = True
    for hosts in options.hosts or (1, 2, 4, 8):
        folder = options.folder.resolve() / str(hosts)
        shutil.rmtree(folder, ignore_errors=True)
        found = run(folder, hosts=hosts, mails=options.mails, rate=options.rate, door=options.door, seed=options.seed)
        print(f"\n{hosts} host(s), {options.mails} mails at {options.rate}, by {options.door}", flush=True)
        for figure in found:
            verdict = {True: "ok", False: "over", None: ""}[figure.holds]
            print(f"  {figure.name:28} {figure.value:14} {figure.bound:14} {verdict}".rstrip(), flush=True)
            whole &= figure.holds is not False
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
