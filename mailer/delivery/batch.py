"""Several requests to as many receipts, in one call: what is wrong with one of them hurts no other.

    read all ── strict, and one is wrong: none is accepted
             └─ turns reserved in one go ── each accepted as a single one is, several at a time ── receipts and errors

The call's time is bounded. What it leaves undone is named, and can be repeated: under the key of the batch each mail
keeps its id, so that none is accepted twice.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.delivery.accept import Place, accept
from mailer.delivery.record import KeyOwner, Receipt, key_of
from mailer.delivery.stores import Stores
from mailer.delivery.turns import Turns
from mailer.errors import InvalidRequest, KeyReused, MailerError, Problem, TryLater
from mailer.request.mail_id import instant_of, mail_id
from mailer.request.model import MailRequest

MOST = 100  # mails
BEGUN_WITHIN = timedelta(seconds=40)  # of the call; no more of its mails are begun after that
ANSWERED_WITHIN = timedelta(seconds=80)  # under the time after which Azure cuts a call off

_LEFT = (
    "The call's time was over before this mail was accepted. Send it again; under the same Idempotency-Key of the "
    "batch, or its own `idempotency_key`, it is not accepted twice."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of the mail at this place of the batch: its receipt, or why it was not accepted."""

    index: int
    receipt: Receipt | None = None
    error: MailerError | None = None


class NotFinished(TryLater):
    """The call's time is over; whether the mail of this id will be accepted all the same is not known."""

    def __init__(self, *, mail: str | None = None) -> None:
        self.mail = mail
        doubt = f" It may be accepted all the same: GET /emails/{mail} tells, in a minute." if mail else ""
        super().__init__(_LEFT + doubt, code="not_finished")


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The step with the parts it uses. `read` gives the request in an entry's text, and raises InvalidRequest."""

    read: Callable[[bytes], MailRequest]
    stores: Stores
    turns: Turns
    pool: Executor
    clock: Callable[[], datetime]

    def accept(
        self, entries: Sequence[bytes], *, caller: str | None = None, key: str | None = None, strict: bool = False
    ) -> list[Result]:
        """What becomes of each entry, in their order. `key` is that of the batch.

        Raises InvalidRequest where it is strict and one is wrong, KeyReused for another batch's key, and TryLater.
        """
        began = self.clock()
        found = self._read(entries, began)
        if strict:
            _refuse(found)
        places, again = self._places(entries, caller, key, began)
        requests = {index: read for index, read in enumerate(found) if isinstance(read, MailRequest)}
        if not again:
            self.turns.reserve(requests.values())
        results = {
            index: Result(index=index, error=read) for index, read in enumerate(found) if isinstance(read, MailerError)
        }
        for wave in _waves(requests):
            results |= self._accepted(wave, places, caller, began)
        return [results[index] for index in sorted(results)]

    def _read(self, entries: Sequence[bytes], began: datetime) -> list[MailRequest | MailerError]:
        def read(entry: bytes) -> MailRequest | MailerError:
            if self.clock() - began > BEGUN_WITHIN:
                return NotFinished()
            try:
                return self.read(entry)
            except MailerError as error:
                return error

        return list(self.pool.map(read, entries))

    def _places(
        self, entries: Sequence[bytes], caller: str | None, key: str | None, now: datetime
    ) -> tuple[list[Place], bool]:
        """The id of each mail: under a key the same ones again, and whether this key has been there before."""
        batch = mail_id(now, os.urandom(10))
        owner = claimant = KeyOwner(id=batch, digest=hashlib.sha256(b"\n".join(entries)).hexdigest())
        if key is not None:
            # No key of a mail begins with a line break.
            owner = self.stores.ledger.own_key(key_of(caller, f"\n{key}"), claimant, now=now)
            if owner.digest != claimant.digest:
                raise KeyReused
        at, again = instant_of(owner.id), owner != claimant
        seeds = (hashlib.sha256(f"{owner.id} {index}".encode()).digest() for index in range(len(entries)))
        return [Place(id=mail_id(at, seed), keyed=key is not None, again=again) for seed in seeds], again

    def _accepted(
        self, requests: dict[int, MailRequest], places: Sequence[Place], caller: str | None, began: datetime
    ) -> dict[int, Result]:
        def one(index: int, request: MailRequest) -> Result:
            if self.clock() - began > BEGUN_WITHIN:
                return Result(index=index, error=NotFinished())
            try:
                accepted = accept(
                    request,
                    stores=self.stores,
                    turns=self.turns,
                    clock=self.clock,
                    caller=caller,
                    place=places[index],
                )
            except MailerError as error:
                return Result(index=index, error=error)
            return Result(index=index, receipt=accepted.receipt)

        begun = {index: self.pool.submit(one, index, request) for index, request in requests.items()}
        left = max(timedelta(), began + ANSWERED_WITHIN - self.clock())
        wait(begun.values(), timeout=left.total_seconds())
        return {index: _result(index, future, places[index].id) for index, future in begun.items()}


def _result(index: int, future: "Future[Result]", mail: str) -> Result:
    if future.done() or future.cancel():
        return future.result() if not future.cancelled() else Result(index=index, error=NotFinished())
    return Result(index=index, error=NotFinished(mail=mail))


def _waves(requests: dict[int, MailRequest]) -> list[dict[int, MailRequest]]:
    """Mails with a key that an earlier one of the batch has too come after it, and find it accepted."""
    first: dict[int, MailRequest] = {}
    later: dict[int, MailRequest] = {}
    keys: set[str] = set()
    for index, request in requests.items():
        key = request.idempotency_key
        (later if key in keys else first)[index] = request
        keys |= {key} if key else set()
    return [wave for wave in (first, later) if wave]


def _refuse(found: Sequence[MailRequest | MailerError]) -> None:
    """Raises InvalidRequest with everything that is wrong, each with its place; TryLater if one could not be read."""
    problems: list[Problem] = []
    for index, error in enumerate(found):
        if isinstance(error, InvalidRequest):
            for problem in error.problems:
                target = f"[{index}]" + (f".{problem.target}" if problem.target else "")
                problems.append(replace(problem, message=f"[{index}]: {problem.message}", target=target))
        elif isinstance(error, MailerError):
            raise error
    if problems:
        raise InvalidRequest(problems)
