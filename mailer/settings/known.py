"""The app settings that there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mailer import setting_texts as texts
from mailer.callers.policy import Callers

STORAGE = "MailerStorage"
# What https://aka.ms/azure-functions-identity-connections puts after a connection's name.
STORAGE_FORMS = (
    "",
    *(f"__{service}ServiceUri" for service in ("queue", "table", "blob")),
    *(f"__{member}" for member in ("accountName", "credential", "clientId", "tenantId", "managedIdentityResourceId")),
)
HOST_STORAGE = "AzureWebJobsStorage"
PACKAGED_TEMPLATES = "packaged"


def _callers(text: str) -> Callers | None:
    if not text:
        return None
    from mailer.callers.setting import read_callers  # noqa: PLC0415 - a cold start without callers is shorter

    return read_callers(text)


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
        _callers,
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
