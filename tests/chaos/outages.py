"""What goes wrong for a while: hours without Graph, storage or app, settings that are wrong, a second host.

An episode's hour is scaled, as all times are.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from mailer.local.cloud.model import Fault
from tests.chaos.episodes import Episode, Struck
from tests.chaos.mischief import Cut
from tests.chaos.stage import Stage

REMEMBERED_WITHIN = 6.0  # seconds after a cut; what storage did not take is written again, or carried by a message

WRONG = {
    "a sender that is no address": {"MAILER_SENDERS": "sh..op@contoso.com"},
    "a template folder that is not there": {"MAILER_TEMPLATES": "no/such/folder"},
    "a gate without an address": {"MAILER_GATE": "redirect", "MAILER_REDIRECT_TO": "tes..ter@contoso.com"},
}


def outages(hour: float) -> list[Episode]:
    """Each once; `hour` in seconds."""

    def during(name: str, begin: Callable[[Stage], AbstractContextManager[object]], **how: str) -> Episode:
        return Episode(name=name, begin=_during(begin, hour), **how)

    def faulty(name: str, **fault: object) -> Episode:
        one = Fault.model_validate({"call": "sendMail", "outcome": "answer"} | fault)
        return during(f"an hour: {name}", lambda stage: _faulty(stage, one))

    def cut(name: str, *services: str, **how: object) -> Episode:
        return Episode(name=f"storage after a 202: {name}", begin=_cut(Cut(services={*services}, **how)))

    return [
        faulty("Graph is away", status=503),
        faulty("Graph forbids it", status=403, code="ErrorAccessDenied"),
        faulty("Graph takes every copy and answers 504", status=504, when="after"),
        faulty("Graph is full", status=429, code="ApplicationThrottled", headers={"Retry-After": "2"}),
        during("an hour: no token", lambda stage: _faulty(stage, Fault(call="token", outcome="reset"))),
        during("an hour: no storage", Stage.without_storage),
        during("an hour: no app", Stage.without_host, kind="later"),
        during("an hour: two hosts", Stage.second_host),
        *(during(f"an hour: {name}", _wrong(settings)) for name, settings in WRONG.items()),
        cut("one reset, before the write", "table"),
        cut("one reset, after the write", "table", when="after"),
        cut("the table is away", "table", seconds=5.0),
        cut("all of it is away", "table", "queue", "blob", seconds=2.0),
    ]


def _during(
    begin: Callable[[Stage], AbstractContextManager[object]], hour: float
) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def during(stage: Stage, _: random.Random) -> Iterator[Struck]:
        with begin(stage):
            ends = time.monotonic() + hour
            yield lambda: time.monotonic() > ends

    return during


def _wrong(settings: dict[str, str]) -> Callable[[Stage], AbstractContextManager[None]]:
    return lambda stage: stage.set_otherwise(**settings)


@contextlib.contextmanager
def _faulty(stage: Stage, fault: Fault) -> Iterator[None]:
    number = stage.control.fault(fault)
    try:
        yield
    finally:
        stage.control.remove_fault(number)


def _cut(cut: Cut) -> Callable[[Stage, random.Random], AbstractContextManager[Struck]]:
    @contextlib.contextmanager
    def begin(stage: Stage, _: random.Random) -> Iterator[Struck]:
        stage.mischief.cut(cut)
        ended: list[float] = []

        def struck() -> bool:
            if stage.mischief.is_cut:
                return False
            ended.append(time.monotonic())
            return ended[-1] - ended[0] > REMEMBERED_WITHIN

        try:
            yield struck
        finally:
            stage.mischief.cut(None)

    return begin
