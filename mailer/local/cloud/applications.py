"""Graph: app registrations and their certificates; app_credentials.py has secrets and federated credentials.

https://learn.microsoft.com/graph/api/application-upsert
"""

import base64
import binascii
from datetime import datetime
from typing import Any

from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import Application, new_id
from mailer.local.cloud.model import ClientSecret
from mailer.local.cloud.odata import REGISTRARS, done, not_found, permit, read_object, show, show_all, visible, wanted
from mailer.local.cloud.state import Cloud

SCOPE = "Application.ReadWrite.All"
SETTABLE = {"displayName", "signInAudience", "requiredResourceAccess", "keyCredentials"}


async def upsert(cloud: Cloud, request: Request) -> Response:
    """By uniqueName: 201 with what was made, 204 for what was there."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    name = request.path_params["name"]
    application = cloud.directory.application(unique_name=name)
    content = await read_object(request)
    if application:
        change(application, content)
        return done(request)
    if "create-if-missing" not in request.headers.get("prefer", ""):
        raise not_found(name)
    if not content.get("displayName"):
        raise Refusal(400, "Request_BadRequest", "A value is required for property 'displayName' of resource.")
    application = Application(display_name=content["displayName"], unique_name=name)
    change(application, content)
    cloud.directory.applications.append(application)
    return show(request, shown(application), 201)


async def get_by_name(cloud: Cloud, request: Request) -> Response:
    """The application with this uniqueName."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    application = cloud.directory.application(unique_name=request.path_params["name"])
    if application is None or not visible(cloud, application.created):
        raise not_found(request.path_params["name"])
    return show(request, shown(application))


async def find_all(cloud: Cloud, request: Request) -> Response:
    """Applications by appId or uniqueName."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    name, value = wanted(request, "appId", "uniqueName")
    key = {"appId": "app_id", "uniqueName": "unique_name"}[name]
    application = cloud.directory.application(**{key: value})
    found = [application] if application and visible(cloud, application.created) else []
    return show_all(request, map(shown, found))


async def get(cloud: Cloud, request: Request) -> Response:
    """One application."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    return show(request, shown(find(cloud, request)))


async def patch(cloud: Cloud, request: Request) -> Response:
    """Change what the body names: 204."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    change(find(cloud, request), await read_object(request))
    return done(request)


async def delete(cloud: Cloud, request: Request) -> Response:
    """Delete an application and what was granted to it: 204."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    cloud.directory.remove(find(cloud, request))
    return done(request)


def find(cloud: Cloud, request: Request) -> Application:
    """The application that the path names."""
    identifier = request.path_params["application"]
    application = cloud.directory.application(id=identifier)
    if application is None or not visible(cloud, application.created):
        raise not_found(identifier)
    return application


def change(application: Application, content: dict[str, Any]) -> None:
    """Set what the body names; a list of certificates replaces the one before."""
    if unknown := sorted(set(content) - SETTABLE):
        raise Refusal(400, "Request_BadRequest", f"The local cloud cannot set the property '{unknown[0]}'.")
    application.display_name = content.get("displayName", application.display_name)
    application.sign_in_audience = content.get("signInAudience", application.sign_in_audience)
    application.required_resource_access = content.get("requiredResourceAccess", application.required_resource_access)
    if "keyCredentials" in content:
        set_certificates(application, content["keyCredentials"])


def set_certificates(application: Application, keys: list[dict[str, Any]]) -> None:
    """Set the public certificates of the app."""
    certificates = []
    for key in keys:
        try:
            certificates.append(x509.load_der_x509_certificate(base64.b64decode(key.get("key") or "", validate=True)))
        except (ValueError, binascii.Error):
            raise Refusal(400, "Request_BadRequest", "Key credential has no valid certificate.") from None
        if (key.get("type"), key.get("usage")) != ("AsymmetricX509Cert", "Verify"):
            raise Refusal(400, "Request_BadRequest", "Key credential type or usage is invalid.")
    application.certificates.clear()
    application.key_credentials = []
    for key, certificate in zip(keys, certificates, strict=True):
        application.add_certificate(certificate)
        end = certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z")
        application.key_credentials.append({**key, "keyId": key.get("keyId") or new_id(), "endDateTime": end})


def shown(application: Application) -> dict[str, Any]:
    """An application as Graph shows it."""
    return {
        "id": application.id,
        "appId": application.app_id,
        "displayName": application.display_name,
        "uniqueName": application.unique_name,
        "signInAudience": application.sign_in_audience,
        "requiredResourceAccess": application.required_resource_access,
        "passwordCredentials": [shown_secret(secret) for secret in application.secrets],
        "keyCredentials": application.key_credentials,
        "createdDateTime": instant(application.created),
    }


def shown_secret(secret: ClientSecret) -> dict[str, Any]:
    """A client secret without its text."""
    return {
        "customKeyIdentifier": None,
        "displayName": secret.display_name,
        "endDateTime": instant(secret.expires),
        "hint": secret.value[:3],
        "keyId": secret.id,
        "secretText": None,
    }


def instant(time: datetime) -> str:
    """Graph writes seven digits behind the second."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}0Z"
