"""The values that the local cloud keeps and that travel over /control, the same on both sides."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mailer.local.cloud import seed

Call = Literal[
    "identity",
    "discovery",
    "keys",
    "token",
    "secret",
    "sendMail",
    "sentitems",
    "drafts",
    "createDraft",
    "addAttachment",
    "createUploadSession",
    "uploadRange",
    "sessionStatus",
    "cancelUpload",
    "send",
    "deleteDraft",
    "meSendMail",
    "deviceCode",
    "authorize",
    "setSecret",
    "applications",
    "addPassword",
    "servicePrincipals",
    "appRoleAssignedTo",
    "policies",
    "users",
    "exchangeRoles",
]

Content = bytes | bytearray
MEGABYTE = 1024 * 1024

Lower = Annotated[str, StringConstraints(to_lower=True)]


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(Value):
    """What goes wrong with a call, when, and how often.

    `when` is the point at which it happens: "before" the call is carried out, or "after" it succeeded, so that a mail
    is accepted although the caller hears otherwise. First `delay` seconds pass, then comes `outcome`: the call goes on
    ("none"), is answered with `status`, is cut by a TCP reset, or hangs until the caller goes away or the fault is
    removed. With `code` the answer is an error in the service's own format, else it is `body` as it stands.
    """

    call: Call
    times: int | None = Field(default=None, ge=1, description="how often; None: until removed")
    when: Literal["before", "after"] = "before"
    delay: float = Field(default=0, ge=0)
    outcome: Literal["none", "answer", "reset", "hang"] = "none"
    status: int = Field(default=503, ge=200, le=599)
    code: str | None = None
    message: str = "Made to fail by a test."
    body: str = ""
    headers: dict[str, str] = {}
    mailbox: Lower | None = Field(default=None, description="only requests for this mailbox")
    probability: float = Field(default=1, gt=0, le=1)
    seed: int = 0


class ClientSecret(Value):
    """A secret of the app registration; several are valid at once."""

    id: str
    value: str
    expires: AwareDatetime
    display_name: str | None = None


class SecretVersion(Value):
    """One version of a Key Vault secret. `expires` and `not_before` only inform, as in Azure."""

    version: str
    value: str
    created: AwareDatetime
    updated: AwareDatetime
    enabled: bool = True
    expires: AwareDatetime | None = None
    not_before: AwareDatetime | None = None
    content_type: str | None = None
    tags: dict[str, str] = {}


class FederatedCredential(Value):
    """Whose tokens Entra takes in place of a secret; compared to the letter."""

    id: str = "by-hand"
    name: str = "by-hand"
    issuer: str = seed.ISSUER
    subject: str = seed.IDENTITY_OBJECT_ID
    audience: str = seed.TOKEN_EXCHANGE


class Mailbox(Value):
    """A mailbox of the tenant. `in_scope`: the app may use it, by Exchange's policies or RBAC for Applications."""

    address: Lower
    object_id: Lower
    name: str = ""
    aliases: tuple[Lower, ...] = ()
    send_as: tuple[Lower, ...] = Field(default=(), description="other mailboxes that this one may send as")
    full_access: tuple[Lower, ...] = Field(default=(), description="people who may open this mailbox")
    rest_enabled: bool = True
    in_scope: bool = True
    largest_mail: int = Field(default=150 * MEGABYTE, ge=0, description="bytes of body and files, the files in base64")


class Settings(Value):
    """What a test may turn. Durations in seconds."""

    roles: tuple[str, ...] = Field(default=seed.ROLES, description="Graph app roles, granted in Entra: in the token")
    exchange_roles: tuple[str, ...] = Field(default=(), description="granted in Exchange (RBAC): not in the token")
    vault_granted: bool = Field(default=True, description="the managed identity may read secrets")
    sent_items_lag: float = Field(default=0, ge=0)
    upload_lifetime: float = Field(default=3600, ge=0)
    upload_pascal_case: bool = Field(default=False, description="NextExpectedRanges in place of nextExpectedRanges")
    upload_open_ranges: bool = Field(default=False, description='"2097152-" in place of "2097152"')
    token_lifetime: int = Field(default=3599, ge=1)
    identity_lifetime: int = Field(default=86400, ge=1)
    clock_skew: float = Field(
        default=0, description="by which the cloud's clock, as its Date headers show it, is ahead"
    )
    replication_delay: float = Field(default=0, ge=0, description="until other calls see a new directory object")
    person: Lower = Field(default=seed.PERSON, description="who signs in")
    person_roles: tuple[str, ...] = Field(default=("Global Administrator",), description="that person's Entra roles")
    person_may_set_secrets: bool = Field(default=True, description="that person is a Key Vault Secrets Officer")
    approve_device_codes: bool = Field(default=True, description="the person enters a device code at once")
    device_code_blocked: bool = Field(default=False, description="a Conditional Access policy blocks the flow")
    consent_given: bool = Field(default=True, description="the scopes that a public client asks for are consented to")
    longest_password: int | None = Field(default=None, description="days; the tenant's app management policy")
    passwords_allowed: bool = Field(default=True, description="else the policy allows no new client secrets")


class Recipient(Value):
    address: str
    name: str = ""


class Attachment(Value):
    name: str
    content_type: str
    size: int
    sha256: str
    is_inline: bool
    content_id: str | None


class Message(Value):
    """What a draft and a sent mail have in common."""

    mailbox: str
    sender: Recipient
    internet_message_id: str
    subject: str
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]
    bcc: tuple[Recipient, ...]
    reply_to: tuple[Recipient, ...]
    headers: dict[str, str]
    content_type: str = Field(description="text or html")
    body: str
    importance: str
    categories: tuple[str, ...]
    is_delivery_receipt_requested: bool
    is_read_receipt_requested: bool
    attachments: tuple[Attachment, ...]


class Draft(Message):
    """A message that waits in Drafts for more attachments, or to be sent."""

    id: str
    created_at: AwareDatetime


class AcceptedMail(Message):
    """A mail that sendMail or send answered, or would have answered, with 202."""

    client_request_id: str | None
    save_to_sent_items: bool
    accepted_at: AwareDatetime


class Traffic(Value):
    """Since the start or the last reset: requests per call; the most in flight and the number throttled per mailbox.

    `violations` tells what no client may do even if it gets away with it: an Authorization header on an upload URL.
    """

    calls: dict[str, int]
    most_in_flight: dict[str, int]
    throttled: dict[str, int]
    violations: tuple[str, ...]
