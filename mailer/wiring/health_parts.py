"""What works and what does not."""

from typing import TYPE_CHECKING

from mailer.errors import ConfigError
from mailer.wiring import access_parts, base, content_parts, pace_parts, storage_parts

if TYPE_CHECKING:
    from mailer.health.parts import Health
    from mailer.storage.alarms import Alarm
    from mailer.storage.held_rows import HeldMails


@base.once
def health() -> "Health":
    """What works and what does not."""
    from mailer.health.mailboxes import Mailboxes
    from mailer.health.parts import Health
    from mailer.identity.claims import claims_of
    from mailer.request.address import Address
    from mailer.storage.held_rows import TableHeld

    def mailboxes() -> list[str]:
        pools = (content_parts.rules().senders, *content_parts.rules().pools.values())
        return sorted({each.address.lower() for pool in pools for each in pool})

    def check_settings() -> None:
        content_parts.rules()  # which need them all

    def check_queue() -> list[str]:
        storage_parts.queue().length()
        if lying := storage_parts.poison().length():
            return [f"Messages that lie in `{base.settings().queue}-poison`, until they are taken off: {lying}."]
        return []

    def check_sending() -> None:
        waiting: dict[str, list[Alarm]] = {}
        for alarm in storage_parts.alarms().standing():
            waiting.setdefault(alarm.text, []).append(alarm)
        if waiting:
            raise ConfigError(_alarmed(text, of_it) for text, of_it in waiting.items())

    def check_callers() -> list[str]:
        held = [_held(each) for each in TableHeld(storage_parts.table()).standing()]
        known, allowances = access_parts.callers(), pace_parts.allowances()
        if known is None or allowances is None:
            return held
        senders = {each.address.lower() for each in content_parts.rules().senders}
        return [*known.warnings(senders | {*content_parts.rules().pools}), *allowances.warnings(), *held]

    graphs = Mailboxes(
        mailboxes,
        token=lambda: access_parts.graph_tokens().token(),
        roles=lambda token: claims_of(token).get("roles", ()),
        ask=lambda mailbox, token: access_parts.mailbox().send_nothing(Address(address=mailbox), token),
        clock=base.clock,
    )
    return Health(
        {
            "settings": check_settings,
            "table": lambda: storage_parts.ledger().ping(),
            "queue": check_queue,
            "blobs": lambda: storage_parts.request_blobs().ping(),
            "graph_token": lambda: access_parts.graph_tokens().check(),
            "permission": graphs.permission,
            "clock": graphs.clock,
            "templates": lambda: content_parts.templates().warnings(),
            "sending": check_sending,
            "pace": lambda: pace_parts.pace().warnings(mailboxes()),
            "callers": check_callers,
        }
    )


def _alarmed(text: str, alarms: "list[Alarm]") -> str:
    mailboxes = ", ".join(alarm.mailbox for alarm in alarms)
    return f"Mails of {mailboxes} wait since {alarms[0].since:%Y-%m-%d %H:%M} UTC: {text}"


def _held(held: "HeldMails") -> str:
    return (
        f"Held mails of the caller `{held.caller}`: {held.mails}, since {held.since:%Y-%m-%d %H:%M} UTC, for it has "
        f"reached its `recipients_per_day`. GET /emails?status=held&caller={held.caller} lists them; release or cancel "
        "each, or raise the number in MAILER_CALLERS."
    )
