"""python -m tests.scale: see the package."""

import argparse
import shutil
import sys
from pathlib import Path

from mailer.local.programs import ROOT
from tests.scale.run import run


def main() -> int:
    """0, or 1 if a mail was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description="One pace for many instances, measured.")
    parser.add_argument("--hosts", type=int, action="append", help="how many function hosts (default: 1, 2, 4 and 8)")
    parser.add_argument("--mails", type=int, default=3000, help="in each run (default: %(default)s)")
    parser.add_argument("--rate", default="60/min", help="MAILER_MAILBOX_RATE; 30/min takes twice as long")
    parser.add_argument("--seed", type=int, default=1, help="of the plan (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "scale", help="for logs and data")
    options = parser.parse_args()
    whole = True
    for hosts in options.hosts or (1, 2, 4, 8):
        folder = options.folder.resolve() / str(hosts)
        shutil.rmtree(folder, ignore_errors=True)
        found = run(folder, hosts=hosts, mails=options.mails, rate=options.rate, seed=options.seed)
        print(f"\n{found.hosts} host(s), {found.mails} mails at {options.rate}", flush=True)
        for name, figure in found.figures.items():
            print(f"  {name:28} {figure}", flush=True)
        whole &= not (found.figures["lost"] or found.figures["doubled"])
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
