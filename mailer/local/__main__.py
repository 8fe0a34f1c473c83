"""python -m mailer.local run | demo: everything that mailer needs on this machine, and two mails through it."""

import argparse
import shutil
import signal
import sys
import time

from mailer.local import demo
from mailer.local.programs import ROOT, CannotStart
from mailer.local.stack import Ports, Stack, core_tools

FOLDER = ROOT / ".local"


def main() -> int:
    """0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m mailer.local", description=__doc__)
    parser.add_argument("what", choices=["run", "demo"], help="stay up until Ctrl-C, or check both mails and stop")
    what = parser.parse_args().what
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        run(check=what == "demo")
    except (CannotStart, demo.DemoFailed) as reason:
        print(f"\n{reason}\nLogs: {FOLDER}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def run(*, check: bool) -> None:
    """Start all, send two mails; then check them, or stay up and show what the host prints."""
    for data in ("azurite", "maildev"):
        shutil.rmtree(FOLDER / data, ignore_errors=True)
    for log in FOLDER.glob("*.log"):
        log.unlink()
    print("Starting Azurite, MailDev, the local cloud and the function host …", flush=True)
    with Stack(FOLDER, ports=Ports()) as stack:
        host = (
            "func start (Azure Functions Core Tools)"
            if core_tools()
            else "mailer's embedded host (func is not installed)"
        )
        print(f"The app runs on {host}.\n", flush=True)
        mails = [demo.by_http(stack), demo.by_queue(stack)]
        for mail in mails:
            print(demo.follow(stack, mail), flush=True)
        if check:
            for mail in mails:
                print(demo.check(stack, mail), flush=True)
            return
        print(f"\nInbox    {stack.inbox}\nApp      {stack.url}/emails\nHealth   {stack.url}/health")
        print(f"Logs     {FOLDER}\n\nCtrl-C stops everything. What the function host says:\n", flush=True)
        _stay_up(stack)


def _stay_up(stack: Stack) -> None:
    """Show the host's log until Ctrl-C; raises CannotStart if a program ends by itself."""
    with stack.host.log.open(errors="replace") as log:
        while True:
            print(log.read(), end="", flush=True)
            for program in stack.programs:
                if program.process is not None and program.process.poll() is not None:
                    message = f"{program.name} has ended. It said: {program.last_words()}"
                    raise CannotStart(message)
            time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
