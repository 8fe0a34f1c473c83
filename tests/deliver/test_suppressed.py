"""Recipients who get no mail any more are left out when a mail is sent; it ends where nobody is left."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.gate import Gate, Mode
from mailer.delivery.record import Status
from mailer.errors import WrongStatus
from mailer.feedback.suppressions import FRESH_FOR
from mailer.request.address import Address
from mailer.request.members import ONE_CALL
from mailer.setting_texts import OnUncertain
from tests.builders import a_file, composed
from tests.deliver.given import Away
from tests.post import BUSY, NO_ANSWER, raising

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"
SEVERAL = {"to": [ADA, f"Bob <{BOB}>"], "cc": [EVE, "Ada@Example.com"], "bcc": [ADA], "reply_to": [ADA]}


def reached(post, message, **parts):
    """Whom Graph was asked to send to, list by list; None where it was not asked."""
    asked = []

    class Watched(type(post.graph)):
        def send(self, mail, token):
            asked.append(mail.request)
            return super().send(mail, token)

        def send_large(self, mail, token, *, leaving):
            asked.append(mail.request)
            super().send_large(mail, token, leaving=leaving)

    graph = Watched()
    graph.__dict__ = post.graph.__dict__
    post.deliver(message, graph=graph, **parts)
    if not asked:
        return None
    (request,) = asked
    return {name: [each.address for each in getattr(request, name)] for name in ("to", "cc", "bcc", "reply_to")}


def test_who_is_suppressed_is_left_out_of_to_cc_and_bcc_and_the_others_get_their_mail(post):
    post.suppressions.suppress(ADA)

    assert reached(post, post.by_queue(**SEVERAL)) == {"to": [BOB], "cc": [EVE], "bcc": [], "reply_to": [ADA]}
    assert post.record.status is Status.SENT


def test_the_record_says_which_places_were_left_out_of_how_many(post):
    post.suppressions.suppress(ADA)
    post.deliver(post.by_queue(**SEVERAL))

    assert post.record.skipped == ("to[0]", "cc[1]", "bcc[0]")
    assert post.record.recipients == 5


def test_a_mail_goes_to_cc_and_bcc_where_nobody_of_to_is_left(post):
    post.suppressions.suppress(ADA)

    asked = reached(post, post.by_queue(to=[ADA], cc=[BOB], bcc=[EVE]))

    assert (asked["to"], asked["cc"], asked["bcc"]) == ([], [BOB], [EVE])


def test_a_mail_is_suppressed_where_nobody_is_left_and_never_asks_graph(post):
    for address in (ADA, BOB):
        post.suppressions.suppress(address)

    assert reached(post, post.by_queue(to=[ADA], bcc=[BOB])) is None
    assert (post.record.status, post.record.error_code) == (Status.SUPPRESSED, "recipient_suppressed")
    assert post.record.skipped == ("to[0]", "bcc[0]")
    assert post.record.attempts == 0


@pytest.mark.parametrize("by", ["by_http", "by_queue"])
def test_a_suppressed_mail_is_sent_by_a_replay_once_the_suppression_is_lifted(post, by):
    post.suppressions.suppress(ADA)
    assert post.deliver(getattr(post, by)(to=[ADA])) is Status.SUPPRESSED
    mail = post.record.id

    post.amendment().replay(mail)
    assert post.run() is Status.SUPPRESSED

    post.suppressions.lift(ADA)
    post.amendment().replay(mail, by="ops")
    assert post.run() is Status.SENT
    assert post.sent == [mail]
    assert post.record.skipped == ()
    assert [done.by for done in post.record.done] == [None, "ops"]


def test_a_sent_mail_whose_recipient_was_left_out_is_not_sent_again(post):
    post.suppressions.suppress(ADA)
    post.deliver(post.by_queue(**SEVERAL))

    with pytest.raises(WrongStatus):
        post.amendment().replay(post.record.id)


def test_each_attempt_looks_anew(post):
    """A mail that waited leaves out who was suppressed meanwhile, and reaches again who was lifted."""
    post.suppressions.suppress(ADA)
    post.deliver(post.by_queue(to=[ADA, BOB]), send=raising(BUSY))
    assert post.record.skipped == ("to[0]",)

    post.suppressions.lift(ADA)
    post.suppressions.suppress(BOB)
    assert reached(post, post.take())["to"] == [ADA]
    assert post.record.skipped == ("to[1]",)


def test_a_scheduled_mail_is_looked_at_when_it_leaves_and_not_when_it_comes(post):
    later = (post.clock.now + timedelta(hours=3)).isoformat()
    post.accept(to=[ADA], scheduled_at=later)
    post.suppressions.suppress(ADA)

    assert post.run() is Status.SUPPRESSED


def test_in_doubt_a_mail_is_not_sent_once_more_to_who_was_suppressed_meanwhile(post):
    post.policy = OnUncertain.RESEND
    post.deliver(post.by_queue(to=[ADA]), send=raising(NO_ANSWER))
    post.suppressions.suppress(ADA)

    assert post.run() is Status.SUPPRESSED
    assert len(post.sent) == 1
    assert post.record.resent == 1


def test_a_mail_that_is_not_in_sent_items_is_not_sent_once_more_either(post):
    post.policy = OnUncertain.VERIFY
    post.deliver(post.by_queue(to=[ADA]), send=raising(NO_ANSWER))
    post.suppressions.suppress(ADA)

    assert post.run() is Status.SUPPRESSED
    assert len(post.sent) == 1


def test_a_large_mail_leaves_them_out_too(post):
    post.suppressions.suppress(ADA)

    def large(request, *, mail):
        return replace(composed(request, mail=mail), files=(a_file(b"x" * ONE_CALL),))

    assert reached(post, post.by_queue(to=[ADA, BOB]), compose=large)["to"] == [BOB]
    assert (post.record.status, post.record.skipped) == (Status.SENT, ("to[0]",))
    assert len(post.graph.large) == 1


def test_no_draft_is_left_of_a_large_mail_that_was_begun_and_then_suppressed(post):
    message = post.by_queue(to=[ADA])
    post.deliver_large(message, graph=raising(BUSY))
    post.suppressions.suppress(ADA)

    assert post.deliver(post.take()) is Status.SUPPRESSED
    assert post.graph.cleared == [post.record.id]


def test_the_gate_looks_at_who_is_left(post):
    post.suppressions.suppress(ADA)
    gate = Gate(mode=Mode.ALLOW, allowed=frozenset({ADA}))

    assert post.deliver(post.by_queue(to=[ADA, BOB]), screen=gate.screen) is Status.SUPPRESSED
    assert post.record.error_code == "recipient_not_allowed"
    assert post.record.skipped == ("to[0]",)


def test_a_redirected_mail_goes_to_nobody_in_place_of_who_is_suppressed(post):
    post.suppressions.suppress(ADA)
    gate = Gate(mode=Mode.REDIRECT, redirect_to=Address(address="test@contoso.com"))

    assert post.deliver(post.by_queue(to=[ADA]), screen=gate.screen) is Status.SUPPRESSED
    assert post.sent == []


def test_where_the_list_cannot_be_read_the_mail_waits(post):
    post.suppression_rows = Away(post.suppression_rows, times=1)
    post.start_instance()

    assert post.deliver(post.by_queue(to=[ADA])) is Status.QUEUED
    assert (post.sent, post.record.error_code) == ([], "storage_unavailable")
    assert post.run() is Status.SENT


def test_another_instance_leaves_them_out_within_a_minute(post):
    post.deliver(post.by_queue(to=[ADA]))
    here = post.suppressions
    post.start_instance()
    post.suppressions.suppress(ADA)
    post.suppressions = here

    post.clock.advance(seconds=FRESH_FOR.total_seconds())
    assert post.deliver(post.by_queue(to=[ADA])) is Status.SUPPRESSED
