"""What comes next for a mail, from its record, what happened, the policy and the time. Pure: no I/O, no clock.

The life of a doubt, which begins when Graph was asked and gave no answer that tells, or when a lease ran out:

    hold     uncertain                                                              a person replays it, or lets it be
    resend   queued (resent 1) ── sent again ── once more in doubt: uncertain, held
    verify   uncertain ── look 1 ── look 2 ── look 3 ── found: sent
             +0          +1 min    +6 min    +21 min └─ not there: queued (resent 1) ── in doubt: looks, then held

`resent` never grows past 1 by itself, so that no policy makes more than one copy. A mail older than MAILER_MAX_AGE is
not sent again in doubt, nor tried again after a refusal. Age counts from when the mail was last due by its sender's
will: accepted, scheduled for, moved to, replayed.

The life of a claim, of which any number of workers can make one, because it is one conditional write:

    queued ── claimed: sending, leased for LEASE ── outcome recorded
                        └─ no outcome, lease over ── still uploading: nothing has left, queued again
                                                  └─ else: nobody knows, so a doubt
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mailer.delivery.event import Event, What
from mailer.delivery.record import MailRecord, Status
from mailer.setting_texts import OnUncertain

LEASE = timedelta(minutes=5)  # above host.json's functionTimeout, so that no call outlives its claim
AFTER_LEASE = timedelta(seconds=5)
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
MENDING_WAIT = timedelta(minutes=15)  # how often to look whether somebody has mended the configuration
LOOKS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))  # a copy reaches Sent Items with a lag
HEAD_START = timedelta(seconds=5)  # for a record that a person changes, before its message comes

NEVER_BACK = "The worker that was sending this mail never came back, so nobody knows whether it was sent."
NEVER_LEFT = "The worker that was uploading this mail's attachments never came back."


class Do(StrEnum):
    """What to do next."""

    #: Write the record, which is a claim, and ask Graph.
    SEND = "send"
    #: Look into Sent Items.
    LOOK = "look"
    #: See that a message comes back at `due`; write the record if there is one.
    WAIT = "wait"
    #: Write the record; nothing more happens by itself.
    END = "end"
    #: Nothing: the message came too late, twice, or was superseded.
    DROP = "drop"
    #: Tell the person that the status does not allow it.
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Next:
    """The decision: what to do, the record to write (None: as it stands), when a message has to come back."""

    do: Do
    record: MailRecord | None = None
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What the settings say: what to do in doubt, how long to go on trying, how far retries spread (0.1 to 1)."""

    on_uncertain: OnUncertain
    max_age: timedelta
    spread: Callable[[], float] = lambda: random.uniform(0.1, 1)  # noqa: S311 - spreads tries over time, no secret


# A person's, or the pace of a mailbox, or the allowance of a caller.
_WISHES = {What.REPLAYED, What.MOVED, What.CANCELED, What.RETRIED, What.RELEASED, What.PACED, What.SURPLUS}
# What is known of a mail's message: here it is, the host has given it up, there is none, or it has no content.
_OF_MESSAGES = {What.ARRIVED, What.HOST_GAVE_UP, What.MESSAGE_LOST, What.CONTENT_LOST}


def decide(event: Event, mail: MailRecord, *, policy: Policy, now: datetime) -> Next:
    """What comes next for the mail whose record this is."""
    return _Case(event, mail, policy, now).next()


@dataclass(frozen=True, slots=True)
class _Case:
    event: Event
    mail: MailRecord
    policy: Policy
    now: datetime

    def next(self) -> Next:
        mail, what = self.mail, self.event.what
        if what in {What.SENT, What.FOUND}:
            return self._end(Status.SENT)
        if what in _WISHES:
            return self._wished()
        if mail.status.final and not self._looks:
            return Next(do=Do.DROP)
        # Also what came of a message that was superseded, which says nothing of the mail at its hour.
        if self._is_early and what is not What.CONTENT_LOST:
            return _wait(mail.due_at)
        if what in _OF_MESSAGES:
            if mail.status is Status.SENDING and mail.leased_until and mail.leased_until > self.now:
                return _wait(mail.leased_until + AFTER_LEASE)
            return self._arrived() if what is What.ARRIVED else self._stranded()
        return self._looked() if self._looks else self._attempted()

    def _arrived(self) -> Next:
        mail, now = self.mail, self.now
        if self._looks:
            return _wait(mail.due_at) if mail.due_at and mail.due_at > now else Next(do=Do.LOOK)
        if mail.status is not Status.SENDING:
            attempts, lease = mail.attempts + 1, now + LEASE
            return Next(do=Do.SEND, record=mail.moved(Status.SENDING, now=now, attempts=attempts, leased_until=lease))
        if mail.drafting:
            event = Event(what=What.TURNED_AWAY, code="upload_interrupted", text=f"{NEVER_LEFT} Nothing was sent.")
            return replace(self, event=event).next()
        return self._doubt("lease_expired", NEVER_BACK)

    def _attempted(self) -> Next:
        """What came of an attempt, or kept one from being made."""
        event, mail = self.event, self.mail
        match event.what:
            case What.REFUSED:
                return self._end(Status.FAILED)
            case What.SUPPRESSED:
                return self._end(Status.SUPPRESSED)
            case What.IN_DOUBT:
                return self._doubt(event.code, event.text)
        if self._is_old:
            return self._end(Status.FAILED, event.code, f"Given up after {self.policy.max_age}: {event.text}")
        # Before its claim, which would have counted the attempt.
        attempts = mail.attempts + (mail.status is not Status.SENDING)
        mending = event.what is What.NEEDS_MENDING
        after = event.after or (MENDING_WAIT if mending else self._backoff(attempts))
        return self._back(Status.QUEUED, event.code, event.text, after=after, attempts=attempts, mending=mending)

    def _doubt(self, code: str, text: str) -> Next:
        chosen, old = self.policy.on_uncertain, self._is_old
        if chosen is OnUncertain.VERIFY and not old:
            return self._back(Status.UNCERTAIN, code, text, after=LOOKS[0], look=1)
        if chosen is OnUncertain.RESEND and not old and not self.mail.resent:
            return self._once_more(code, f"{text} It is sent again.", after=self._backoff(self.mail.attempts))
        if old and chosen is not OnUncertain.HOLD:
            text += f" It is not sent again after {self.policy.max_age}."
        elif chosen is OnUncertain.RESEND:
            text += " It was sent again once before, and is not again."
        return self._end(Status.UNCERTAIN, code, text)

    def _looked(self) -> Next:
        event, mail = self.event, self.mail
        code, text, look = mail.error_code, mail.error_message, mail.look or 1
        if event.what is What.CANNOT_LOOK:
            return self._end(Status.UNCERTAIN, code, f"{text} {event.text}")
        if event.what is not What.NOT_FOUND:
            if self._is_old:
                return self._end(Status.UNCERTAIN, code, f"{text} It could not be verified: {event.text}")
            wait = MENDING_WAIT if event.what is What.NEEDS_MENDING else LOOKS[0]
            return self._back(Status.UNCERTAIN, code, text, after=event.after or wait, look=look)
        if look < len(LOOKS):
            return self._back(Status.UNCERTAIN, code, text, after=LOOKS[look], look=look + 1)
        if mail.resent or self._is_old:
            return self._end(Status.UNCERTAIN, code, f"{text} It is not in Sent Items, and is not sent again.")
        return self._once_more(code, f"{text} It is not in Sent Items and is sent again.", after=timedelta())

    def _wished(self) -> Next:
        """What a person asks for, the mailbox's pace, or the caller's allowance."""
        event, mail, now = self.event, self.mail, self.now
        match event.what:
            case What.CANCELED if mail.status.waiting or mail.status is Status.HELD:
                return self._end(Status.CANCELED)
            case What.CANCELED if mail.status is Status.CANCELED:
                return Next(do=Do.DROP)
            case What.PACED if mail.status.waiting:
                code, text = mail.error_code, mail.error_message
                return _wait(event.to, mail.moved(Status.QUEUED, now=now, code=code, message=text, due_at=event.to))
            case What.MOVED if mail.status.waiting:
                moved = mail if mail.status is Status.SCHEDULED else mail.moved(Status.SCHEDULED, now=now)
                due = max(event.to or now, now)  # what is past is due at once, and no older than that
                return _wait(due, replace(moved, due_at=due, since=due))
            case What.REPLAYED if mail.status.replayable:
                resent = (mail.resent or 0) + (mail.status is Status.UNCERTAIN)
                again = mail.moved(Status.QUEUED, now=now, attempts=0, look=0, since=now, due_at=now, resent=resent)
                return _wait(now + HEAD_START, again)
            case What.SURPLUS:
                return self._end(Status.HELD) if mail.status.waiting else Next(do=Do.DROP)
            case What.RELEASED if mail.status is Status.HELD:
                due = max(now, mail.due_at or now)
                status = Status.SCHEDULED if due > now else Status.QUEUED
                return _wait(max(now + HEAD_START, due), mail.moved(status, now=now, since=due, due_at=due))
            case What.RETRIED if mail.waits_for_mending:
                return _wait(now + HEAD_START, replace(mail, due_at=now))
        return Next(do=Do.REFUSE)

    def _stranded(self) -> Next:
        """The host has given the message up, or there is none, or no content: end what cannot go on by itself."""
        event, mail = self.event, self.mail
        if event.what is What.MESSAGE_LOST:
            return _wait(max(self.now, mail.due_at or self.now))
        if self._looks:
            return self._end(Status.UNCERTAIN, mail.error_code, f"{mail.error_message} {event.text}")
        return self._end(Status.FAILED if mail.status.waiting or mail.drafting else Status.UNCERTAIN)

    def _once_more(self, code: str, text: str, *, after: timedelta) -> Next:
        return self._back(Status.QUEUED, code, text, after=after, mending=False, resent=1, look=0)

    def _back(self, status: Status, code: str, text: str, *, after: timedelta, **changes: Any) -> Next:  # noqa: ANN401 - as dataclasses.replace
        due = self.now + after
        return _wait(due, self.mail.moved(status, now=self.now, code=code, message=text, due_at=due, **changes))

    def _end(self, status: Status, code: str | None = None, text: str = "") -> Next:
        event, mail = self.event, self.mail
        if status in {Status.SENT, Status.CANCELED}:
            code, text = "", ""
        elif code is None:
            code, text = event.code, event.text
        look = 0 if mail.look or status is Status.UNCERTAIN else mail.look
        skipped = event.skipped if status is Status.SUPPRESSED else mail.skipped
        took = event.request_id or mail.request_id
        ended = mail.moved(status, now=self.now, code=code, message=text, look=look, skipped=skipped, request_id=took)
        return Next(do=Do.END, record=ended)

    @property
    def _looks(self) -> bool:
        """Whether a doubt is still to be looked up."""
        return self.mail.status is Status.UNCERTAIN and bool(self.mail.look)

    @property
    def _is_early(self) -> bool:
        """Whether the mail waits, and its hour has not come."""
        return self.mail.status.waiting and self.mail.due_at is not None and self.mail.due_at > self.now

    @property
    def _is_old(self) -> bool:
        return self.now - self.mail.due_since > self.policy.max_age

    def _backoff(self, attempts: int) -> timedelta:
        """Exponential, with full jitter, so that mails which failed together do not come back together."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 10))
        return longest * self.policy.spread()


def _wait(due: datetime | None, record: MailRecord | None = None) -> Next:
    return Next(do=Do.WAIT, due=due, record=record)
