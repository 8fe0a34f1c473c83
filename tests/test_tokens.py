"""Tokens that outlive a rotation: when the vault is read, who asks, and what is told before a secret expires."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mailer.errors import Misconfigured, TryLater
from mailer.identity.tokens import AGAIN, TTL, GraphTokens, Secret
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


def test_a_new_version_that_is_refused_is_told_once_and_not_used(parts, caplog):
    first = parts.tokens.token()
    parts.rotate()
    parts.pass_(TTL)

    for _ in range(3):
        assert parts.tokens.token() == first
        parts.pass_(AGAIN)
    assert caplog.text.count("secret_not_renewed code=AADSTS7000215") == 1
    (warning,) = parts.tokens.check()
    assert "Wrong secret." in warning


def test_a_vault_that_came_back_ends_the_warning_and_a_second_outage_is_told_again(parts, caplog):
    parts.tokens.token()
    for _ in range(2):
        parts.vault_failure = TryLater("Vault down.", code="secret_unavailable")
        parts.pass_(TTL)
        assert parts.tokens.check()
        parts.vault_failure = None
        parts.pass_(AGAIN)
        assert parts.tokens.check() == ()

    assert caplog.text.count("secret_not_renewed") == 2


def test_of_many_threads_with_a_secret_that_was_taken_away_one_reads_the_vault(parts):
    refused = parts.tokens.token()
    parts.known = {"new"}
    parts.rotate()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: parts.tokens.token(refused), range(20))) == {"token 3"}
    assert (parts.reads, parts.requests) == (2, ["right", "right", "new"])


def test_a_vault_that_is_down_when_the_secret_is_refused_is_asked_once_a_minute(parts):
    refused = parts.tokens.token()
    parts.known = {"new"}
    parts.rotate()
    parts.vault_failure = TryLater("Vault down.", code="secret_unavailable")
    for _ in range(10):
        assert refusal_of(lambda: parts.tokens.token(refused)) is parts.vault_failure
    assert (parts.reads, len(parts.requests)) == (2, 2)

    parts.vault_failure = None
    parts.pass_(AGAIN)
    assert parts.tokens.token()


class Gate:
    """Holds a call up until it is opened."""

    def __init__(self, call):
        self._call = call
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.opened.wait(10)
        return self._call()


def test_who_waits_for_an_attempt_that_fails_shares_its_outcome():
    parts = Parts()
    parts.vault_failure = TryLater("Vault down.", code="secret_unavailable")
    gate = Gate(parts.read)
    tokens = GraphTokens(read_secret=gate, sign_in=parts.sign_in, clock=lambda: datetime.now(UTC))

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(tokens.token) for _ in range(8)]
        assert gate.reached.wait(10)
        time.sleep(0.1)  # for the others to come
        gate.opened.set()
        assert {type(one.exception(10)) for one in waiting} == {TryLater}
    assert parts.reads == 1


@pytest.fixture
def looking(parts):
    """A thread that looks for a newer secret, and a vault that keeps it waiting."""
    parts.tokens.token()
    gate = parts.tokens._read_secret = Gate(parts.read)
    parts.pass_(TTL)
    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(parts.tokens.token)
        assert gate.reached.wait(10)
        yield lambda: (gate.opened.set(), look.result(10))
        gate.opened.set()


def test_nobody_waits_for_one_who_looks_for_a_newer_secret(parts, looking):
    assert {parts.tokens.token() for _ in range(10)} == {"token 1"}

    looking()
    assert parts.reads == 2


def test_a_look_does_not_bring_a_refused_token_back(parts, looking):
    assert parts.tokens.token("token 1") == "token 2"

    looking()
    assert parts.tokens.token() == "token 2"


def test_a_look_does_not_undo_what_another_thread_has_read_meanwhile(parts, looking):
    parts.known = {"new"}
    parts.rotate()
    gate, parts.tokens._read_secret = parts.tokens._read_secret, parts.read
    assert parts.tokens.token("token 1") == "token 3"

    parts.rotate("right", version="1")
    looking()
    assert gate.opened.is_set()
    assert parts.tokens.token("token 3") == "token 4"
    assert parts.requests[-1] == "new"
    assert parts.requests.count("right") == 2


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


def test_a_date_that_was_put_off_in_the_vault_ends_the_warning(parts):
    parts.rotate("right", version="1", expires_on=START + timedelta(days=20))
    assert parts.tokens.check()
    parts.rotate("right", version="1", expires_on=START + timedelta(days=300))
    parts.pass_(TTL)

    assert parts.tokens.check() == ()


def test_a_secret_does_not_show(parts):
    assert "right" not in repr(parts.kept)
    assert "right" not in repr(parts.tokens)
