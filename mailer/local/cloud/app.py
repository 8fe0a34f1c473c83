"""Which path belongs to which service."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from mailer.local.cloud import entra, graph, identity, sent_items, vault
from mailer.local.cloud.calls import Refusal, endpoint
from mailer.local.cloud.panel import Panel
from mailer.local.cloud.state import Cloud

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def build(cloud: Cloud) -> Starlette:
    """The web application of one local cloud."""
    get_identity = endpoint(cloud, "identity", identity.get_token, identity.refuse)
    get_secret = endpoint(cloud, "secret", vault.get_secret, vault.refuse)
    discover = endpoint(cloud, "discovery", entra.discover, entra.refuse)
    show_keys = endpoint(cloud, "keys", entra.show_keys, entra.refuse)
    grant_token = endpoint(cloud, "token", entra.grant_token, entra.refuse)
    send_mail = endpoint(cloud, "sendMail", graph.send_mail, graph.refuse)
    list_sent_items = endpoint(cloud, "sentitems", sent_items.list_sent_items, graph.refuse)
    app = Starlette(
        routes=[
            Mount("/control", routes=Panel(cloud).routes()),
            Route("/msi/token", get_identity),
            Route("/secrets/{name}", get_secret),
            Route("/secrets/{name}/", get_secret),
            Route("/secrets/{name}/{version}", get_secret),
            Route("/v1.0/users/{user}/sendMail", send_mail, methods=["POST"]),
            Route("/v1.0/users/{user}/mailFolders/sentitems/messages", list_sent_items),
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


async def no_such_segment(request: Request) -> Response:
    """Graph's answer for a path that it does not know, such as sendMail without a user before it."""
    segment = request.url.path.rstrip("/").rpartition("/")[2]
    return graph.refuse(request, Refusal(400, "BadRequest", f"Resource not found for the segment '{segment}'."))


async def no_such_version(request: Request) -> Response:
    """Graph answers for every path that no other service has; without /v1.0 it takes the first part for a version."""
    return graph.refuse(request, Refusal(400, "BadRequest", f"Invalid version: {request.path_params['version']}"))
