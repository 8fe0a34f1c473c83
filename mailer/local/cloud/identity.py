"""The managed identity endpoint of App Service and Functions, for one identity.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import time
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.state import Cloud

API_VERSION = "2019-08-01"
RESOURCES = (seed.VAULT, seed.TOKEN_EXCHANGE)
OURS = {"client_id": seed.IDENTITY_CLIENT_ID, "object_id": seed.IDENTITY_OBJECT_ID}
USER_ASSIGNED = ("client_id", "principal_id", "object_id", "mi_res_id")


async def get_token(cloud: Cloud, request: Request) -> Response:
    """A token of the Function's own identity."""
    query = request.query_params
    if request.headers.get("x-identity-header") != seed.IDENTITY_HEADER:
        raise Refusal(401, "Unauthorized", "The header X-IDENTITY-HEADER is missing or wrong.")
    if query.get("api-version") != API_VERSION:
        raise Refusal(
            400, "BadRequest", f"The api-version {query.get('api-version')!r} is not supported; use {API_VERSION}."
        )
    if any(query.get(name) not in (None, "", OURS.get(name)) for name in USER_ASSIGNED):
        raise Refusal(400, "BadRequest", "Unable to load the proper Managed Identity.")
    resource = query.get("resource")
    if not resource:
        raise Refusal(400, "BadRequest", "The parameter 'resource' is missing.")
    if resource not in RESOURCES:
        raise Refusal(
            500, "InternalServerError", f"An unexpected error occurred while fetching the token for {resource}."
        )
    lifetime = cloud.settings.identity_lifetime
    token = cloud.signer.issue(
        audience=resource,
        app_id=seed.IDENTITY_CLIENT_ID,
        object_id=seed.IDENTITY_OBJECT_ID,
        lifetime=lifetime,
        method="2",
    )
    return JSONResponse(
        {
            "access_token": token,
            "expires_on": str(int(time.time()) + lifetime),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": seed.IDENTITY_CLIENT_ID,
        }
    )


def refuse(_request: Request, refusal: Refusal) -> Response:
    """The refusal in App Service's words."""
    content = {"statusCode": refusal.status, "message": refusal.message, "correlationId": str(uuid.uuid4())}
    return JSONResponse(content, refusal.status, refusal.headers)
