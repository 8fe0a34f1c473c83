"""App settings to Settings, every problem named at once. Reads the mapping it is given and nothing else.

On the path of every cold start, therefore of the standard library alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from itertools import chain
from typing import Any

from mailer import setting_texts as texts
from mailer.callers.policy import Callers
from mailer.callers.setting import read_callers
from mailer.errors import ConfigError

STORAGE = "MailerStorage"
# What https://aka.ms/azure-functions-identity-connections puts after a connection's name.
STORAGE_FORMS = (
    "",
    *(f"__{service}ServiceUri" for service in ("queue", "table", "blob")),
    *(f"__{member}" for member in ("accountName", "credential", "clientId", "tenantId", "managedIdentityResourceId")),
)
HOST_STORAGE = "AzureWebJobsStorage"
PACKAGED_TEMPLATES = "packaged"


def _setting(name: str, meaning: str, read: Callable[[str], Any] = str, default: str | None = "") -> Any:  # noqa: ANN401 - as dataclasses.field
    """One with an empty default is required; None makes it optional."""
    return field(metadata={"name": name, "meaning": meaning, "read": read, "default": default})


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """Where queue, table and blobs are: a connection string, or one URL a service and the app's own identity."""

    connection_string: str | None = field(default=None, repr=False)
    queue_url: str | None = None
    table_url: str | None = None
    blob_url: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What an administrator has set; beside each field its app setting and what that should hold."""

    tenant_id: str = _setting("MAILER_TENANT_ID", "the tenant's id (a GUID) or its domain", texts.tenant)
    client_id: str = _setting(
        "MAILER_CLIENT_ID",
        "the application (client) id of the app registration, a GUID",
        texts.matching(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    )
    auth: str = _setting(
        "MAILER_AUTH",
        "how the app signs in: `secret`, `certificate` or `federated`",
        texts.matching("secret|certificate|federated"),
        "secret",
    )
    key_vault_url: str = _setting(
        "MAILER_KEY_VAULT_URL",
        "the vault's URL, such as https://NAME.vault.azure.net; not needed where MAILER_AUTH is `federated`",
        texts.host_url,
    )
    client_secret_name: str = _setting(
        "MAILER_CLIENT_SECRET_NAME",
        "the name of the vault's secret that holds the client secret, or of the certificate",
        texts.matching(r"[0-9A-Za-z-]{1,127}"),
        "mailer-client-secret",
    )
    senders: tuple[str, ...] = _setting(
        "MAILER_SENDERS", "the mailboxes that may send, separated by commas; the first is the default", texts.senders
    )
    storage: Storage = _setting(
        STORAGE,
        f"a connection string, or {STORAGE}__queueServiceUri, __tableServiceUri and __blobServiceUri; "
        f"without it {HOST_STORAGE} is used",
    )
    queue: str = _setting(
        "MAILER_QUEUE",
        "the queue of mails to send: 3 to 56 lower-case letters, digits and single hyphens",
        texts.matching(r"(?=.{3,56}$)[a-z0-9]+(-[a-z0-9]+)*"),
        "emails",
    )
    table: str = _setting(
        "MAILER_TABLE",
        "the table of records: 3 to 63 letters and digits",
        texts.matching(r"[A-Za-z][A-Za-z0-9]{2,62}"),
        "emails",
    )
    container: str = _setting(
        "MAILER_CONTAINER",
        "the blob container of requests: 3 to 63 lower-case letters, digits and single hyphens",
        texts.matching(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*"),
        "emails",
    )
    templates: str = _setting(
        "MAILER_TEMPLATES",
        "`packaged` (the folder mailer/templates), another folder, or the https:// URL of a blob container",
        texts.place,
        PACKAGED_TEMPLATES,
    )
    headers: tuple[str, ...] = _setting(
        "MAILER_HEADERS",
        "the custom headers (x-…) that requests may use, separated by commas; each uses up a quota of the mailbox",
        texts.names(r"[xX]-[!#$%&'*+.^_`|~0-9A-Za-z-]+"),
        None,
    )
    max_mail_size: int = _setting(
        "MAILER_MAX_MAIL_SIZE",
        f"the largest mail in MB, attachments counted after encoding, such as 35MB; {texts.LARGEST_MAIL}MB at most",
        texts.size,
        "35MB",
    )
    gate: str = _setting(
        "MAILER_GATE",
        "whom mails may reach: `open`, `redirect`, `allow` or `block`",
        texts.matching("open|redirect|allow|block"),
        "open",
    )
    redirect_to: str | None = _setting(
        "MAILER_REDIRECT_TO",
        "the one address that gets every mail where MAILER_GATE is `redirect`",
        texts.address,
        None,
    )
    allowed_recipients: tuple[str, ...] = _setting(
        "MAILER_ALLOWED_RECIPIENTS",
        "the domains and addresses, separated by commas, that mails may reach where MAILER_GATE is `allow`",
        texts.names(rf"({texts.LOCAL}@)?{texts.DOMAIN}"),
        None,
    )
    on_uncertain: texts.OnUncertain = _setting(
        "MAILER_ON_UNCERTAIN",
        "what to do with a mail that may or may not have left: `hold`, `resend` or `verify`",
        texts.on_uncertain,
        "hold",
    )
    mailbox_concurrency: int = _setting(
        "MAILER_MAILBOX_CONCURRENCY",
        "how many requests of one mailbox an instance has under way: 1 to 4",
        texts.one_to_four,
        "4",
    )
    mailbox_rate: int | None = _setting(
        "MAILER_MAILBOX_RATE",
        "how many mails a minute leave from one mailbox, all instances together, such as 30/min; or `off`",
        texts.rate,
        "30/min",
    )
    mailbox_daily: int | None = _setting(
        "MAILER_MAILBOX_DAILY",
        "how many recipients one mailbox reaches in any 24 hours, such as 10000; or `off`",
        texts.daily,
        "10000",
    )
    pools: Mapping[str, tuple[str, ...]] = _setting(
        "MAILER_POOLS",
        "names that `from` may hold, each with its mailboxes, such as news=news1@contoso.com,news2@contoso.com; …",
        texts.pools,
        None,
    )
    callers: Callers | None = _setting(
        "MAILER_CALLERS",
        'who may do what, as JSON, such as {"shop": {"key": "sha256:…", "may": ["send"], "from": ["*"], …}}',
        read_callers,
        None,
    )
    max_age: timedelta = _setting("MAILER_MAX_AGE", "how long to go on trying, such as 48h", texts.read_duration, "48h")
    idempotency_window: timedelta = _setting(
        "MAILER_IDEMPOTENCY_WINDOW",
        "how long an idempotency key is kept, such as 24h",
        texts.read_duration,
        "24h",
    )
    record_retention: timedelta = _setting(
        "MAILER_RECORD_RETENTION", "how long records are kept, such as 90d", texts.read_duration, "90d"
    )
    recipient_search: bool = _setting(
        "MAILER_RECIPIENT_SEARCH",
        "whether a mail is found by a recipient's address, of which a keyed hash is kept: `on` or `off`",
        texts.on_or_off,
        "on",
    )
    authority_host: str = _setting(
        "MAILER_AUTHORITY_HOST",
        "where Entra issues tokens; another URL in a national cloud",
        texts.host_url,
        "https://login.microsoftonline.com",
    )
    graph_url: str = _setting(
        "MAILER_GRAPH_URL",
        "where Microsoft Graph is; another URL in a national cloud",
        texts.graph_url,
        "https://graph.microsoft.com",
    )

    @property
    def graph_scope(self) -> str:
        """The scope of a token for this Graph; one on this machine plays the public cloud's."""
        resource = "https://graph.microsoft.com" if texts.is_loopback(self.graph_url) else self.graph_url
        return f"{resource}/.default"


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
            from difflib import get_close_matches  # noqa: PLC0415 - a start without typing errors does without it

            close = [one for one in known if one.startswith(plain)] + get_close_matches(plain, known, n=1)
            hint = f"did you mean {known[close[0]]}?" if close else "take it out."
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
