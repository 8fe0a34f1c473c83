"""A person who signs in: by az where that is signed in already, else in a browser, else with a device code.

https://learn.microsoft.com/python/api/azure-identity/azure.identity.azureclicredential
https://learn.microsoft.com/entra/identity/conditional-access/managed-policies (why the device code comes last)
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    CredentialUnavailableError,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
)

from mailer.identity.claims import claims_of, user_name
from mailer.identity.network import NETWORK
from mailer.setup.place import Place
from mailer.setup.refusals import no_sign_in
from mailer.setup.steps import Stopped, Tell

Way = Literal["az", "browser", "device-code"]
WAYS: tuple[Way, ...] = ("az", "browser", "device-code")

GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"  # Microsoft Graph Command Line Tools: may ask for Graph's scopes
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # may have Key Vault, which the other one may not
AZ_WITHIN = 30  # seconds; az itself is slow to start
SIGN_IN_WITHIN = 300  # seconds
FRESH = 300  # seconds that a kept token must still be good for
_NO_CLIENT = ("AADSTS700016", "AADSTS7000112", "AADSTS65002", "AADSTS50105")


@dataclass(kw_only=True)
class Person:
    """Somebody who has signed in. `vault` gives tokens for Key Vault."""

    way: Way
    graph: Callable[[], AccessToken]
    vault: TokenCredential
    name: str = ""
    tenant: str = ""
    kept: AccessToken | None = None

    def token(self) -> str:
        """A token for Graph; raises Stopped."""
        if self.kept is None or self.kept.expires_on - time.time() < FRESH:
            try:
                self.kept = self.graph()
            except ClientAuthenticationError as error:
                raise no_sign_in(error, self.way) from error
        return self.kept.token


def sign_in(place: Place, scopes: Iterable[str], *, ways: Iterable[Way], tell: Tell) -> Person:
    """The person, by the first way that there is here; raises Stopped.

    `scopes` are Graph's delegated permissions; az has its own, which are not asked for.
    """
    missing: CredentialUnavailableError | None = None
    for way in ways:
        try:
            person = _by_az(place) if way == "az" else _interactive(place, way, tuple(scopes), tell=tell)
            person.kept = person.graph()
        except CredentialUnavailableError as error:
            missing = error
            continue
        except (AzureError, OSError, ValueError) as error:
            raise no_sign_in(error, way) from error
        claims = claims_of(person.token())
        person.name = user_name(claims)
        person.tenant = claims.get("tid") or place.tenant or ""
        return person
    if missing and "AADSTS" in str(missing):
        raise no_sign_in(missing, "az") from missing
    cure = "Run `az login --tenant TENANT`, or choose another way: --sign-in browser, --sign-in device-code."
    raise Stopped(f"Nobody has signed in: {' '.join(str(missing).split())}", cure)


def signed_in(place: Place) -> Person | None:
    """Whoever has signed in with az, without asking anybody."""
    try:
        return sign_in(place, (), ways=("az",), tell=lambda _: None)
    except Stopped:
        return None


def _by_az(place: Place) -> Person:
    az = AzureCliCredential(tenant_id=place.tenant or "", additionally_allowed_tenants=["*"], process_timeout=AZ_WITHIN)
    return Person(way="az", graph=lambda: _az_token(az, f"{place.resource}/.default"), vault=az)


def _az_token(az: AzureCliCredential, scope: str) -> AccessToken:
    try:
        token: AccessToken = az.get_token(scope)
    except CredentialUnavailableError:
        raise
    except ClientAuthenticationError as error:
        # az is there and its sign-in is of no use, for this tenant or any longer.
        raise CredentialUnavailableError(message=f"az gives no token: {error}") from error
    return token


def _interactive(place: Place, way: Way, scopes: tuple[str, ...], *, tell: Tell) -> Person:
    graph = _credential(place, way, GRAPH_TOOLS, tell)
    vault = _FirstThatMay(_credential(place, way, AZURE_CLI, tell), _credential(place, way, GRAPH_TOOLS, tell))
    wanted = [f"{place.resource}/{scope}" for scope in scopes]
    return Person(way=way, graph=lambda: graph.get_token(*wanted), vault=vault)


def _credential(place: Place, way: Way, client_id: str, tell: Tell) -> TokenCredential:
    known: dict[str, Any] = {
        "client_id": client_id,
        "tenant_id": place.tenant or "organizations",
        "timeout": SIGN_IN_WITHIN,
        "additionally_allowed_tenants": ["*"],
        **place.entra,
        **NETWORK,
    }
    if way == "browser":
        return InteractiveBrowserCredential(**known)

    def prompt(uri: str, code: str, _expires: datetime) -> None:
        tell(f"To sign in, open {uri} in any browser and enter the code {code}")

    del known["timeout"]
    return DeviceCodeCredential(prompt_callback=prompt, **known)


class _FirstThatMay:
    """Tokens by the first client that the tenant lets have them: some block one of Microsoft's own."""

    def __init__(self, *credentials: TokenCredential) -> None:
        self._credentials = list(credentials)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - as in TokenCredential
        while True:
            try:
                return self._credentials[0].get_token(*scopes, **options)
            except ClientAuthenticationError as error:
                if len(self._credentials) == 1 or not any(code in str(error) for code in _NO_CLIENT):
                    raise
                self._credentials.pop(0)
