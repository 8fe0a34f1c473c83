"""Where set-up works: tenant, authority, Graph and vault, from flags or from the settings of the app."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mailer.errors import ConfigError
from mailer.identity.entra import exchange_scope
from mailer.setting_texts import is_loopback
from mailer.settings import Settings

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"
PUBLIC_GRAPH = "https://graph.microsoft.com"

_KNOWN = {known.name: known.metadata for known in fields(Settings)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The services of one cloud, and the app in one tenant. `name` is the app registration's uniqueName."""

    authority: str
    graph: str
    secret_name: str
    name: str
    tenant: str | None = None
    vault: str | None = None
    client_id: str | None = None

    @property
    def resource(self) -> str:
        """Graph as tokens name it; one on this machine plays the public cloud's."""
        return PUBLIC_GRAPH if is_loopback(self.graph) else self.graph

    @property
    def entra(self) -> dict[str, Any]:
        """How an SDK's credential reaches this authority; one on this machine cannot be looked up at Microsoft's."""
        return {"authority": self.authority, "disable_instance_discovery": is_loopback(self.authority)}

    @property
    def audience(self) -> str:
        """For whom a managed identity's token must be meant to be taken in place of a secret."""
        return exchange_scope(self.authority).removesuffix("/.default")

    def issuer(self, tenant_id: str) -> str:
        """Who signs the tokens of a managed identity of this tenant."""
        return f"{PUBLIC_AUTHORITY if is_loopback(self.authority) else self.authority}/{tenant_id}/v2.0"


def read_place(environ: Mapping[str, str], *, name: str, **flags: str | None) -> Place:
    """The place that the flags name, else the settings, else the public cloud. Raises ConfigError for what is wrong."""
    values: dict[str, str | None] = {}
    problems = []
    for member, field in (
        ("tenant", "tenant_id"),
        ("authority", "authority_host"),
        ("graph", "graph_url"),
        ("vault", "key_vault_url"),
        ("secret_name", "client_secret_name"),
        ("client_id", "client_id"),
    ):
        known = _KNOWN[field]
        text = (flags.get(member) or environ.get(known["name"], "")).strip() or known["default"]
        try:
            values[member] = known["read"](text) if text else None
        except ValueError as error:
            flag = f"--{member.replace('_', '-')} or " if member in flags else ""
            reason = f" ({error})" if str(error) else ""
            problems.append(f"{flag}{known['name']} is wrong{reason}. It holds {known['meaning']}.")
    if problems:
        raise ConfigError(problems)
    authority, graph, secret_name = (str(values.pop(member)) for member in ("authority", "graph", "secret_name"))
    return Place(authority=authority, graph=graph, secret_name=secret_name, name=name, **values)
