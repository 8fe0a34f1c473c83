"""`python -m mailer.local.host`: read settings and functions, print the list as func does, serve."""

import argparse
import asyncio
import os
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from mailer.local.host import console, settings
from mailer.local.host.errors import StartupError
from mailer.local.host.functions import Function, load
from mailer.local.host.host_json import read_host_json
from mailer.local.host.keys import FILE, Keys, load_keys
from mailer.local.host.process import bind
from mailer.local.host.queues import MESSAGE_LEASE
from mailer.local.host.server import Host
from mailer.local.host.web import Route, http_routes

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"


def main() -> int:
    """Run the host until it is told to stop; 0 then, 1 when it could not start."""
    arguments = _arguments()
    print(_name(), flush=True)
    try:
        _run(arguments)
    except StartupError as problem:
        if problem.__cause__:
            traceback.print_exception(problem.__cause__)
        console.error(str(problem))
        return 1
    return 0


def _run(arguments: argparse.Namespace) -> None:
    root = Path(arguments.root).resolve()
    local = settings.read_local_settings(root)
    address = arguments.address or local.address or DEFAULT_ADDRESS
    port = arguments.port or local.port or DEFAULT_PORT
    listening = bind(address, port)
    settings.apply(local, os.environ)
    console.configure(verbose=arguments.verbose, debug=os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING") == "1")
    os.environ["AZURE_FUNCTIONS_ENVIRONMENT"] = os.environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    os.environ["WEBSITE_HOSTNAME"] = f"localhost:{port}"
    os.environ["AzureWebJobsScriptRoot"] = str(root)  # noqa: SIM112 - its name
    settings.require_python(os.environ)
    options = read_host_json(root, os.environ)
    os.chdir(root)
    functions = load(root, os.environ, arguments.functions or options.functions)
    routes = http_routes(functions, options.route_prefix)
    keys = load_keys(root, [route.function.name for route in routes]) if arguments.enable_auth else None
    lease = timedelta(seconds=arguments.message_lease)
    host = Host(functions, routes, options, keys=keys, environ=os.environ, message_lease=lease)
    asyncio.run(host.serve(listening, ready=_list(functions, routes, port, keys)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m mailer.local.host", description="Run the function app of this folder, as `func start` would."
    )
    parser.add_argument("--port", "-p", type=int, help=f"default {DEFAULT_PORT}, or Host.LocalHttpPort")
    parser.add_argument("--address", help=f"default {DEFAULT_ADDRESS}, or Host.LocalHttpAddress")
    parser.add_argument("--root", default=".", help="the folder with function_app.py (default: the current one)")
    parser.add_argument("--enable-auth", action="store_true", help="check function keys, as Azure does")
    parser.add_argument("--functions", nargs="+", metavar="NAME", help="load only these")
    parser.add_argument(
        "--message-lease",
        type=_seconds,
        default=MESSAGE_LEASE.total_seconds(),
        metavar="SECONDS",
        help="how long a taken message stays out of sight, for tests of crashes (default: %(default).0f, as in Azure)",
    )
    parser.add_argument("--verbose", action="store_true", help="show the host's own log too")
    return parser.parse_args()


def _seconds(text: str) -> int:
    """The service counts a lease in whole seconds."""
    seconds = int(text)
    if seconds < 1:
        message = f"{text} is not a whole number of seconds from 1 up"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _name() -> str:
    return (
        "\nmailer's embedded function host. It behaves like func start, but it is not Azure Functions Core Tools.\n"
        f"Python {platform.python_version()}, azure-functions {version('azure-functions')}\n"
    )


def _list(functions: Sequence[Function], routes: Sequence[Route], port: int, keys: Keys | None) -> str:
    """The functions, as func lists them."""
    if not functions:
        return "\nNo functions found in function_app.py.\n"
    lines = ["", "Functions:", ""]
    for route in (route for route in routes if not route.function.disabled):
        methods = f"[{','.join(route.methods)}] " if route.methods else ""
        lines += [f"\t{route.function.name}: {methods}http://localhost:{port}/{route.template.text}", ""]
    lines += [
        text
        for function in functions
        if function.trigger.type != "httpTrigger" and not function.disabled
        for text in (f"\t{function.name}: {function.trigger.type}", "")
    ]
    lines += [f"\tFunction {function.name} is disabled." for function in functions if function.disabled]
    if keys:
        lines += [
            f"Keys (header x-functions-key, or ?code=; kept in {FILE}):",
            f"\tmaster: {keys.master}",
            f"\thost: {keys.host}",
        ]
        lines += [*(f"\t{name}: {key}" for name, key in keys.functions.items()), ""]
    return "\n".join([*lines, "For detailed output, run the host with --verbose.", ""])


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A function that is cut off still holds its thread, and Python would wait for it for ever.
    os._exit(code)
