"""What works and what does not."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from mailer.errors import ConfigError, Misconfigured, TryLater
from mailer.health import mailboxes
from mailer.health.mailboxes import Mailboxes
from mailer.health.parts import FRESH_FOR, Finding, Health
from tests.fakes import Clock


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def failing(error):
    def check():
        raise error

    return check


def test_a_part_that_answers_works():
    assert Health({"table": lambda: None}).findings() == {"table": Finding(ok=True)}


@pytest.mark.parametrize(
    ("error", "problems"),
    [
        (TryLater("Table Storage is down.", code="storage_unavailable"), ("Table Storage is down.",)),
        (Misconfigured("The secret has expired.", code="AADSTS7000222"), ("The secret has expired.",)),
        (ConfigError(["A is missing.", "B is wrong."]), ("A is missing.", "B is wrong.")),
    ],
)
def test_a_part_that_fails_says_why(error, problems):
    assert Health({"part": failing(error)}).findings() == {"part": Finding(ok=False, problems=problems)}


def test_a_part_that_fails_does_not_hide_another():
    findings = Health({"a": failing(ConfigError(["x"])), "b": lambda: None}).findings()

    assert (findings["a"].ok, findings["b"].ok) == (False, True)


def test_a_frequent_probe_costs_nothing():
    checks, seconds = [], Seconds()
    health = Health({"part": lambda: checks.append(1)}, clock=seconds)

    health.findings()
    seconds.now = FRESH_FOR - 0.1
    health.findings()
    assert len(checks) == 1

    seconds.now = FRESH_FOR
    health.findings()
    assert len(checks) == 2


def test_a_part_that_was_mended_works_again():
    seconds, errors = Seconds(), [TryLater("Down.", code="storage_unavailable")]

    def check():
        if errors:
            raise errors.pop()

    health = Health({"part": check}, clock=seconds)
    assert not health.findings()["part"].ok
    seconds.now = FRESH_FOR
    assert health.findings()["part"].ok


def test_a_fault_is_told_in_words_once_and_the_other_parts_point_to_it():
    wrong = ConfigError(["MAILER_TENANT_ID is missing.", "MAILER_GAET is unknown."])
    findings = Health({"settings": failing(wrong), "table": failing(wrong), "queue": failing(wrong)}).findings()

    assert findings["settings"].problems == wrong.problems
    assert findings["table"] == findings["queue"] == Finding(ok=False, problems=("see `settings`",))


def test_an_alarm_for_a_fault_that_another_part_tells_keeps_its_own_words():
    findings = Health(
        {
            "graph_token": failing(Misconfigured("The secret has expired.", code="AADSTS7000222")),
            "sending": failing(ConfigError(["Mails of shop@contoso.com wait: The secret has expired.", "Other."])),
        }
    ).findings()

    assert findings["sending"].problems == ("Mails of shop@contoso.com wait: see `graph_token`", "Other.")


# Whether the app may send, and the clock


class Graph:
    """Answers for each mailbox, and counts who asks."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []
        self.clock, self.ahead = Clock(), timedelta()
        self.roles = ("Mail.Send",)

    def ask(self, mailbox, token):
        assert token == "t0ken"
        self.asked.append(mailbox)
        status, code = self.answers[mailbox.partition("@")[0]]
        return status, code, format_datetime(self.clock() + self.ahead)

    def mailboxes(self):
        return Mailboxes(
            lambda: [f"{name}@contoso.com" for name in self.answers],
            token=lambda: "t0ken",
            roles=lambda _: self.roles,
            ask=self.ask,
            clock=self.clock,
        )


WELL, DENIED, AWAY = (400, "ErrorInvalidRecipients"), (403, "ErrorAccessDenied"), (0, "graph_unreachable")


def test_mailboxes_that_may_send_are_asked_about_once_in_a_while():
    graph = Graph(shop=WELL, alerts=WELL)
    asked = graph.mailboxes()

    assert [asked.permission(), asked.permission()] == [[], []]
    assert graph.asked == ["shop@contoso.com", "alerts@contoso.com"]
    graph.clock.advance(seconds=mailboxes.FRESH_FOR.total_seconds())
    asked.permission()
    assert len(graph.asked) == 4


@pytest.mark.parametrize(
    ("answer", "roles", "words"),
    [
        (DENIED, (), "No consent to Mail.Send, for alerts@contoso.com. | setup --scope tenant"),
        (DENIED, ("Mail.Send",), "not in scope: alerts@contoso.com. | Get-ApplicationAccessPolicy"),
        ((404, "ErrorInvalidUser"), ("Mail.Send",), "There is no mailbox alerts@contoso.com. | MAILER_SENDERS"),
        ((401, "InvalidAuthenticationToken"), (), "does not take the token. | MAILER_GRAPH_URL"),
    ],
)
def test_a_mailbox_that_may_not_send_fails_with_the_cure_until_it_is_mended(answer, roles, words):
    graph = Graph(alerts=answer)
    graph.roles = roles
    asked = graph.mailboxes()

    with pytest.raises(ConfigError) as raised:
        asked.permission()
    (problem,) = raised.value.problems
    assert all(word in problem for word in words.split(" | ")), problem

    graph.answers["alerts"] = WELL
    assert asked.permission() == []


def test_what_graph_did_not_answer_is_a_warning_and_no_failure():
    (problem,) = Graph(shop=AWAY).mailboxes().permission()

    assert problem.startswith("Whether shop@contoso.com may send is not clear.")


@pytest.mark.parametrize(("ahead", "way"), [(-40, "40 s ahead of"), (250, "250 s behind")])
def test_a_clock_that_is_off_is_a_warning(ahead, way):
    graph = Graph(shop=WELL)
    graph.ahead = timedelta(seconds=ahead)
    asked = graph.mailboxes()
    asked.permission()

    (problem,) = asked.clock()
    assert f"clock is {way}" in problem
    assert "NTP" in problem


def test_a_clock_that_tokens_do_not_bear_is_a_failure_and_a_right_one_is_nothing():
    graph = Graph(shop=WELL)
    asked = graph.mailboxes()
    asked.permission()
    assert asked.clock() == []

    graph.ahead = timedelta(minutes=6)
    graph.clock.advance(seconds=mailboxes.FRESH_FOR.total_seconds())
    asked.permission()
    with pytest.raises(ConfigError):
        asked.clock()
