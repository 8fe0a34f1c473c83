"""python -m tests.chaos: see the package."""

import argparse
import dataclasses
import shutil
import sys
import time
from pathlib import Path

from mailer.local.programs import ROOT, CannotStart
from mailer.settings import Settings
from tests.chaos import app
from tests.chaos.audit import Audit
from tests.chaos.run import NeverStruck, Plan, run, say

POLICIES = ("hold", "resend", "verify")
SHOWN = 10  # histories of broken promises


def main() -> int:
    """0, or 1 when a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Accounts for every mail, whatever dies."
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run's plan (default: a new one)")
    parser.add_argument("--mails", type=int, default=1000, help="at least this many (default: %(default)s)")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="MAILER_ON_UNCERTAIN (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "chaos", help="for logs and data")
    options = parser.parse_args()
    say(f"Seed {options.seed}. Times are scaled, the logic is untouched: {app.scale()}.")
    results = [
        play(Plan(seed=options.seed, mails=options.mails, policy=policy, folder=options.folder.resolve() / policy))
        for policy in options.policy or POLICIES
        if is_known(policy)
    ]
    return 0 if all(results) else 1


def is_known(policy: str) -> bool:
    """Whether the app has this policy; without the setting it has `hold` alone."""
    settings = {known.metadata.get("name") for known in dataclasses.fields(Settings)}
    if policy == "hold" or "MAILER_ON_UNCERTAIN" in settings:
        return True
    say(f"\nPolicy {policy}: skipped, because the app has no setting MAILER_ON_UNCERTAIN.")
    return False


def play(plan: Plan) -> bool:
    """One run and its report; whether every promise held."""
    say(f"\nPolicy {plan.policy}")
    shutil.rmtree(plan.folder, ignore_errors=True)
    try:
        found = run(plan)
    except (NeverStruck, CannotStart) as reason:
        say(f"{reason}\nLogs: {plan.folder}")
        return False
    report(found, plan)
    return found.holds


def report(found: Audit, plan: Plan) -> None:
    width = max(map(len, found.figures))
    for name, figure in found.figures.items():
        broken = "   BROKEN" if found.broken.get(name) else ""
        say(f"{name:{width}}  {figure:6}{broken}")
    for name, histories in found.broken.items():
        for history in histories[:SHOWN]:
            say(f"\n{name.upper()}: {history}")
    if not found.holds:
        say(f"\nA promise is broken. Repeat with --seed {plan.seed} --policy {plan.policy}. Logs: {plan.folder}")


if __name__ == "__main__":
    sys.exit(main())
