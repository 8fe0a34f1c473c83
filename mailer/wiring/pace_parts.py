"""When mails may go."""

from typing import TYPE_CHECKING

from mailer.wiring import access_parts, base, content_parts, storage_parts

if TYPE_CHECKING:
    from mailer.delivery.turns import Turns
    from mailer.pace.allowances import Allowances
    from mailer.pace.pace import Pace
    from mailer.pace.pauses import Pauses
    from mailer.pace.slots import Slots
    from mailer.pace.throttle import Throttle


@base.once
def throttle() -> "Throttle":
    """The places and pauses of mailboxes."""
    from mailer.pace.throttle import Throttle

    return Throttle(base.settings().mailbox_concurrency, pauses(), slots())


@base.once
def pauses() -> "Pauses":
    """Which mailboxes are to wait."""
    from mailer.pace.pauses import Pauses
    from mailer.storage.pace_rows import TablePauses

    return Pauses(TablePauses(storage_parts.table()), clock=base.clock)


@base.once
def turns() -> "Turns":
    """When mails may go, and from which mailbox."""
    from mailer.delivery.rules import pools_of
    from mailer.delivery.turns import Turns

    pools = {name: [each.address.lower() for each in pool] for name, pool in pools_of(base.settings()).items()}
    return Turns(pace=pace(), pools=pools, priority=content_parts.priority, clock=base.clock, allowances=allowances())


@base.once
def allowances() -> "Allowances | None":
    """How many recipients each caller has left today; None where nobody is counted."""
    known = access_parts.callers()
    if known is None:
        return None
    from mailer.pace.allowances import Allowances
    from mailer.storage.pace_rows import TableCounts

    limits = {str(one.name): one.recipients_per_day for one in known.all if one.recipients_per_day is not None}
    return Allowances(limits, TableCounts(storage_parts.table()), clock=base.clock)


@base.once
def pace() -> "Pace":
    """The pace of all mailboxes."""
    from mailer.pace.pace import Pace
    from mailer.pace.quota import Quota
    from mailer.storage.pace_rows import TableCounts

    daily = base.settings().mailbox_daily
    quota = Quota(daily, TableCounts(storage_parts.table()), clock=base.clock) if daily else None
    return Pace(pauses=pauses(), slots=slots(), quota=quota, clock=base.clock)


@base.once
def slots() -> "Slots | None":
    """The slots of all mailboxes; None where somebody else paces."""
    rate = base.settings().mailbox_rate
    if rate is None:
        return None
    from mailer.pace.grid import Grid
    from mailer.pace.slots import Slots
    from mailer.storage.slot_rows import TableSlots

    return Slots(Grid(rate), TableSlots(storage_parts.table()), clock=base.clock)
