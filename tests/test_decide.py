"""What comes next for a mail: the whole table, status by event by policy. Read it as a page.

Each row: the mail's status, what happened, the policy -> what is done, the next status, what the record says.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.delivery.decide import (
    AFTER_LEASE,
    HEAD_START,
    LEASE,
    LOOKS,
    MENDING_WAIT,
    Do,
    Policy,
    decide,
)
from mailer.delivery.event import Event, What
from mailer.delivery.record import MailRecord, Status
from mailer.setting_texts import OnUncertain
from tests.builders import SOME_ID
from tests.fakes import START

NOW = START + timedelta(hours=1)
MAX_AGE = timedelta(hours=48)
HOUR = timedelta(hours=1)
HOLD, RESEND, VERIFY = OnUncertain
ANY = None  # whatever the policy

# The mails of the table, each in the state that its name tells.
MAILS = {
    "queued": {"status": Status.QUEUED},
    "queued, due later": {"status": Status.QUEUED, "due_at": NOW + HOUR, "attempts": 1},
    "queued, old": {"status": Status.QUEUED, "since": NOW - MAX_AGE - HOUR, "attempts": 9},
    "waits to be mended": {"status": Status.QUEUED, "due_at": NOW + HOUR, "attempts": 1, "mending": True},
    "queued again in doubt": {"status": Status.QUEUED, "resent": 1, "attempts": 1},
    "scheduled": {"status": Status.SCHEDULED, "due_at": NOW + HOUR},
    "scheduled, due": {"status": Status.SCHEDULED, "due_at": NOW, "since": NOW},
    "sending": {"status": Status.SENDING, "leased_until": NOW + HOUR, "attempts": 1},
    "sending, lease over": {"status": Status.SENDING, "leased_until": NOW, "attempts": 1},
    "sending again, lease over": {"status": Status.SENDING, "leased_until": NOW, "attempts": 2, "resent": 1},
    "uploading, lease over": {"status": Status.SENDING, "leased_until": NOW, "attempts": 1, "drafting": True},
    "sending, old, lease over": {"status": Status.SENDING, "leased_until": NOW, "since": NOW - MAX_AGE - HOUR},
    "to be looked up": {"status": Status.UNCERTAIN, "look": 1, "due_at": NOW},
    "to be looked up later": {"status": Status.UNCERTAIN, "look": 1, "due_at": NOW + HOUR},
    "to be looked up last": {"status": Status.UNCERTAIN, "look": 3, "due_at": NOW},
    "to be looked up last, sent again": {"status": Status.UNCERTAIN, "look": 3, "due_at": NOW, "resent": 1},
    "to be looked up, old": {"status": Status.UNCERTAIN, "look": 3, "due_at": NOW, "since": NOW - MAX_AGE - HOUR},
    "in doubt": {"status": Status.UNCERTAIN, "look": 0},
    "sent": {"status": Status.SENT},
    "failed": {"status": Status.FAILED, "attempts": 3},
    "canceled": {"status": Status.CANCELED},
    "suppressed": {"status": Status.SUPPRESSED},
    "held": {"status": Status.HELD},
    "held, due later": {"status": Status.HELD, "due_at": NOW + HOUR},
}
CODED = {"waits to be mended", "held", "held, due later"}
WHY = {"code": "c", "text": "t."}
EVENTS = {what.value: Event(what=what, **WHY) for what in What}
EVENTS |= {"asked to wait": Event(what=What.TURNED_AWAY, **WHY, after=timedelta(minutes=7))}
EVENTS |= {"paced": Event(what=What.PACED, to=NOW + HOUR)}
EVENTS |= {"moved": Event(what=What.MOVED, to=NOW + 2 * HOUR)}
EVENTS |= {"moved into the past": Event(what=What.MOVED, to=datetime(432, 11, 10, tzinfo=UTC))}

# mail, event, policy -> what to do, next status (None: the record stays as it is), due from now, resent, look
TABLE = [
    # A message comes: on time, early, late, twice, superseded.
    ("queued", "arrived", ANY, Do.SEND, "sending", None, None, None),
    ("queued, old", "arrived", ANY, Do.SEND, "sending", None, None, None),
    ("queued again in doubt", "arrived", ANY, Do.SEND, "sending", None, 1, None),
    ("queued, due later", "arrived", ANY, Do.WAIT, None, HOUR, None, None),
    ("scheduled", "arrived", ANY, Do.WAIT, None, HOUR, None, None),
    ("scheduled, due", "arrived", ANY, Do.SEND, "sending", None, None, None),
    ("sending", "arrived", ANY, Do.WAIT, None, HOUR + AFTER_LEASE, None, None),
    ("to be looked up", "arrived", ANY, Do.LOOK, None, None, None, None),
    ("to be looked up later", "arrived", ANY, Do.WAIT, None, HOUR, None, None),
    *[(mail, "arrived", ANY, Do.DROP, None, None, None, None)
      for mail in ("in doubt", "sent", "failed", "canceled", "suppressed")],
    # Its worker never came back.
    ("sending, lease over", "arrived", HOLD, Do.END, "uncertain", None, None, 0),
    ("sending, lease over", "arrived", RESEND, Do.WAIT, "queued", timedelta(seconds=30), 1, 0),
    ("sending, lease over", "arrived", VERIFY, Do.WAIT, "uncertain", LOOKS[0], None, 1),
    ("sending again, lease over", "arrived", RESEND, Do.END, "uncertain", None, 1, 0),
    ("sending again, lease over", "arrived", VERIFY, Do.WAIT, "uncertain", LOOKS[0], 1, 1),
    ("sending, old, lease over", "arrived", RESEND, Do.END, "uncertain", None, None, 0),
    ("sending, old, lease over", "arrived", VERIFY, Do.END, "uncertain", None, None, 0),
    ("uploading, lease over", "arrived", ANY, Do.WAIT, "queued", timedelta(seconds=30), None, None),
    # What came of an attempt.
    ("sending", "sent", ANY, Do.END, "sent", None, None, None),
    ("sending", "turned_away", ANY, Do.WAIT, "queued", timedelta(seconds=30), None, None),
    ("sending", "asked to wait", ANY, Do.WAIT, "queued", timedelta(minutes=7), None, None),
    ("sending", "needs_mending", ANY, Do.WAIT, "queued", MENDING_WAIT, None, None),
    ("sending", "refused", ANY, Do.END, "failed", None, None, None),
    ("sending", "in_doubt", HOLD, Do.END, "uncertain", None, None, 0),
    ("sending", "in_doubt", RESEND, Do.WAIT, "queued", timedelta(seconds=30), 1, 0),
    ("sending", "in_doubt", VERIFY, Do.WAIT, "uncertain", LOOKS[0], None, 1),
    ("sending again, lease over", "in_doubt", RESEND, Do.END, "uncertain", None, 1, 0),
    ("sending, old, lease over", "in_doubt", RESEND, Do.END, "uncertain", None, None, 0),
    # Its turn is later.
    *[(mail, "paced", ANY, Do.WAIT, "queued", HOUR, None, None)
      for mail in ("queued", "queued, old", "queued, due later", "scheduled, due")],
    *[(mail, "paced", ANY, Do.REFUSE, None, None, None, None) for mail in ("sending", "sent", "in doubt", "canceled")],
    # What came of one that ended before its claim.
    ("queued", "turned_away", ANY, Do.WAIT, "queued", timedelta(seconds=30), None, None),
    ("queued", "needs_mending", ANY, Do.WAIT, "queued", MENDING_WAIT, None, None),
    ("queued", "refused", ANY, Do.END, "failed", None, None, None),
    ("queued", "suppressed", ANY, Do.END, "suppressed", None, None, None),
    ("queued, old", "suppressed", ANY, Do.END, "suppressed", None, None, None),
    ("queued again in doubt", "suppressed", ANY, Do.END, "suppressed", None, 1, None),
    ("scheduled, due", "suppressed", ANY, Do.END, "suppressed", None, None, None),
    ("queued, old", "turned_away", ANY, Do.END, "failed", None, None, None),
    ("queued, old", "needs_mending", ANY, Do.END, "failed", None, None, None),
    # What came of a message that was superseded: the mail has been moved meanwhile.
    *[(mail, event, ANY, Do.WAIT, None, HOUR, None, None)
      for mail in ("queued, due later", "scheduled")
      for event in ("turned_away", "needs_mending", "refused", "suppressed", "in_doubt")],
    # A send that is known overrules whatever was settled meanwhile.
    *[(mail, "sent", ANY, Do.END, "sent", None, None, None) for mail in ("queued", "in doubt", "failed")],
    *[(mail, "turned_away", ANY, Do.DROP, None, None, None, None)
      for mail in ("in doubt", "sent", "failed", "canceled", "suppressed")],
    # What came of a look.
    ("to be looked up", "found", ANY, Do.END, "sent", None, None, 0),
    ("to be looked up", "not_found", ANY, Do.WAIT, "uncertain", LOOKS[1], None, 2),
    ("to be looked up", "turned_away", ANY, Do.WAIT, "uncertain", LOOKS[0], None, 1),
    ("to be looked up", "asked to wait", ANY, Do.WAIT, "uncertain", timedelta(minutes=7), None, 1),
    ("to be looked up", "needs_mending", ANY, Do.WAIT, "uncertain", MENDING_WAIT, None, 1),
    ("to be looked up", "cannot_look", ANY, Do.END, "uncertain", None, None, 0),
    ("to be looked up last", "not_found", ANY, Do.WAIT, "queued", timedelta(), 1, 0),
    ("to be looked up last, sent again", "not_found", ANY, Do.END, "uncertain", None, 1, 0),
    ("to be looked up, old", "not_found", ANY, Do.END, "uncertain", None, None, 0),
    ("to be looked up, old", "turned_away", ANY, Do.END, "uncertain", None, None, 0),
    # What a person asks.
    *[(mail, "canceled", ANY, Do.END, "canceled", None, None, None)
      for mail in ("queued", "queued, due later", "scheduled")],
    ("canceled", "canceled", ANY, Do.DROP, None, None, None, None),
    *[(mail, "canceled", ANY, Do.REFUSE, None, None, None, None)
      for mail in ("sending", "sent", "failed", "in doubt", "to be looked up", "suppressed")],
    *[(mail, "moved", ANY, Do.WAIT, "scheduled", 2 * HOUR, None, None)
      for mail in ("queued", "queued, due later", "scheduled")],
    *[(mail, "moved into the past", ANY, Do.WAIT, "scheduled", timedelta(), None, None)
      for mail in ("queued", "queued, due later", "scheduled")],
    *[(mail, "moved", ANY, Do.REFUSE, None, None, None, None)
      for mail in ("sending", "sent", "failed", "in doubt", "canceled", "suppressed")],
    ("failed", "replayed", ANY, Do.WAIT, "queued", HEAD_START, 0, 0),
    ("suppressed", "replayed", ANY, Do.WAIT, "queued", HEAD_START, 0, 0),
    ("in doubt", "replayed", ANY, Do.WAIT, "queued", HEAD_START, 1, 0),
    ("to be looked up", "replayed", ANY, Do.WAIT, "queued", HEAD_START, 1, 0),
    *[(mail, "replayed", ANY, Do.REFUSE, None, None, None, None)
      for mail in ("queued", "scheduled", "sending", "sent", "canceled")],
    ("waits to be mended", "retried", ANY, Do.WAIT, "queued", HEAD_START, None, None),
    ("waits to be mended", "arrived", ANY, Do.WAIT, None, HOUR, None, None),
    *[(mail, "retried", ANY, Do.REFUSE, None, None, None, None)
      for mail in ("queued", "queued, due later", "scheduled", "sending", "sent", "failed", "in doubt", "canceled")],
    # It is more than its caller may send in a day, and a person lets it go, or does not.
    *[(mail, "surplus", ANY, Do.END, "held", None, None, None)
      for mail in ("queued", "queued, due later", "scheduled", "scheduled, due")],
    *[(mail, "surplus", ANY, Do.DROP, None, None, None, None)
      for mail in ("sending", "sent", "failed", "in doubt", "to be looked up", "canceled", "suppressed", "held")],
    ("held", "released", ANY, Do.WAIT, "queued", HEAD_START, None, None),
    ("held, due later", "released", ANY, Do.WAIT, "scheduled", HOUR, None, None),
    *[(mail, "released", ANY, Do.REFUSE, None, None, None, None)
      for mail in ("queued", "scheduled", "sending", "sent", "failed", "in doubt", "canceled", "suppressed")],
    *[(mail, "canceled", ANY, Do.END, "canceled", None, None, None) for mail in ("held", "held, due later")],
    *[("held", event, ANY, Do.DROP, None, None, None, None)
      for event in ("arrived", "turned_away", "refused", "in_doubt", "host_gave_up", "message_lost", "content_lost")],
    *[("held", event, ANY, Do.REFUSE, None, None, None, None)
      for event in ("replayed", "moved", "retried", "paced")],
    ("held", "sent", ANY, Do.END, "sent", None, None, None),
    # The host gives its message up.
    *[(mail, "host_gave_up", ANY, Do.END, "failed", None, None, None)
      for mail in ("queued", "scheduled, due", "uploading, lease over")],
    *[(mail, "host_gave_up", ANY, Do.WAIT, None, HOUR, None, None) for mail in ("queued, due later", "scheduled")],
    ("sending", "host_gave_up", ANY, Do.WAIT, None, HOUR + AFTER_LEASE, None, None),
    ("sending, lease over", "host_gave_up", ANY, Do.END, "uncertain", None, None, 0),
    ("to be looked up", "host_gave_up", ANY, Do.END, "uncertain", None, None, 0),
    # The clean-up has proved that no message is left, with the content in a blob or without.
    ("queued", "message_lost", ANY, Do.WAIT, None, timedelta(), None, None),
    ("scheduled", "message_lost", ANY, Do.WAIT, None, HOUR, None, None),
    ("sending, lease over", "message_lost", ANY, Do.WAIT, None, timedelta(), None, None),
    ("to be looked up", "message_lost", ANY, Do.WAIT, None, timedelta(), None, None),
    ("queued", "content_lost", ANY, Do.END, "failed", None, None, None),
    ("uploading, lease over", "content_lost", ANY, Do.END, "failed", None, None, None),
    ("sending, lease over", "content_lost", ANY, Do.END, "uncertain", None, None, 0),
    ("to be looked up", "content_lost", ANY, Do.END, "uncertain", None, None, 0),
    *[(mail, event, ANY, Do.DROP, None, None, None, None)
      for event in ("host_gave_up", "message_lost", "content_lost")
      for mail in ("in doubt", "sent", "failed", "canceled", "suppressed")],
]  # fmt: skip


def a_mail(name):
    code = "no_answer" if MAILS[name]["status"] is Status.UNCERTAIN else "c" if name in CODED else ""
    return MailRecord(id=SOME_ID, error_code=code, **MAILS[name])


def decided(mail, event, policy):
    return decide(
        EVENTS[event], a_mail(mail), policy=Policy(on_uncertain=policy, max_age=MAX_AGE, spread=lambda: 1), now=NOW
    )


@pytest.mark.parametrize(("mail", "event", "policy", "do", "status", "due", "resent", "look"), TABLE)
def test_what_comes_next(mail, event, policy, do, status, due, resent, look):
    for each in OnUncertain if policy is ANY else [policy]:
        step = decided(mail, event, each)

        assert step.do is do
        assert (step.record.status if step.record else None) == status
        assert (step.due - NOW if step.due else None) == due
        if step.record:
            assert (step.record.resent, step.record.look) == (
                a_mail(mail).resent if resent is None else resent,
                a_mail(mail).look if look is None else look,
            )


def test_every_status_and_every_event_has_a_row():
    rows = {(MAILS[mail]["status"], EVENTS[event].what) for mail, event, *_ in TABLE}

    assert {status for status, _ in rows} == set(Status)
    assert {what for _, what in rows} == set(What)
    for status in Status:
        asked = {What.ARRIVED, What.REPLAYED, What.CANCELED, What.MOVED, What.RELEASED, What.HOST_GAVE_UP}
        assert asked <= {what for known, what in rows if known is status}, status


@pytest.mark.parametrize("policy", OnUncertain)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("mail", MAILS)
def test_every_decision_is_whole(mail, event, policy):
    """A mail that is not at its end comes back; one that comes back says when; a claim has a lease."""
    step = decided(mail, event, policy)

    assert (step.do is Do.WAIT) == (step.due is not None)
    if step.do is Do.SEND:
        assert (step.record.leased_until, step.record.attempts) == (NOW + LEASE, a_mail(mail).attempts + 1)
    if step.do is Do.END:
        assert step.record.status.final
        assert not step.record.look
    if step.do in {Do.DROP, Do.REFUSE, Do.LOOK}:
        assert step.record is None
    if step.record and step.do is Do.WAIT:
        assert step.record.status.waiting or step.record.look
    if step.record and step.record.status.keeps_content:
        assert step.record.error_code


def test_waits_grow_and_end_at_an_hour():
    mail, waits, now = a_mail("queued"), [], NOW
    policy = Policy(on_uncertain=HOLD, max_age=timedelta(days=30), spread=lambda: 1)
    for _ in range(14):
        step = decide(EVENTS["turned_away"], mail, policy=policy, now=now)
        waits.append(step.due - now)
        mail, now = step.record, step.due

    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 240)]
    assert waits[-1] == HOUR


def test_a_moved_mail_has_its_whole_time_from_its_new_hour():
    moved = decided("queued, old", "moved", HOLD).record
    at_its_hour = replace(moved, status=Status.SENDING, attempts=1)
    policy = Policy(on_uncertain=HOLD, max_age=MAX_AGE)

    step = decide(EVENTS["turned_away"], at_its_hour, policy=policy, now=moved.due_at + HOUR)

    assert step.record.status is Status.QUEUED


@pytest.mark.parametrize(
    ("mail", "event", "policy", "words"),
    [
        ("sending again, lease over", "in_doubt", RESEND, "t. It was sent again once before, and is not again."),
        ("sending, old, lease over", "in_doubt", RESEND, "t. It is not sent again after 2 days, 0:00:00."),
        ("sending", "in_doubt", RESEND, "t. It is sent again."),
        ("queued, old", "turned_away", HOLD, "Given up after 2 days, 0:00:00: t."),
        ("sending, lease over", "arrived", HOLD, "never came back, so nobody knows"),
        ("uploading, lease over", "arrived", HOLD, "Nothing was sent."),
    ],
)
def test_the_record_says_why(mail, event, policy, words):
    assert words in decided(mail, event, policy).record.error_message


def test_a_suppressed_mail_says_who_was_left_out_the_last_time_and_no_longer_who_was_before():
    nobody_left = Event(what=What.SUPPRESSED, **WHY, skipped=("to[0]", "cc[2]"))
    gated = Event(what=What.SUPPRESSED, **WHY)
    policy = Policy(on_uncertain=HOLD, max_age=MAX_AGE)

    assert decide(nobody_left, a_mail("queued"), policy=policy, now=NOW).record.skipped == ("to[0]", "cc[2]")
    before = replace(a_mail("queued"), skipped=("to[0]",))
    assert decide(gated, before, policy=policy, now=NOW).record.skipped == ()


@pytest.mark.parametrize("event", What)
def test_a_mail_waits_for_mending_from_when_it_needs_it_until_it_moves_on(event):
    """Whatever else happens, a record that says so is one that waits for a person."""
    step = decided("queued", event.value, OnUncertain.HOLD)
    if step.record:
        assert step.record.waits_for_mending == (event is What.NEEDS_MENDING)
    step = decided("sending", event.value, OnUncertain.HOLD)
    if step.record and step.record.status is Status.QUEUED:
        assert bool(step.record.mending) == (event is What.NEEDS_MENDING)
