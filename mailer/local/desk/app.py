"""What the page of the desk asks for: the templates, a mail for some variables, and word of every change."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from watchfiles import awatch

from mailer.errors import InvalidRequest
from mailer.local.desk.panes import panes
from mailer.request.json_object import read_object
from mailer.request.model import TemplateUse
from mailer.templating.lint.check import Fault, check
from mailer.templating.lint.filenames import part_for, parts
from mailer.templating.preview import Preview, described
from mailer.templating.sources import Folder
from mailer.templating.templates import Templates

PAGE = Path(__file__).parent / "page"
STILL_THERE = 5_000  # milliseconds between two signs of life

# The page's own frames show mails: they inherit this, and may themselves load nothing.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build(folder: Path) -> Starlette:
    """The web application for the templates in a folder."""
    desk = Desk(folder)
    return Starlette(
        routes=[
            Route("/", desk.page),
            Route("/templates", desk.list_templates),
            Route("/templates/{id}/mail", desk.render, methods=["POST"]),
            Route("/changes", desk.tell_changes),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        # A page of another site must not read the templates by a name that leads here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class Desk:
    """One method for each thing that the page asks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.templates = Templates(Folder(folder))

    def page(self, _request: Request) -> Response:
        return FileResponse(
            PAGE / "index.html", headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        )

    def list_templates(self, _request: Request) -> Response:
        faults = check(self.folder)
        return JSONResponse(
            {
                "folder": str(self.folder),
                "templates": [self._shown(name, faults) for name in self.templates.names()],
                "faults": [str(fault) for fault in faults if fault.file.startswith("_")],
            }
        )

    def _shown(self, name: str, faults: list[Fault]) -> dict[str, Any]:
        files = self.templates.files(name)
        known = parts(files)
        try:
            about = described(name, self.templates)
        except InvalidRequest:  # which is among the faults
            about = {"locales": ["en", *sorted({one.tag for one in known if one.tag})], "variables": []}
        mails = []
        for index, locale in enumerate(about["locales"]):
            sample = part_for(locale.lower() if index else "", "sample", known)
            text = files[sample.file].decode(errors="replace") if sample else "{}"
            mails.append({"locale": locale, "sample": text})
        return {
            "id": name,
            "mails": mails,
            "variables": about["variables"],
            "faults": [str(fault) for fault in faults if fault.file.startswith(f"{name}/")],
        }

    async def render(self, request: Request) -> Response:
        """The mail for the variables in the body, in each way to look at it; or all that is wrong with them."""
        name, locale = request.path_params["id"], request.query_params.get("locale")
        try:
            variables = read_object(await request.body())
            use = TemplateUse(id=name, variables=variables, locale=locale)
            content = self.templates.content(use, known=self.templates.content_ids(name))
            shown = Preview(content=content, locale=locale or "")
        except InvalidRequest as invalid:
            problems = [{"target": problem.target, "message": problem.message} for problem in invalid.problems]
            return JSONResponse({"problems": problems}, 422)
        source = {"source": shown.content.body, "panes": panes(shown.as_page())}
        return JSONResponse(shown.as_json() | source)

    async def tell_changes(self, _request: Request) -> Response:
        return StreamingResponse(_changes(self.folder), media_type="text/event-stream")


async def _changes(folder: Path) -> AsyncIterator[str]:
    """Server-sent events, one for all that is saved at once; https://html.spec.whatwg.org/#server-sent-events."""
    yield ": watching\n\n"
    async for changes in awatch(folder, step=50, rust_timeout=STILL_THERE, yield_on_timeout=True):
        yield "data: saved\n\n" if changes else ": still there\n\n"
