"""The operator's page and its files. They hold no data and need no key: what they show comes by the other calls."""

from pathlib import Path

import azure.functions as func

from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json

FOLDER = Path(__file__).parents[1] / "console"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Nothing but the page's own files is loaded or run, nothing is sent elsewhere, no other page may frame it, and no text
# becomes markup: https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

console = func.Blueprint()


@door(console, "console", methods=["GET"], may=None, anonymous=True)
def get_console(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Show the operator's page."""
    return _file("index.html")


@door(console, "console/{file}", methods=["GET"], may=None, anonymous=True)
def get_console_file(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Give a file of the operator's page."""
    return _file(str(req.route_params["file"]))


def _file(name: str) -> func.HttpResponse:
    if name not in {path.name for path in FOLDER.iterdir()}:
        return as_json(404, {"error": {"code": "not_found", "message": "The console has no such file.", "details": []}})
    path = FOLDER / name
    return func.HttpResponse(path.read_bytes(), mimetype=TYPES[path.suffix], headers=HEADERS)
