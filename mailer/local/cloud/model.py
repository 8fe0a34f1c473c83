"""The values that the local cloud keeps and that travel over /control, the same on both sides."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mailer.local.cloud import seed

Call = Literal["identity", "discovery", "keys", "token", "secret", "sendMail", "sentitems"]


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


class FederatedCredential(Value):
    """Whose tokens Entra takes in place of a secret; compared to the letter."""

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
    rest_enabled: bool = True
    in_scope: bool = True


class Settings(Value):
    """What a test may turn. Durations in seconds."""

    roles: tuple[str, ...] = Field(default=seed.ROLES, description="Graph app roles, granted in Entra: in the token")
    exchange_roles: tuple[str, ...] = Field(default=(), description="granted in Exchange (RBAC): not in the token")
    vault_granted: bool = Field(default=True, description="the managed identity may read secrets")
    sent_items_lag: float = Field(default=0, ge=0)
    token_lifetime: int = Field(default=3599, ge=1)
    identity_lifetime: int = Field(default=86400, ge=1)


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


class AcceptedMail(Value):
    """A mail that sendMail answered, or would have answered, with 202."""

    mailbox: str
    sender: Recipient
    internet_message_id: str
    client_request_id: str | None
    subject: str
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]
    bcc: tuple[Recipient, ...]
    reply_to: tuple[Recipient, ...]
    headers: dict[str, str]
    content_type: str = Field(description="text or html")
    body: str
    importance: str
    attachments: tuple[Attachment, ...]
    save_to_sent_items: bool
    accepted_at: AwareDatetime


class Traffic(Value):
    """Since the start or the last reset: requests per call; the most in flight and the number throttled per mailbox."""

    calls: dict[str, int]
    most_in_flight: dict[str, int]
    throttled: dict[str, int]
