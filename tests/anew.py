"""What a worker has that has just started: no part made yet."""

import importlib
import sys

from mailer import wiring


def start_anew():
    """Forget all parts, in the modules that others have imported."""
    for name in [name for name in sys.modules if name.startswith("mailer.wiring.")]:
        importlib.reload(sys.modules[name])
    importlib.reload(wiring)
