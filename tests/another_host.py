"""Another function host of the same app beside the stack's, with settings or keys of its own."""

import contextlib
import os
import re
import shutil
import sys

from mailer.local import programs
from mailer.local.programs import ROOT


@contextlib.contextmanager
def another_host(stack, folder, *, functions, keys=False, **settings):
    """Its URL; with `keys` it asks for function keys, as Azure does, and the host's key comes along."""
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, folder)  # where it keeps its keys, too
    (port,) = programs.free_ports(1)
    command = [sys.executable, "-m", "mailer.local.host", "--port", str(port), "--root", str(folder)]
    command += ["--enable-auth"] if keys else []
    env = {**os.environ, **stack.settings(), **settings}
    program = programs.Program(
        name="another host",
        command=[*command, "--functions", *functions],
        ports=(port,),
        log=folder / "host.log",
        env=env,
    )
    program.start()
    try:
        url = f"http://127.0.0.1:{port}/api"
        yield (url, re.search(r"host: (\S+)", program.log.read_text())[1]) if keys else url
    finally:
        program.stop()
