"""How long Graph, or somebody on the way, asks to wait."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.graph.wire import (
    retry_after,
)
from tests.wire.given import envelope, outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("2.128", 2.128), ("0", 0), ("-3", 0), ("1e3", 1000)],
)
def test_a_retry_after_may_have_a_fraction(text, seconds):
    assert retry_after({"Retry-After": text}) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "Sun, 23 Nov 1986 12:00:00 GMT", "inf", "1e300", "nan"])
def test_a_retry_after_that_is_no_number_of_seconds_counts_for_nothing(text):
    assert not retry_after({"Retry-After": text})


def test_graphs_own_wait_goes_before_ours():
    assert outcome(500, envelope("ErrorSubmissionQuotaExceeded")).after == timedelta(hours=1)
    assert outcome(500, envelope("ErrorSubmissionQuotaExceeded"), {"Retry-After": "7"}).after == timedelta(seconds=7)
    assert outcome(429).after is None


NOW = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("Wednesday, 25-Nov-26 23:59:00 GMT", 3540),
        ("Wed Nov 25 23:59:00 2026", 3540),
        ("Wed, 25 Nov 2026 22:59:00 GMT", 0),
        ("120, 120", 120),
        ("30,2.5", 30),
        ("30, Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("Wed, 25 Nov 2026 23:59:00 GMT, Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("10, soon", 10),
        ("Fri, 25 Nov 2033 23:59:00 GMT", 86_400),
    ],
)
def test_a_retry_after_may_be_a_date_or_stand_twice(text, seconds):
    assert retry_after({"Retry-After": text}, now=NOW) == timedelta(seconds=seconds)


def test_a_date_counts_from_the_replys_own_so_that_a_wrong_clock_does_no_harm():
    headers = {"Retry-After": "Mon, 01 Jan 2001 00:01:00 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}

    assert outcome(429, envelope("TooManyRequests"), headers).after == timedelta(minutes=1)
