"""The app's folder for a chaos run: the real function_app.py and host.json, with their waits shortened.

A crash shows its effect only after a lease, which takes minutes, and an outage lasts for hours. The times are scaled
and the logic is untouched: a minute is about a second, an hour about HOUR.
"""

import json
from pathlib import Path

from mailer.local.programs import ROOT

MESSAGE_LEASE = 10  # seconds; 600 in Azure
SOON = 4  # seconds; 120
HOUR = 15.0  # seconds
STUMBLES = "stumbles"  # how the subject ends of a mail that makes the app fail, whenever it is composed

# Constants of mailer's modules, wherever they stand; `before` is the value that they have there.
SHORTER = {
    "LEASE": "timedelta(seconds=5)",
    "AFTER_LEASE": "timedelta(seconds=1)",
    "FIRST_WAIT": "timedelta(seconds=0.5)",
    "LONGEST_WAIT": "timedelta(seconds=4)",
    "MENDING_WAIT": "timedelta(seconds=6)",
    "HEAD_START": "timedelta(seconds=1)",
    "LOOKS": "(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5))",
    "BACK_AFTER": "timedelta(seconds=2)",
    "CARRIED_AFTER": "timedelta(seconds=1)",
    "PAUSES": "(0.1, 0.2, 0.3, 0.5, 0.5, 1.0, 1.0)",
    "SOON": f"timedelta(seconds={SOON})",
    "AHEAD": "timedelta(seconds=2)",
    "RELEASED_EVERY": "timedelta(seconds=1)",
    "RELIED_UPON": "timedelta(seconds=1)",
    "WRITTEN_WITHIN": "timedelta(seconds=0.2)",
    "SPAN": "timedelta(seconds=0.5)",
    "SHORT_SPAN": "timedelta(seconds=0.5)",
    "AT_HAND": "timedelta(seconds=1.6)",  # a message comes up to a second early here too
    "NEAR_TURN": "timedelta(seconds=0.1)",
    "STALLED_AFTER": "timedelta(seconds=12)",
    "NEW_MESSAGE_AFTER": "timedelta(seconds=30)",
    "ORPHANED_AFTER": "timedelta(seconds=30)",
    "ANSWER_WITHIN": "1.5",
    "AGAIN": "timedelta(seconds=1)",
    "STORAGE_NETWORK": 'before | {"initial_backoff": 0.2, "increment_base": 1}',  # the queue SDK's own begins with 15 s
    "_minute": 'lambda due: f"{due.astimezone(UTC):%H%M%S}"',  # by which rows wait
}
SCHEDULES = {"release": "* * * * * *", "sweep": "*/5 * * * * *"}
# Kills and outages cost a message a run each, so that with fewer runs the host would give up what never failed.
QUEUES = {"visibilityTimeout": "00:00:01", "maxPollingInterval": "00:00:00.200", "maxDequeueCount": 10}

FUNCTION_APP = '''"""Written by tests/chaos: mailer's own function_app.py, with its waits shortened."""

import importlib.util
import pkgutil
from datetime import UTC, timedelta

import mailer
from mailer.delivery.compose import Composer

names = [one.name for one in pkgutil.walk_packages(mailer.__path__, "mailer.")]
modules = [importlib.import_module(name) for name in names if not name.startswith(("mailer.local", "mailer.__main__"))]


def shorten(name, value):
    having = [module for module in modules if name in vars(module)]
    if not having:
        raise RuntimeError(f"no module of mailer has {name} any more; see tests/chaos/app.py")
    for module in having:
        setattr(module, name, value(getattr(module, name)))


def compose(self, request, *, mail, composed=Composer.compose):
    if request.subject and request.subject.endswith("@@STUMBLES@@"):
        raise RuntimeError("planted by tests/chaos")
    return composed(self, request, mail=mail)


@@SHORTEN@@
Composer.compose = compose
spec = importlib.util.spec_from_file_location("mailer_function_app", @@ORIGINAL@@)
original = importlib.util.module_from_spec(spec)
spec.loader.exec_module(original)
app = original.app
functions = [builder._function for builder in app._function_builders]  # what is listed once is listed for the host
triggers = {one.get_function_name(): one.get_trigger() for one in functions}
for name, schedule in @@SCHEDULES@@.items():
    triggers[name].schedule = schedule
'''


def write(folder: Path) -> Path:
    """The folder to start the host in."""
    folder.mkdir(parents=True, exist_ok=True)
    shortened = [f"shorten({name!r}, lambda before: {value})" for name, value in SHORTER.items()]
    parts = {"SHORTEN": "\n".join(shortened), "ORIGINAL": repr(str(ROOT / "function_app.py"))}
    parts |= {"SCHEDULES": repr(SCHEDULES), "STUMBLES": STUMBLES}
    source = FUNCTION_APP
    for name, text in parts.items():
        source = source.replace(f"@@{name}@@", text)
    (folder / "function_app.py").write_text(source)
    host = json.loads((ROOT / "host.json").read_text())
    host["extensions"]["queues"] |= QUEUES
    (folder / "host.json").write_text(json.dumps(host, indent=2))
    return folder


def scale() -> str:
    """What was shortened, for the report."""
    seconds = {name: text.removeprefix("timedelta(seconds=").removesuffix(")") for name, text in SHORTER.items()}
    seconds["LOOKS"] = "1, 2 and 5"
    seconds["PAUSES"] = "0.1 to 1"
    times = [f"{name} {text} s" for name, text in seconds.items() if name not in {"STORAGE_NETWORK", "_minute"}]
    return ", ".join([f"an hour {HOUR:.0f} s, message lease {MESSAGE_LEASE} s", *times])
