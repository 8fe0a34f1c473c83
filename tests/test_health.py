"""What works and what does not."""

import pytest

from mailer.errors import ConfigError, Misconfigured, TryLater
from mailer.health import FRESH_FOR, Finding, Health


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
