"""Flags that several commands have, and the place and the courses that they describe."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

import typer

from mailer.errors import ConfigError
from mailer.setting_texts import read_duration
from mailer.setup.person import WAYS, Way
from mailer.setup.place import Place, read_place

Tenant = Annotated[str | None, typer.Option(help="the tenant's id or domain (MAILER_TENANT_ID, else that of az)")]
Authority = Annotated[str | None, typer.Option(help="where Entra is (MAILER_AUTHORITY_HOST)")]
Graph = Annotated[str | None, typer.Option(help="where Microsoft Graph is (MAILER_GRAPH_URL)")]
Vault = Annotated[str | None, typer.Option(help="the vault's URL (MAILER_KEY_VAULT_URL)")]
SecretName = Annotated[str | None, typer.Option(help="the secret's name in it (MAILER_CLIENT_SECRET_NAME)")]
Name = Annotated[str, typer.Option(help="the app registration's uniqueName")]
SignIn = Annotated[
    Literal["az", "browser", "device-code"] | None,
    typer.Option(help="how to sign in; without this by az, else a browser, else a device code"),
]
Yes = Annotated[bool, typer.Option("--yes", help="do it without asking")]
Json = Annotated[bool, typer.Option("--json", help="a JSON object a line, for scripts")]

NAME = "mailer"
URL, KEY = "MAILER_URL", "MAILER_KEY"  # of a deployed app; the commands' own, and no app settings


def environment() -> Mapping[str, str]:
    """The app settings as far as they are set here."""
    return {name: text for name, text in os.environ.items() if name not in {URL, KEY}}


def own_key() -> str:
    """The function key in the environment."""
    return os.environ.get(KEY, "")


def forget_own() -> None:
    """Leave only app settings in the environment."""
    for name in (URL, KEY):
        os.environ.pop(name, None)


def place(*, name: str = NAME, **flags: str | None) -> Place:
    """Where to work; wrong flags or settings are wrong use."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        message = "give up to 64 letters, digits, dots, hyphens and underscores"
        raise typer.BadParameter(message, param_hint="--name")
    try:
        return read_place(environment(), name=name, **flags)
    except ConfigError as error:
        raise typer.BadParameter("\n".join(error.problems)) from error


def ways(chosen: Way | None) -> tuple[Way, ...]:
    """The ways to sign in, the one that was chosen or all."""
    return (chosen,) if chosen else WAYS


def lifetime_of(text: str) -> timedelta:
    """A day or more; anything else is wrong use."""
    try:
        lifetime = read_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--lifetime") from error
    if lifetime < timedelta(days=1):
        message = "give a day or more, such as 180d"
        raise typer.BadParameter(message, param_hint="--lifetime")
    return lifetime


def mailbox(text: str, flag: str | None = None) -> str:
    """One address, in small letters; anything else is wrong use, told before anybody signs in."""
    from mailer.request.address import parse_address  # noqa: PLC0415 - most commands need none

    try:
        return parse_address(text).address.lower()
    except ValueError as error:
        message = f"'{text}' is no mailbox ({error})"
        raise typer.BadParameter(message, param_hint=flag) from error


def needs_vault(where: Place, *, otherwise: str = "") -> None:
    """A secret needs a vault, for it is shown to nobody."""
    if not where.vault:
        message = (
            "the secret goes straight into a Key Vault, so give --vault https://NAME.vault.azure.net "
            f"(MAILER_KEY_VAULT_URL){otherwise}"
        )
        raise typer.BadParameter(message)
