"""The app's folder for a chaos run: the real function_app.py and host.json, with their waits shortened.

A crash shows its effect only after a lease, which takes minutes. The times are scaled and the logic is untouched.
"""

import json
from pathlib import Path

from mailer.local.programs import ROOT

MESSAGE_LEASE = 10  # seconds; 600 in Azure

# Constants of mailer's modules, wherever they stand; `before` is the value that they have there.
SHORTER = {
    "LEASE": "timedelta(seconds=5)",
    "FIRST_WAIT": "timedelta(seconds=0.5)",
    "LONGEST_WAIT": "timedelta(seconds=4)",
    "MENDING_WAIT": "timedelta(seconds=2)",
    "AFTER_LEASE": "timedelta(seconds=1)",
    "ANSWER_WITHIN": "1.5",
    "AGAIN": "timedelta(seconds=1)",
    "HEAD_START": "timedelta(seconds=1)",
    "LOOKS": "(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3))",
    "STORAGE_NETWORK": 'before | {"initial_backoff": 0.2, "increment_base": 1}',  # the queue SDK's own begins with 15 s
}
QUEUES = {"visibilityTimeout": "00:00:01", "maxPollingInterval": "00:00:00.200"}

FUNCTION_APP = '''"""Written by tests/chaos: mailer's own function_app.py, with its waits shortened."""

import importlib.util
import pkgutil
from datetime import timedelta

import mailer

names = [one.name for one in pkgutil.walk_packages(mailer.__path__, "mailer.")]
modules = [importlib.import_module(name) for name in names if not name.startswith(("mailer.local", "mailer.__main__"))]


def shorten(name, value):
    having = [module for module in modules if name in vars(module)]
    if not having:
        raise RuntimeError(f"no module of mailer has {name} any more; see tests/chaos/app.py")
    for module in having:
        setattr(module, name, value(getattr(module, name)))


@@SHORTEN@@
spec = importlib.util.spec_from_file_location("mailer_function_app", @@ORIGINAL@@)
original = importlib.util.module_from_spec(spec)
spec.loader.exec_module(original)
app = original.app
'''


def write(folder: Path) -> Path:
    """The folder to start the host in."""
    folder.mkdir(parents=True, exist_ok=True)
    shortened = [f"shorten({name!r}, lambda before: {value})" for name, value in SHORTER.items()]
    source = FUNCTION_APP.replace("@@SHORTEN@@", "\n".join(shortened))
    (folder / "function_app.py").write_text(source.replace("@@ORIGINAL@@", repr(str(ROOT / "function_app.py"))))
    host = json.loads((ROOT / "host.json").read_text())
    host["extensions"]["queues"] |= QUEUES
    (folder / "host.json").write_text(json.dumps(host, indent=2))
    return folder


def scale() -> str:
    """What was shortened, for the report."""
    seconds = {name: text.removeprefix("timedelta(seconds=").removesuffix(")") for name, text in SHORTER.items()}
    seconds["LOOKS"] = "1, 2 and 3"
    times = [f"{name} {text} s" for name, text in seconds.items() if name != "STORAGE_NETWORK"]
    return ", ".join([f"message lease {MESSAGE_LEASE} s", *times])
