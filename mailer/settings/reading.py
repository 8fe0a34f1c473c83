"""App settings to Settings, every problem named at once. Reads the mapping it is given and nothing else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from itertools import chain
from typing import Any

from mailer import setting_texts as texts
from mailer.errors import ConfigError, meant
from mailer.settings.known import HOST_STORAGE, STORAGE, STORAGE_FORMS, Settings, Storage


class SettingsAsUsed(Settings):
    """Settings of which only those have to be right that are used: reading a wrong one raises ConfigError.

    For a person's commands; the app takes no mail with any setting wrong.
    """

    __slots__ = ("problems",)
    problems: Mapping[str, list[str]]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - called for the settings that have no value
        raise ConfigError(self.problems[name])


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in these app settings. Raises ConfigError with everything that is wrong or missing."""
    values, wrong = _values(environ)
    problems = [
        *chain.from_iterable(wrong.values()),
        *_gate_problems(environ),
        *_time_problems(values),
        *_unknown_names(environ),
    ]
    if problems:
        raise ConfigError(problems)
    return Settings(**values)


def read_settings_as_used(environ: Mapping[str, str]) -> Settings:
    """The settings in these app settings, each wrong one told when it is used. Unknown names raise ConfigError."""
    values, wrong = _values(environ)
    if gate := [*_gate_problems(environ)]:
        wrong["gate"] = gate
    if times := [*_time_problems(values)]:
        wrong["idempotency_window"] = times
    if unknown := [*_unknown_names(environ)]:
        raise ConfigError(unknown)
    settings = object.__new__(SettingsAsUsed)
    object.__setattr__(settings, "problems", wrong)
    for name in values.keys() - wrong.keys():
        object.__setattr__(settings, name, values[name])
    return settings


def _values(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The values by their field's name, and what is wrong with the others."""
    values: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    for known in fields(Settings):
        try:
            if known.name == "storage":
                values[known.name] = _storage(environ)
            elif text := _text(environ, known.metadata["name"]) or known.metadata["default"]:
                values[known.name] = known.metadata["read"](text)
            elif known.metadata["default"] is None:
                values[known.name] = known.metadata["read"]("")
            elif known.name == "key_vault_url" and values.get("auth") == "federated":
                values[known.name] = ""
            else:
                wrong[known.name] = [f"{known.metadata['name']} is missing. It holds {known.metadata['meaning']}."]
        except ValueError as error:
            wrong[known.name] = [_problem(known, str(hint)) for hint in error.args or [""]]
    return values, wrong


def _gate_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """A gate that somebody meant to close must not stand open, nor closed without saying for whom it opens."""
    gate, redirect_to, allowed = (
        environ.get(name, "").strip() for name in ("MAILER_GATE", "MAILER_REDIRECT_TO", "MAILER_ALLOWED_RECIPIENTS")
    )
    if gate == "redirect" and not redirect_to:
        yield "MAILER_REDIRECT_TO is missing, and MAILER_GATE is `redirect`. It holds the address that gets every mail."
    if gate == "allow" and not allowed:
        yield (
            "MAILER_ALLOWED_RECIPIENTS is missing, and MAILER_GATE is `allow`. "
            "It holds the domains and addresses that mails may reach."
        )
    if not gate and (redirect_to or allowed):
        yield (
            "MAILER_GATE is missing, although whom mails may reach is set. "
            "It holds `redirect` or `allow`, or `open` to let every mail through."
        )


def _time_problems(values: Mapping[str, Any]) -> Iterator[str]:
    window, retention = values.get("idempotency_window"), values.get("record_retention")
    if window and retention and window > retention:
        yield (
            "MAILER_IDEMPOTENCY_WINDOW is wrong (it is longer than MAILER_RECORD_RETENTION: a repetition would be "
            "answered with a record that is gone). It holds how long an idempotency key is kept, such as 24h."
        )


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    """A typing error in a name must not be silent: the setting that was meant would keep its default."""
    names = [setting.metadata["name"] for setting in fields(Settings)]
    known = {_plain(name): name for name in (*names, *(STORAGE + form for form in STORAGE_FORMS))}
    for name in sorted(environ):
        plain = _plain(name)
        # Windows gives all names in capitals, and finds them in any.
        is_known = plain in known and environ.get(known[plain]) == environ[name]
        if not is_known and name.casefold().startswith(("mailer_", STORAGE.casefold())):
            close = next((one for one in known if one.startswith(plain)), None) or meant(plain, known)
            hint = f"did you mean {known[close]}?" if close else "take it out."
            yield f"{name} is unknown; {hint}"


def _plain(name: str) -> str:
    return name.casefold().removeprefix("mailer_")


def storage_connection(environ: Mapping[str, str]) -> str:
    """The name that the queue trigger's `connection` must have: mailer's own account if one is set, else the host's."""
    return STORAGE if any(environ.get(STORAGE + form, "").strip() for form in STORAGE_FORMS[:5]) else HOST_STORAGE


def _text(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name, "").strip()
    if text.startswith("@Microsoft.KeyVault("):
        message = (
            "an unresolved Key Vault reference: the app's identity cannot read that secret, or it does not exist; "
            "look at the setting's status in the portal"
        )
        raise ValueError(message)
    return text


def _storage(environ: Mapping[str, str]) -> Storage:
    """The storage account as the trigger's connection means it; https://aka.ms/azure-functions-identity-connections."""
    prefix = storage_connection(environ)
    if connection_string := _text(environ, prefix):
        if not re.search(r"(?i)(^|;)\s*(AccountName|QueueEndpoint|UseDevelopmentStorage)=", connection_string):
            message = "this is no connection string"
            raise ValueError(message)
        return Storage(connection_string=connection_string)
    account = _text(environ, f"{prefix}__accountName")
    urls = {
        service: _text(environ, f"{prefix}__{service}ServiceUri")
        or (account and f"https://{account}.{service}.core.windows.net")
        for service in ("queue", "table", "blob")
    }
    if not all(urls.values()):
        message = "the URLs of queue, table and blob are all needed" if any(urls.values()) else "nothing is set"
        raise ValueError(message)
    client_id = _text(environ, f"{prefix}__clientId") or None
    return Storage(**{f"{service}_url": texts.url(url) for service, url in urls.items()}, client_id=client_id)


def _problem(known: Field[Any], hint: str) -> str:
    reason = f" ({hint})" if hint else ""
    return f"{known.metadata['name']} is wrong{reason}. It holds {known.metadata['meaning']}."
