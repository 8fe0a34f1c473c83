"""local.settings.json → the environment, as Core Tools does it. Reads one file; writes to the mapping it is given."""

import json
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailer.local.host import console
from mailer.local.host.errors import StartupError

FILE = "local.settings.json"


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """What local.settings.json holds for Core Tools itself and for the app."""

    values: dict[str, str]
    port: int | None = None
    address: str | None = None


def read_local_settings(root: Path) -> LocalSettings:
    """local.settings.json of `root`; a missing or broken file counts as empty. Raises StartupError when encrypted."""
    path = root / FILE
    if not path.is_file():
        return LocalSettings(values={})
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as problem:
        console.warning(
            f"{FILE} is not valid JSON ({problem}), so none of its settings is used. Correct it and restart."
        )
        return LocalSettings(values={})
    if not isinstance(document, dict):
        console.warning(f"{FILE} must hold one JSON object, so none of its settings is used. Correct it and restart.")
        return LocalSettings(values={})
    if document.get("IsEncrypted", True) is not False:
        message = (
            f"{FILE} counts as encrypted, because IsEncrypted is true or missing, and only Core Tools on the machine "
            'that wrote it can decrypt it. Write "IsEncrypted": false, with the values in plain text.'
        )
        raise StartupError(message)
    host = document.get("Host") or {}
    return LocalSettings(
        values=_texts(document.get("Values") or {}),
        port=_port(host.get("LocalHttpPort")),
        address=host.get("LocalHttpAddress"),
    )


def apply(settings: LocalSettings, environ: MutableMapping[str, str]) -> None:
    """Put the values into the environment, where a variable that is already set wins."""
    for name, value in settings.values.items():
        if name in environ:
            console.warning(
                f"Skipping '{name}' from local settings as it's already defined in current environment variables."
            )
        else:
            environ[name] = value


def require_python(environ: MutableMapping[str, str]) -> None:
    """Raise StartupError unless the settings say that this is a Python app."""
    runtime = environ.get("FUNCTIONS_WORKER_RUNTIME")
    if runtime is None or runtime.casefold() != "python":
        found = "is not set" if runtime is None else f"is '{runtime}'"
        message = f"FUNCTIONS_WORKER_RUNTIME {found}, but this host runs Python only. Set it to 'python' in {FILE}."
        raise StartupError(message)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """The values as environment variables; null is skipped, an empty string is kept."""
    nested = [name for name, value in values.items() if isinstance(value, dict | list)]
    if nested:
        message = f"{FILE}: {', '.join(nested)} in Values is an object or a list. Write its JSON as one string."
        raise StartupError(message)
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    """A JSON scalar as .NET writes it: True, not true."""
    return value if isinstance(value, str) else str(value)


def _port(value: object) -> int | None:
    if value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        message = f"{FILE}: Host.LocalHttpPort is {value!r}, which is not a port. Write a number such as 7071."
        raise StartupError(message) from None
