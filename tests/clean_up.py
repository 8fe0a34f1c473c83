"""The clean-up over a world in memory."""

from datetime import timedelta

from mailer.delivery.decide import Policy
from mailer.delivery.sweep import Sweep

RETENTION = timedelta(days=20)


def sweep(world):
    """One run of it."""
    return Sweep(
        table=_CleanUp(world),
        stores=world.stores(),
        request_pages=lambda _, *, before: _request_pages(world, before),
        waits=_Waits(world),
        report=lambda _: None,
        policy=Policy(on_uncertain=world.policy, max_age=world.max_age),
        retention=RETENTION,
        clock=world.clock,
    ).run()


def _request_pages(world, before):
    kept = world.requests.part.kept
    for mail in kept:
        world.blob_times.setdefault(mail, world.clock.now)
    yield [mail for mail in kept if world.blob_times[mail] < before], ""


class _Waits:
    def __init__(self, world):
        self._world = world
        self.queues_are_empty = lambda: world.faults.io("queue", lambda: not world.queue and not world.poison)

    def has_row(self, mail, due):
        """What happens on another instance meanwhile does so before each look."""
        self._world.meanwhile()
        return self._world.rows.has(mail, due)


class _CleanUp:
    """The clean-up's table over the ledger in memory."""

    def __init__(self, world):
        self.world = world

    def stalled(self, day, *, before):
        def is_stalled(record):
            since = {"sending": record.leased_until, "scheduled": record.due_at, "uncertain": record.due_at}
            since["queued"] = record.times.get("queued")
            at = since.get(str(record.status))
            looks = record.status != "uncertain" or record.look
            overdue = at and at < before and not (record.due_at and record.due_at >= before)
            return record.accepted_at.date() == day and looks and overdue

        yield self.world.faults.io("table", lambda: list(filter(is_stalled, self.world.records.values())))

    def expired(self, *, before):
        kept = list(self.world.records.values())
        yield [one for one in kept if one.status.final and one.times[one.status] < before and not one.look]

    def forget(self, records):
        gone = []
        for record in records:
            if self.world.records.get(record.id) == record:
                self.world.faults.io("table", lambda one=record: self.world.records.pop(one.id))
                self.world.forgotten[record.id] = (
                    record,
                    self.world.clock.now,
                    self.world.requests.part.get(record.id),
                )
                gone.append(record.id)
        return gone

    def forget_keys(self, *_, **__):
        yield 0, ""

    def forget_turns(self, *, now):  # noqa: ARG002 - histories are not paced
        return iter(())

    def mark(self, name):
        return self.world.marks.get(name, "")

    def set_mark(self, name, at):
        self.world.faults.io("table", lambda: self.world.marks.__setitem__(name, at))
