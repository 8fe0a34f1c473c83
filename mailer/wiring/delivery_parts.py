"""The steps of a mail, and what the timers carry on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailer.wiring import access_parts, base, content_parts, pace_parts, storage_parts

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mailer.delivery.amend import Amendment
    from mailer.delivery.by_cause import ByCause
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.failures import Failure
    from mailer.delivery.search import Wanted
    from mailer.delivery.sweep import Swept
    from mailer.request.parse import Rules


@base.once
def delivery() -> "Delivery":
    """The delivery step with its real parts."""
    from mailer.delivery.attempt import Attempt
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.opening import Opening
    from mailer.delivery.rules import preparation_of

    @base.once
    def read_rules() -> "Rules":
        return replace(content_parts.rules(), content_problems=lambda _: ())  # composing the mail tells them

    preparation = preparation_of(
        read_rules,
        content_parts.composer().compose,
        content_parts.gate,
        base.clock,
        callers=access_parts.callers,
        priority=content_parts.priority,
        suppressed=storage_parts.suppressions().among,
    )
    return Delivery(
        stores=storage_parts.stores(),
        turns=pace_parts.turns(),
        opening=Opening(stores=storage_parts.stores(), preparation=preparation, clock=base.clock),
        attempt=Attempt(
            ledger=storage_parts.ledger(),
            preparation=preparation,
            graph=access_parts.mailbox(),
            throttle=pace_parts.throttle(),
            clock=base.clock,
        ),
        alarms=storage_parts.alarms(),
        policy=content_parts.policy,
        clock=base.clock,
        pause=storage_parts.company().sleep,
        spread=_together().map,
    )


@base.once
def _together() -> "Executor":
    """Threads for the mails of one message, in which they wait for their instant: some eight seconds each."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(96, thread_name_prefix="together")


@base.once
def amendment() -> "Amendment":
    """Changes to accepted mails with their real parts."""
    from mailer.delivery.amend import Amendment

    return Amendment(
        stores=storage_parts.stores(), turns=pace_parts.turns(), policy=content_parts.policy(), clock=base.clock
    )


def failures(wanted: "Wanted") -> "tuple[Sequence[Failure], bool]":
    """Why these mails failed, and whether there are more; raises TryLater."""
    from mailer.delivery.failures import failures
    from mailer.graph import verdicts
    from mailer.identity import entra

    remedies = {*verdicts.MEND.values(), verdicts.PROXY, *entra.MEND.values()}
    return failures(storage_parts.search(), wanted, remedies=remedies)


@base.once
def by_cause() -> "ByCause":
    """Replays and retries of all mails of a cause."""
    from concurrent.futures import ThreadPoolExecutor

    from mailer.delivery.by_cause import ByCause
    from mailer.storage.job_rows import TableJobs

    several = ThreadPoolExecutor(8, thread_name_prefix="by-cause")
    jobs = TableJobs(storage_parts.table())
    return ByCause(
        search=storage_parts.search(), amendment=amendment(), jobs=jobs, clock=base.clock, spread=several.map
    )


def carry_on() -> int:
    """Go on with the replays and retries that were asked for; raises TryLater."""
    return by_cause().run()


def release() -> int:
    """Put the mails on the queue that are due within the next minutes; raises TryLater."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8, thread_name_prefix="release") as several:
        return storage_parts.later().release(several.map)


def sweep() -> "Swept":
    """Clean up once; raises TryLater."""
    from mailer.delivery.sweep import Sweep
    from mailer.storage.clean_up import CleanUpTable, Waits

    return Sweep(
        table=CleanUpTable(storage_parts.table()),
        stores=storage_parts.stores(),
        request_pages=storage_parts.request_blobs().pages,
        waits=Waits((storage_parts.queue(), storage_parts.poison()), storage_parts.rows()),
        report=lambda text: storage_parts.alarms().sound("", "mails_stalled", text),
        policy=content_parts.policy(),
        retention=base.settings().record_retention,
        clock=base.clock,
    ).run()


@base.once
def pool() -> "Executor":
    """Threads for callers who wait."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(8, thread_name_prefix="waited-for")


@base.once
def batch_pool() -> "Executor":
    """Threads for the mails of batches."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(8, thread_name_prefix="batch")
