"""What goes wrong, one thing after the other: kills at every step, faults of the cloud, a rotated secret.

An episode is a context: mails flow inside it until its condition holds, so that every one of them is known to have
struck.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mailer.local.cloud.model import Fault
from tests.chaos.mails import Kind
from tests.chaos.stage import Stage
from tests.chaos.steps import STEPS, Step

Struck = Callable[[], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Episode:
    """One thing that goes wrong; `begin` switches it on, and off when its context ends.

    `kind` is that of the mails which it strikes, if not any.
    """

    name: str
    begin: Callable[[Stage, random.Random], AbstractContextManager[Struck]]
    kind: Kind | None = None


THROTTLED = Fault(
    call="sendMail", outcome="answer", status=429, code="ApplicationThrottled", headers={"Retry-After": "1.5"}
)
IN_DOUBT = Fault(call="sendMail", when="after", outcome="answer", status=504, probability=0.5)


def kills() -> list[Episode]:
    """SIGKILL at each named step, during the call, and at random."""
    return [
        *(Episode(name=f"SIGKILL {step.name}", begin=_kill_at(step), kind=step.kind) for step in STEPS),
        Episode(name="SIGKILL during the call, which Graph has not accepted", begin=_kill_during("sendMail", "before")),
        Episode(name="SIGKILL during the call, which Graph has accepted", begin=_kill_during("sendMail", "after")),
        Episode(name="SIGKILL during an upload", begin=_kill_during("uploadRange", "before"), kind="file"),
        Episode(name="SIGKILL before a draft is sent", begin=_kill_during("send", "before"), kind="file"),
        Episode(name="SIGKILL after a draft is sent", begin=_kill_during("send", "after"), kind="file"),
        Episode(name="SIGKILL at random", begin=_kill_at_random),
    ]


def faults(times: int) -> list[Episode]:
    """Everything that the cloud and the storage may do, each this often."""

    def graph(name: str, **fault: object) -> Episode:
        one = Fault.model_validate({"call": "sendMail", "times": times} | fault)
        return Episode(name=f"Graph: {name}", begin=_faulty(one))

    def draft(name: str, **fault: object) -> Episode:
        one = Fault.model_validate(fault)
        return Episode(name=f"Graph: {name}", begin=_faulty(one.model_copy(update={"times": times})), kind="file")

    return [
        draft("a draft whose answer is lost", call="createDraft", when="after", outcome="reset"),
        draft("a draft is refused", call="createDraft", outcome="answer", status=503),
        draft("no upload session", call="createUploadSession", outcome="answer", status=500),
        draft("a piece whose answer is lost", call="uploadRange", when="after", outcome="reset"),
        draft("a broken piece", call="uploadRange", outcome="reset"),
        draft("504 after a draft was sent", call="send", when="after", outcome="answer", status=504),
        draft("a draft is not found at once", call="send", outcome="answer", status=404, code="ErrorItemNotFound"),
        Episode(name="Graph: 429", begin=_faulty(THROTTLED.model_copy(update={"times": times}))),
        *(graph(f"{status}", outcome="answer", status=status, code=code) for status, code in REFUSALS.items()),
        *(graph(f"{status} from a gateway", outcome="answer", status=status, body="<html>") for status in (502, 504)),
        graph("500 after acceptance", when="after", outcome="answer", status=500, code="ErrorInternalServerError"),
        graph("504 after acceptance", when="after", outcome="answer", status=504),
        graph("reset before acceptance", outcome="reset"),
        graph("reset after acceptance", when="after", outcome="reset"),
        graph("hangs before acceptance", outcome="hang"),
        graph("hangs after acceptance", when="after", outcome="hang"),
        graph("401", outcome="answer", status=401, code="InvalidAuthenticationToken"),
        Episode(name="vault outage", begin=_outage("secret")),
        Episode(name="token outage", begin=_outage("token")),
        Episode(name="identity outage", begin=_outage("identity")),
        Episode(name="rotated secret", begin=_rotated_secret),
        Episode(name="storage: restart", begin=_storage_restart),
        Episode(name="storage: lost answers", begin=_lost_answers),
    ]


REFUSALS = {500: "ErrorInternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout"}


def _kill_at(step: Step) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def begin(stage: Stage, _: random.Random) -> Iterator[Struck]:
        # Only a mail that was turned away waits, or one in doubt that is to be sent again or looked up.
        helpers = [THROTTLED.model_copy(update={"probability": 0.5}), IN_DOUBT] if "waits" in step.name else []
        numbers = [stage.control.fault(helper) for helper in helpers]
        struck = stage.mischief.arm(step)
        try:
            yield struck.is_set
        finally:
            stage.mischief.disarm()
            for number in numbers:
                stage.control.remove_fault(number)
            stage.revive_host()

    return begin


def _kill_during(call: str, when: str) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def begin(stage: Stage, _: random.Random) -> Iterator[Struck]:
        number = stage.control.fault(Fault.model_validate({"call": call, "when": when, "outcome": "hang"}))

        def struck() -> bool:
            if not stage.control.hits(number):
                return False
            stage.kill_host()
            return True

        try:
            yield struck
        finally:
            stage.control.remove_fault(number)
            stage.revive_host()

    return begin


@contextlib.contextmanager
def _kill_at_random(stage: Stage, dice: random.Random) -> Iterator[Struck]:
    at = time.monotonic() + dice.uniform(0.1, 1.5)

    def struck() -> bool:
        if time.monotonic() < at:
            return False
        stage.kill_host()
        return True

    try:
        yield struck
    finally:
        stage.revive_host()


def _faulty(fault: Fault) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def begin(stage: Stage, _: random.Random) -> Iterator[Struck]:
        number = stage.control.fault(fault)
        yield lambda: stage.control.hits(number) == fault.times
        # What hangs goes on hanging until its caller gives up.

    return begin


def _outage(call: str) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def begin(stage: Stage, dice: random.Random) -> Iterator[Struck]:
        outcome = dice.choice(("answer", "reset"))
        number = stage.control.fault(Fault.model_validate({"call": call, "outcome": outcome, "status": 503}))
        stage.kill_host()  # what it had read is kept in memory
        stage.revive_host()
        ends = time.monotonic() + 1.5
        try:
            yield lambda: stage.control.hits(number) > 0 and time.monotonic() > ends
        finally:
            stage.control.remove_fault(number)

    return begin


@contextlib.contextmanager
def _rotated_secret(stage: Stage, _: random.Random) -> Iterator[Struck]:
    """The old secret ends at once; the app has to notice when its token is due, and to read the vault again."""
    before = stage.control.traffic().calls.get("secret", 0)
    stage.control.rotate(remove_old=True)
    yield lambda: stage.control.traffic().calls.get("secret", 0) > before


@contextlib.contextmanager
def _storage_restart(stage: Stage, _: random.Random) -> Iterator[Struck]:
    restarted: list[bool] = []

    def struck() -> bool:
        if not restarted:
            stage.restart_storage()
            restarted.append(True)
        return True

    yield struck


@contextlib.contextmanager
def _lost_answers(stage: Stage, dice: random.Random) -> Iterator[Struck]:
    before = stage.mischief.lost
    stage.mischief.lose_answers(0.2, dice.randrange(1 << 32))
    try:
        yield lambda: stage.mischief.lost > before + 3
    finally:
        stage.mischief.lose_answers(0, 0)
