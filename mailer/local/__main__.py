"""python -m mailer.local run | services | demo | setup-demo: all that mailer needs, on this machine, and mails."""

import argparse
import shutil
import signal
import sys
import time

from mailer.local import demo, setup_demo
from mailer.local.programs import ROOT, CannotStart
from mailer.local.stack import Stack, core_tools

FOLDER = ROOT / ".local"


def main() -> int:
    """0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m mailer.local", description=__doc__)
    parser.add_argument(
        "what",
        choices=["run", "services", "demo", "setup-demo"],
        help="send two mails and stay up until Ctrl-C; stay up without the function host; check both mails and stop; "
        "from an empty tenant to the first mail and back",
    )
    what = parser.parse_args().what
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        if what == "setup-demo":
            setup_demo.run(FOLDER / "setup-demo")
        else:
            run(what)
    except (CannotStart, demo.DemoFailed) as reason:
        print(f"\n{reason}\nLogs: {FOLDER}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def run(what: str) -> None:
    """Start all that is asked for, send two mails through it, and stay up unless they were to be checked."""
    _forget_the_last_run()
    host = "Core Tools' func" if core_tools() else "mailer's embedded function host (func is not installed)"
    parts = ["Azurite", "MailDev", "the local cloud", *([] if what == "services" else [host])]
    print(f"Starting {', '.join(parts)} …\n", flush=True)
    with Stack(FOLDER, host=what != "services", pages=what != "demo") as stack:
        if what == "services":
            print("Everything is up but the function host: start it with func start.", flush=True)
        else:
            mails = [demo.by_http(stack), demo.by_queue(stack)]
            for mail in mails:
                print(demo.follow(stack, mail), flush=True)
            if what == "demo":
                for mail in mails:
                    print(demo.check(stack, mail), flush=True)
                return
            print(f"\nApp        {stack.url}/emails\nConsole    {stack.console}")
        print(f"Templates  {stack.templates}\nInbox      {stack.inbox}\nFaults     {stack.faults}\nLogs       {FOLDER}")
        print("\nCtrl-C stops everything.\n", flush=True)
        _stay_up(stack)


def _forget_the_last_run() -> None:
    for data in ("azurite", "maildev"):
        shutil.rmtree(FOLDER / data, ignore_errors=True)
    for log in FOLDER.glob("*.log"):
        if log.name != "install.log":
            log.unlink()


def _stay_up(stack: Stack) -> None:
    """Show what the last program of the stack prints until Ctrl-C; raises CannotStart if any ends by itself."""
    with stack.programs[-1].log.open(errors="replace") as log:
        while True:
            print(log.read(), end="", flush=True)
            for program in stack.programs:
                if program.process is not None and program.process.poll() is not None:
                    message = f"{program.name} has ended. It said: {program.last_words()}"
                    raise CannotStart(message)
            time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
