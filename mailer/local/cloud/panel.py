"""The control panel: what tests turn in the cloud, over /control. Its client is control.py.

No authentication: the cloud listens on loopback only, and nothing in it is worth protecting.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cryptography import x509
from pydantic import AwareDatetime, Field
from pydantic_core import to_jsonable_python
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailer.local.cloud import applications, people, seed
from mailer.local.cloud.model import (
    AcceptedMail,
    ClientSecret,
    Draft,
    Fault,
    FederatedCredential,
    Mailbox,
    SecretVersion,
    Settings,
    Traffic,
    Value,
)
from mailer.local.cloud.state import Cloud

Handler = Callable[[Request], Awaitable[Any]]
V = TypeVar("V", bound=Value)


class NewClientSecret(Value):
    value: str | None = None
    expires: AwareDatetime | None = None


class ClientSecretChange(Value):
    expires: AwareDatetime


class NewVersion(Value):
    value: str
    expires: AwareDatetime | None = None
    enabled: bool = True
    content_type: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class VersionChange(Value):
    enabled: bool | None = None
    expires: AwareDatetime | None = None


class Rotation(Value):
    remove_old: bool = False


class FederatedCredentials(Value):
    credentials: tuple[FederatedCredential, ...]


class Panel:
    """One method for each thing that can be turned or read."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def routes(self) -> list[Route]:
        return [
            route("/reset", "POST", self.reset),
            route("/settings", "PATCH", self.change_settings),
            route("/faults", "POST", self.add_fault),
            route("/faults", "GET", self.list_faults),
            route("/faults", "DELETE", self.clear_faults),
            route("/faults/{id:int}", "DELETE", self.remove_fault),
            route("/client-secrets", "POST", self.add_client_secret),
            route("/client-secrets", "GET", self.list_client_secrets),
            route("/client-secrets/{id}", "PATCH", self.change_client_secret),
            route("/client-secrets/{id}", "DELETE", self.remove_client_secret),
            route("/rotate", "POST", self.rotate),
            route("/certificates", "POST", self.add_certificate),
            route("/federated-credentials", "PUT", self.set_federated_credentials),
            route("/vault/{name}", "POST", self.add_version),
            route("/vault/{name}", "GET", self.list_versions),
            route("/vault/{name}", "DELETE", self.remove_secret),
            route("/vault/{name}/{version}", "PATCH", self.change_version),
            route("/mailboxes", "GET", self.list_mailboxes),
            route("/mailboxes", "PUT", self.put_mailbox),
            route("/mailboxes/{address}", "DELETE", self.remove_mailbox),
            route("/mails", "GET", self.list_mails),
            route("/drafts", "GET", self.list_drafts),
            route("/requests", "GET", self.report_requests),
            route("/directory", "GET", self.show_directory),
            route("/az-token", "GET", self.give_az_token),
        ]

    async def reset(self, request: Request) -> None:
        self.cloud.reset(empty=request.query_params.get("empty") == "true")

    async def change_settings(self, request: Request) -> Settings:
        """Change the settings that the body names and leave the others."""
        change = await request.json()
        self.cloud.settings = Settings.model_validate(self.cloud.settings.model_dump() | change)
        if "roles" in change:
            self.cloud.directory.set_roles(seed.APP_OBJECT_ID, self.cloud.settings.roles)
        return self.cloud.settings

    async def add_fault(self, request: Request) -> dict[str, int]:
        return {"id": self.cloud.faults.add(Fault.model_validate_json(await request.body()))}

    async def list_faults(self, _request: Request) -> list[dict[str, Any]]:
        return [
            {"id": number, "hits": armed.hits, "left": armed.left, "fault": armed.fault}
            for number, armed in self.cloud.faults.armed.items()
        ]

    async def clear_faults(self, _request: Request) -> None:
        self.cloud.faults.clear()

    async def remove_fault(self, request: Request) -> None:
        self.cloud.faults.remove(request.path_params["id"])

    async def add_client_secret(self, request: Request) -> ClientSecret:
        new = NewClientSecret.model_validate_json(await request.body())
        return self.cloud.add_client_secret(new.value, expires=new.expires)

    async def list_client_secrets(self, _request: Request) -> list[ClientSecret]:
        return self.cloud.client_secrets

    async def change_client_secret(self, request: Request) -> ClientSecret:
        change = ClientSecretChange.model_validate_json(await request.body())
        secrets = self.cloud.client_secrets
        index = index_of(secrets, id=request.path_params["id"])
        secrets[index] = changed(secrets[index], change)
        return secrets[index]

    async def remove_client_secret(self, request: Request) -> None:
        secrets = self.cloud.client_secrets
        del secrets[index_of(secrets, id=request.path_params["id"])]

    async def rotate(self, request: Request) -> SecretVersion:
        """A new client secret at Entra, put into the vault; the old ones stay valid unless they are to go."""
        rotation = Rotation.model_validate_json(await request.body())
        if rotation.remove_old:
            self.cloud.client_secrets.clear()
        secret = self.cloud.add_client_secret()
        return self.cloud.add_version(seed.SECRET_NAME, secret.value, expires=secret.expires)

    async def add_certificate(self, request: Request) -> dict[str, str]:
        """Register a PEM certificate, without its key, on the app."""
        return {"thumbprint": self.cloud.add_certificate(x509.load_pem_x509_certificate(await request.body()))}

    async def set_federated_credentials(self, request: Request) -> None:
        credentials = FederatedCredentials.model_validate_json(await request.body()).credentials
        self.cloud.seeded.federated_credentials = credentials

    async def add_version(self, request: Request) -> SecretVersion:
        new = NewVersion.model_validate_json(await request.body())
        return self.cloud.add_version(request.path_params["name"], **dict(new))

    async def list_versions(self, request: Request) -> list[SecretVersion]:
        return self.cloud.vault[request.path_params["name"]]

    async def remove_secret(self, request: Request) -> None:
        del self.cloud.vault[request.path_params["name"]]

    async def change_version(self, request: Request) -> SecretVersion:
        change = VersionChange.model_validate_json(await request.body())
        versions = self.cloud.vault[request.path_params["name"]]
        index = index_of(versions, version=request.path_params["version"])
        versions[index] = changed(versions[index], change).model_copy(update={"updated": datetime.now(UTC)})
        return versions[index]

    async def list_mailboxes(self, _request: Request) -> list[Mailbox]:
        return list(self.cloud.mailboxes.values())

    async def put_mailbox(self, request: Request) -> Mailbox:
        """Add a mailbox or replace the one with this address."""
        mailbox = Mailbox.model_validate_json(await request.body())
        self.cloud.mailboxes[mailbox.address] = mailbox
        return mailbox

    async def remove_mailbox(self, request: Request) -> None:
        del self.cloud.mailboxes[request.path_params["address"].lower()]

    async def list_mails(self, _request: Request) -> list[AcceptedMail]:
        return self.cloud.mails

    async def list_drafts(self, _request: Request) -> list[Draft]:
        return [draft.message for draft in self.cloud.drafts.values()]

    async def report_requests(self, _request: Request) -> Traffic:
        return self.cloud.traffic.report()

    async def show_directory(self, _request: Request) -> dict[str, Any]:
        """What is registered and granted, but for the seed's own objects."""
        directory = self.cloud.directory
        return {
            "applications": [applications.shown(one) for one in directory.applications],
            "principals": [vars(one) for one in directory.principals],
            "roles": {one.id: directory.roles(one.id) for one in directory.principals},
            "exchange": [vars(one) for one in directory.exchange_grants],
        }

    async def give_az_token(self, request: Request) -> dict[str, Any]:
        """What `az account get-access-token` prints when the person has signed in with az."""
        resource = request.query_params["resource"].rstrip("/")
        token = people.issue(self.cloud, audience=resource, client_id=seed.AZURE_CLI, scope=f"{resource}/.default")
        expires = datetime.now(UTC) + timedelta(seconds=self.cloud.settings.token_lifetime)
        return {
            "accessToken": token,
            "expiresOn": f"{expires.astimezone():%Y-%m-%d %H:%M:%S.%f}",
            "expires_on": int(expires.timestamp()),
            "tenant": seed.TENANT,
            "tokenType": "Bearer",
        }


def route(path: str, method: str, handler: Handler) -> Route:
    """A route that answers with the handler's value as JSON, and with a readable text when it cannot."""

    async def answer(request: Request) -> Response:
        try:
            value = await handler(request)
        except (KeyError, StopIteration):
            return Response(f"The local cloud has nothing at {request.url.path}.", 404, media_type="text/plain")
        except ValueError as error:
            return Response(f"The local cloud cannot take this: {error}", 422, media_type="text/plain")
        return Response(status_code=204) if value is None else JSONResponse(to_jsonable_python(value))

    return Route(path, answer, methods=[method])


def index_of(values: Sequence[Value], **key: str) -> int:
    """Where the value with this key stands; StopIteration when nowhere."""
    ((name, wanted),) = key.items()
    return next(index for index, value in enumerate(values) if getattr(value, name) == wanted)


def changed(value: V, change: Value) -> V:
    """The value with the fields that the change names."""
    return value.model_copy(update=change.model_dump(exclude_unset=True))
