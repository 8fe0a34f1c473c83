"""host.json, with its overrides from app settings, as typed options. Reads one file.

https://learn.microsoft.com/azure/azure-functions/functions-host-json
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailer.local.host.errors import StartupError

OVERRIDE = re.compile(r"AzureFunctionsJobHost(?:__|:)(.+)", re.IGNORECASE)
TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)")
DEVELOPMENT_POLLING = timedelta(seconds=2)
LARGEST_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class QueueOptions:
    """`extensions.queues`: one set for all queues of the app."""

    batch_size: int = 16
    new_batch_threshold: int = 8 * (os.cpu_count() or 1)
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta()
    max_polling_interval: timedelta = timedelta(minutes=1)
    base64: bool = True


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """What this host reads of host.json."""

    route_prefix: str = "api"
    queues: QueueOptions = field(default_factory=QueueOptions)
    functions: tuple[str, ...] = ()
    extension_bundle: Mapping[str, Any] | None = None


def read_host_json(root: Path, environ: Mapping[str, str]) -> HostOptions:
    """host.json of `root` with its AzureFunctionsJobHost__ overrides; a missing file counts as the default one.

    Raises StartupError, naming the value and what it should be.
    """
    path = root / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except ValueError as problem:
        message = f"host.json is not valid JSON: {problem}. Correct it and restart."
        raise StartupError(message) from None
    if document == {}:
        document = {"version": "2.0"}
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise StartupError('host.json must be a JSON object that says "version": "2.0". Add it and restart.')
    for name, value in environ.items():
        if match := OVERRIDE.fullmatch(name):
            _put(document, re.split("__|:", match[1]), value)
    extensions = _section(document, "extensions")
    prefix = _get(_section(extensions, "http"), "routePrefix", "api")
    return HostOptions(
        route_prefix=str(prefix).strip("/"),
        queues=_queues(_section(extensions, "queues"), environ),
        functions=_names(_get(document, "functions", ())),
        extension_bundle=_get(document, "extensionBundle", None),
    )


def _queues(section: dict[str, Any], environ: Mapping[str, str]) -> QueueOptions:
    development = environ.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
    longest = DEVELOPMENT_POLLING if development else QueueOptions.max_polling_interval
    encoding = str(_get(section, "messageEncoding", "base64")).casefold()
    if encoding not in {"base64", "none"}:
        message = f"host.json: extensions.queues.messageEncoding is '{encoding}'. Use 'base64' or 'none'."
        raise StartupError(message)
    size = _number(section, "batchSize", QueueOptions.batch_size, least=1, most=LARGEST_BATCH)
    return QueueOptions(
        batch_size=size,
        new_batch_threshold=_number(section, "newBatchThreshold", size // 2 * (os.cpu_count() or 1), least=0),
        max_dequeue_count=_number(section, "maxDequeueCount", QueueOptions.max_dequeue_count, least=1),
        visibility_timeout=_duration(section, "visibilityTimeout", timedelta(), least=timedelta()),
        max_polling_interval=_duration(section, "maxPollingInterval", longest, least=timedelta(milliseconds=100)),
        base64=encoding == "base64",
    )


def _names(functions: list[str] | dict[str, str]) -> tuple[str, ...]:
    """The allow-list of functions; an override comes as AzureFunctionsJobHost__functions__0 and so on."""
    return tuple(functions.values() if isinstance(functions, dict) else functions)


def _number(section: dict[str, Any], name: str, default: int, *, least: int, most: int | None = None) -> int:
    value = _get(section, name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or (most is not None and number > most):
        limits = f"from {least} to {most}" if most is not None else f"of at least {least}"
        message = f"host.json: extensions.queues.{name} is {value!r}. Use a whole number {limits}."
        raise StartupError(message)
    return number


def _duration(section: dict[str, Any], name: str, default: timedelta, *, least: timedelta) -> timedelta:
    value = _get(section, name, None)
    if value is None:
        return default
    match = TIME_SPAN.fullmatch(str(value))
    duration = timedelta(**{unit: float(text) for unit, text in match.groupdict("0").items()}) if match else None
    if duration is None or duration < least:
        message = f"host.json: extensions.queues.{name} is {value!r}. Use hh:mm:ss, not shorter than {least}."
        raise StartupError(message)
    return duration


def _get(section: dict[str, Any], name: str, default: Any) -> Any:  # noqa: ANN401 - JSON
    """A member by its name in any case, as .NET configuration finds it."""
    return next((value for key, value in section.items() if key.casefold() == name.casefold()), default)


def _section(section: dict[str, Any], name: str) -> dict[str, Any]:
    value = _get(section, name, {})
    if not isinstance(value, dict):
        message = f"host.json: '{name}' must be a JSON object, not {value!r}."
        raise StartupError(message)
    return value


def _put(section: dict[str, Any], path: list[str], value: str) -> None:
    """Set one value by its path, over whatever is there in any case."""
    name = next((key for key in section if key.casefold() == path[0].casefold()), path[0])
    if len(path) == 1:
        section[name] = value
        return
    if not isinstance(section.get(name), dict):
        section[name] = {}
    _put(section[name], path[1:], value)
