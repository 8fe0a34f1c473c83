"""Tokens that outlive a rotation: when the vault is read, who asks, and what is told before a secret expires."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer.errors import Misconfigured, TryLater
from mailer.tokens import AGAIN, TTL, GraphTokens, Secret
from tests.fakes import START, Clock

WRONG = Misconfigured("Wrong secret.", code="AADSTS7000215")
DOWN = TryLater("No answer.", code="token_unavailable")


class Parts:
    """An Entra that knows some secrets, a vault that holds one, and tokens made of both."""

    def __init__(self):
        self.known = {"right"}
        self.kept = Secret(name="s", value="right", version="1")
        self.reads = 0
        self.requests = []
        self.failure = None
        self.vault_failure = None
        self.clock = Clock()
        self.tokens = GraphTokens(read_secret=self.read, sign_in=self.sign_in, clock=self.clock)

    def read(self):
        self.reads += 1
        if self.vault_failure:
            raise self.vault_failure
        return self.kept

    def sign_in(self, secret):
        given = []

        def token():
            if not given:
                self.requests.append(secret.value)
                if self.failure or secret.value not in self.known:
                    raise self.failure or WRONG
                given.append(f"token {len(self.requests)}")
            return given[0]

        return token

    def rotate(self, value="new", version="2", **changes):
        self.kept = Secret(name="s", value=value, version=version, **changes)

    def pass_(self, duration):
        self.clock.advance(seconds=duration.total_seconds())


@pytest.fixture
def parts():
    return Parts()


def refusal_of(call):
    with pytest.raises(TryLater) as refusal:
        call()
    return refusal.value


def test_nothing_is_read_before_the_first_token_is_asked_for(parts):
    assert (parts.reads, parts.requests) == (0, [])


def test_one_secret_and_one_token_serve_many_mails(parts):
    assert {parts.tokens.token() for _ in range(10)} == {"token 1"}
    assert (parts.reads, parts.requests) == (1, ["right"])


def test_of_many_threads_with_the_same_refused_token_one_asks_for_a_new_one(parts):
    refused = parts.tokens.token()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: parts.tokens.token(refused), range(20))) == {"token 2"}
    assert len(parts.requests) == 2


def test_many_threads_share_the_first_request(parts):
    start = threading.Barrier(20)

    def run(_):
        start.wait()
        return parts.tokens.token()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(run, range(20))) == {"token 1"}
    assert (parts.reads, len(parts.requests)) == (1, 1)


def test_a_secret_that_was_taken_away_is_replaced_by_the_vaults_newest(parts):
    first = parts.tokens.token()
    parts.known = {"new"}
    parts.rotate()

    assert parts.tokens.token(first)
    assert (parts.reads, parts.requests[-1]) == (2, "new")


def test_the_vault_is_asked_again_when_the_secret_is_old(parts):
    parts.tokens.token()
    parts.known = {"right", "new"}
    parts.rotate()
    parts.pass_(TTL - timedelta(seconds=1))
    parts.tokens.token()
    assert parts.reads == 1

    parts.pass_(timedelta(seconds=1))
    assert parts.tokens.token() == "token 2"
    assert (parts.reads, parts.requests) == (2, ["right", "new"])


def test_a_new_version_that_entra_does_not_know_yet_does_not_replace_one_that_works(parts):
    first = parts.tokens.token()
    parts.rotate()
    parts.pass_(TTL)

    assert parts.tokens.token() == first
    parts.known.add("new")
    parts.pass_(AGAIN)
    assert parts.tokens.token() != first


def test_a_vault_that_is_down_hurts_nobody_while_there_is_a_secret(parts, caplog):
    first = parts.tokens.token()
    parts.vault_failure = TryLater("Vault down.", code="secret_unavailable")
    parts.pass_(TTL)

    assert {parts.tokens.token() for _ in range(10)} == {first}
    assert parts.reads == 2
    assert caplog.text.count("secret_not_renewed") == 1
    (warning,) = parts.tokens.check()
    assert "Vault down." in warning


def test_a_wrong_secret_costs_one_look_a_minute(parts):
    parts.known = set()
    for _ in range(10):
        assert type(refusal_of(parts.tokens.token)) is Misconfigured
    assert (parts.reads, len(parts.requests)) == (2, 1)

    parts.pass_(AGAIN)
    refusal_of(parts.tokens.token)
    assert parts.reads == 3


def test_a_secret_that_was_mended_works_after_a_minute(parts):
    parts.known = {"mended"}
    refusal_of(parts.tokens.token)
    parts.rotate("mended")
    parts.pass_(AGAIN)

    assert parts.tokens.token()


def test_a_failure_that_passed_is_not_remembered(parts):
    parts.failure = DOWN
    assert refusal_of(parts.tokens.token) is DOWN
    parts.failure = None
    parts.pass_(timedelta(seconds=1))

    assert parts.tokens.token()


@pytest.mark.parametrize("days", [60, 30, 7])
def test_an_expiry_is_warned_of_once_for_each_threshold(parts, caplog, days):
    parts.rotate("right", expires_on=START + timedelta(days=days))
    for _ in range(10):
        parts.tokens.token()

    assert caplog.text.count("secret_expires") == 1
    (warning,) = parts.tokens.check()
    assert f"days left: {days}" in warning


def test_each_threshold_is_told_as_time_goes_by(parts, caplog):
    parts.rotate("right", expires_on=START + timedelta(days=61))
    for _ in range(61):
        parts.tokens.token()
        parts.clock.advance(days=1)
    parts.tokens.token()

    assert caplog.text.count("secret_expires") == 4  # 60, 30 and 7 days before, and on the day


def test_an_expiry_that_is_far_is_no_news(parts, caplog):
    parts.rotate("right", expires_on=START + timedelta(days=61))

    assert parts.tokens.check() == ()
    assert "secret_expires" not in caplog.text


def test_an_expired_secret_is_a_failure_of_health(parts):
    parts.rotate("right", expires_on=START)

    assert refusal_of(parts.tokens.check).code == "secret_expired"
    assert parts.tokens.token()  # Entra decides, not the date in the vault


def test_a_secret_does_not_show(parts):
    assert "right" not in repr(parts.kept)
    assert "right" not in repr(parts.tokens)
