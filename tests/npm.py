"""npm packages that only tests need, each installed beside its package.json as the lock there says."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from mailer.local import programs


def installed(folder: Path) -> Path:
    """The folder's node_modules, up to date."""
    lock, packages = folder / "package-lock.json", folder / "node_modules"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = packages / ".installed"
    with (folder / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # another test process may be at it
        if not stamp.exists() or stamp.read_text() != wanted:
            npm = shutil.which("npm", path=f"{Path(programs.node()).parent}{os.pathsep}{os.environ['PATH']}")
            command = [npm, "ci", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(command, check=True, capture_output=True, timeout=240)
            stamp.write_text(wanted)
    return packages
