"""Which path belongs to which service."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from mailer.local.cloud import drafts, entra, folders, graph, identity, sending, uploads, vault
from mailer.local.cloud.calls import CarryOut, Refusal, endpoint
from mailer.local.cloud.model import Call
from mailer.local.cloud.panel import Panel
from mailer.local.cloud.state import Cloud

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
USER = "/v1.0/users/{user}"
DRAFT = f"{USER}/messages/{{message}}"
UPLOAD = f"/{uploads.PATH}"


def build(cloud: Cloud) -> Starlette:
    """The web application of one local cloud."""
    get_identity = endpoint(cloud, "identity", identity.get_token, identity.refuse)
    get_secret = endpoint(cloud, "secret", vault.get_secret, vault.refuse)
    discover = endpoint(cloud, "discovery", entra.discover, entra.refuse)
    show_keys = endpoint(cloud, "keys", entra.show_keys, entra.refuse)
    grant_token = endpoint(cloud, "token", entra.grant_token, entra.refuse)
    app = Starlette(
        routes=[
            Mount("/control", routes=Panel(cloud).routes()),
            Route("/msi/token", get_identity),
            Route("/secrets/{name}", get_secret),
            Route("/secrets/{name}/", get_secret),
            Route("/secrets/{name}/{version}", get_secret),
            *graph_routes(cloud),
            Route("/v1.0/{rest:path}", no_such_segment, methods=EVERY_METHOD),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discover),
            Route("/{tenant}/discovery/v2.0/keys", show_keys),
            Route("/{tenant}/oauth2/v2.0/token", grant_token, methods=["POST"]),
            Route("/{version}/{rest:path}", no_such_version, methods=EVERY_METHOD),
        ]
    )
    # A wrong slash is a wrong path, not a reason to send the caller elsewhere.
    app.router.redirect_slashes = False
    return app


def graph_routes(cloud: Cloud) -> list[Route]:
    """Graph's mail calls, and the upload URLs that it gives out."""

    def route(method: str, path: str, call: Call, carry_out: CarryOut) -> Route:
        # An upload URL is not Graph's, whose limit it does not know.
        limited = path != UPLOAD
        return Route(path, endpoint(cloud, call, carry_out, graph.refuse, limited=limited), methods=[method])

    return [
        route("POST", f"{USER}/sendMail", "sendMail", sending.send_mail),
        route("GET", f"{USER}/mailFolders/sentitems/messages", "sentitems", folders.list_sent_items),
        route("GET", f"{USER}/mailFolders/drafts/messages", "drafts", folders.list_drafts),
        route("POST", f"{USER}/messages", "createDraft", drafts.create_draft),
        route("POST", f"{DRAFT}/attachments", "addAttachment", drafts.add_attachment),
        route("POST", f"{DRAFT}/attachments/createUploadSession", "createUploadSession", uploads.create_upload_session),
        route("POST", f"{DRAFT}/send", "send", sending.send_draft),
        route("DELETE", DRAFT, "deleteDraft", drafts.delete_draft),
        route("PUT", UPLOAD, "uploadRange", uploads.upload_range),
        route("GET", UPLOAD, "sessionStatus", uploads.show_status),
        route("DELETE", UPLOAD, "cancelUpload", uploads.cancel_upload),
    ]


async def no_such_segment(request: Request) -> Response:
    """Graph's answer for a path that it does not know, such as sendMail without a user before it."""
    segment = request.url.path.rstrip("/").rpartition("/")[2]
    return graph.refuse(request, Refusal(400, "BadRequest", f"Resource not found for the segment '{segment}'."))


async def no_such_version(request: Request) -> Response:
    """Graph answers for every path that no other service has; without /v1.0 it takes the first part for a version."""
    return graph.refuse(request, Refusal(400, "BadRequest", f"Invalid version: {request.path_params['version']}"))
