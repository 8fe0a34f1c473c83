"""The functions of the app, read without a host: function_app.py is run anew, as a worker would."""

import runpy
from typing import Any

from mailer.local.programs import ROOT


def triggers() -> dict[str, Any]:
    """Each function's trigger by the function's name."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]
    return {function.get_function_name(): function.get_trigger() for function in app.get_functions()}
