"""One run: mails flow while one episode follows the other, then calm, then the audit."""

import itertools
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from tests.chaos import app, episodes
from tests.chaos.archive import FINAL, Archive, records, waiting_rows
from tests.chaos.audit import Audit, audit
from tests.chaos.books import Books, number_of
from tests.chaos.episodes import Episode
from tests.chaos.mails import UNWANTED, Feed
from tests.chaos.outages import outages
from tests.chaos.producers import Outcome, Producers
from tests.chaos.stage import Stage

STRIKES_WITHIN = 40.0  # seconds
CALM_WITHIN = 150.0  # beside the hour of mails that are due far ahead
# Seconds without any change after which nothing more is to be expected: longer than every lease, and than a stalled
# mail waits for a new message.
STILL = 45.0
PACE = 0.03  # seconds between two mails
TRICKLE = 0.4  # seconds between those that follow until an episode has struck
MAILS_A_ROUND = 350  # of a long run; each round has every episode


class NeverStruck(Exception):
    """An episode did not happen, so that the run proves nothing about it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run; in short only some of the episodes, each shorter, and which ones the seed decides."""

    seed: int
    mails: int
    policy: str
    folder: Path
    in_short: bool = False

    @property
    def hour(self) -> float:
        """How long an hour is, in seconds."""
        return 2.0 if self.in_short else app.HOUR

    @property
    def retention(self) -> timedelta:
        """Longer than a client goes on repeating a mail."""
        return timedelta(seconds=120)

    @property
    def far(self) -> float:
        """In how many seconds a mail is due that is scheduled past the retention; in short, there is no time for it."""
        return 10.0 if self.in_short else self.retention.total_seconds() + 10


def run(plan: Plan) -> Audit:
    """Play the plan; raises NeverStruck, programs.CannotStart."""
    dice = random.Random(plan.seed)
    rounds = max(1, plan.mails // MAILS_A_ROUND)
    times = 1 if rounds == 1 else 3
    played = list(itertools.chain.from_iterable(_round(dice, times, plan.hour) for _ in range(rounds)))
    played = played[:: 5 if plan.in_short else 1]
    feed = Feed(random.Random(dice.random()), far=plan.far)
    began = time.monotonic()
    with (
        Stage(plan.folder, policy=plan.policy, retention=plan.retention) as stage,
        Archive(stage.storage, retention=plan.retention) as archive,
    ):
        requests.post(f"{stage.url}/suppressions", json={"address": UNWANTED}, timeout=30).raise_for_status()
        producers = Producers(stage.url, stage.storage_for_producers)
        for number, episode in enumerate(played, 1):
            say(f"{time.monotonic() - began:6.1f} s  {episode.name}")
            with episode.begin(stage, dice) as struck:
                producers.hand_in(feed.next(episode.kind))
                while feed.given < plan.mails * number // len(played):
                    producers.hand_in(feed.next())
                    time.sleep(PACE)
                deadline = time.monotonic() + STRIKES_WITHIN
                while not struck():
                    if time.monotonic() > deadline:
                        message = f"“{episode.name}” did not happen within {STRIKES_WITHIN:.0f} s (seed {plan.seed})."
                        raise NeverStruck(message)
                    producers.hand_in(feed.next(episode.kind))
                    time.sleep(TRICKLE)
        say(f"{time.monotonic() - began:6.1f} s  calm")
        stage.control.clear_faults()
        stage.revive_host()
        outcomes = producers.outcomes()
        moving = _until_nothing_moves(stage, outcomes, within=CALM_WITHIN + plan.far)
        found = audit(outcomes, _books(stage, archive), policy=plan.policy)
        say(f"{time.monotonic() - began:6.1f} s  {stage.kills} kills; {moving}\n")
        return found


def _round(dice: random.Random, times: int, hour: float) -> list[Episode]:
    """Every episode once. The kills come first: their leases run out while the faults go on."""
    kills, faults = episodes.kills(), episodes.faults(times) + outages(hour)
    dice.shuffle(kills)
    dice.shuffle(faults)
    return kills + faults


def _until_nothing_moves(stage: Stage, outcomes: list[Outcome], *, within: float) -> str:
    """Wait until nothing is on its way and every accepted mail is settled, or until all stays as it is."""
    given_up = {one.mail.number for one in outcomes if one.state == "unanswered"}
    began = changed = time.monotonic()
    last: object = None
    with QueueClient.from_connection_string(stage.storage, "emails") as emails:
        while time.monotonic() - began < within:
            waiting = emails.get_queue_properties().approximate_message_count + waiting_rows(stage.storage)
            waiting += _poison(stage)
            statuses = {row["id"]: row["status"] for row in records(stage.storage) if number_of(row) not in given_up}
            unsettled = [mail for mail, status in statuses.items() if status not in FINAL]
            if not waiting and not unsettled:
                return f"calm after {time.monotonic() - began:.0f} s"
            if (now := (waiting, statuses)) != last:
                changed, last = time.monotonic(), now
            if not waiting and time.monotonic() - changed > STILL:
                return f"{len(unsettled)} records do not move any more"
            time.sleep(0.5)
    return f"still moving after {within:.0f} s"


def _poison(stage: Stage) -> int:
    with QueueClient.from_connection_string(stage.storage, "emails-poison") as poison:
        try:
            return int(poison.get_queue_properties().approximate_message_count or 0)
        except ResourceNotFoundError:
            return 0


def _books(stage: Stage, archive: Archive) -> Books:
    archive.look()
    archive.read_contents()
    return Books(
        archive=archive,
        sent=stage.control.mails(),
        drafts=stage.control.drafts(),
        poison=_poison(stage),
        waiting=waiting_rows(stage.storage),
        longest_delay=stage.mischief.longest_delay,
        cut_off=stage.mischief.cut_off,
    )


def say(line: str) -> None:
    print(line, flush=True)
