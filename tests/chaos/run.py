"""One run: mails flow while one episode follows the other, then calm, then the audit."""

import itertools
import random
import time
from dataclasses import dataclass
from pathlib import Path

from azure.storage.queue import QueueClient

from tests.chaos import episodes
from tests.chaos.audit import FINAL, Audit, audit
from tests.chaos.books import Books, number_of, records
from tests.chaos.episodes import Episode
from tests.chaos.mails import Feed
from tests.chaos.producers import Outcome, Producers
from tests.chaos.stage import Stage

STRIKES_WITHIN = 40.0  # seconds
CALM_WITHIN = 120.0
STILL = 12.0  # seconds without any change after which nothing more is to be expected: longer than every lease
PACE = 0.03  # seconds between two mails
TRICKLE = 0.2  # seconds between those that follow until an episode has struck
MAILS_A_ROUND = 350  # of a long run; each round has every episode


class NeverStruck(Exception):
    """An episode did not happen, so that the run proves nothing about it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run; in short only every second episode, and which ones the seed decides."""

    seed: int
    mails: int
    policy: str
    folder: Path
    in_short: bool = False


def run(plan: Plan) -> Audit:
    """Play the plan; raises NeverStruck, programs.CannotStart."""
    dice = random.Random(plan.seed)
    rounds = max(1, plan.mails // MAILS_A_ROUND)
    played = list(itertools.chain.from_iterable(_round(dice, 1 if rounds == 1 else 3) for _ in range(rounds)))
    played = played[:: 1 + plan.in_short]
    feed = Feed(random.Random(dice.random()))
    began = time.monotonic()
    with Stage(plan.folder, policy=plan.policy) as stage:
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
        moving = _until_nothing_moves(stage, outcomes)
        found = audit(outcomes, _books(stage), policy=plan.policy)
        say(f"{time.monotonic() - began:6.1f} s  {stage.kills} kills; {moving}\n")
        return found


def _round(dice: random.Random, times: int) -> list[Episode]:
    """Every episode once. The kills come first: their leases run out while the faults go on."""
    kills, faults = episodes.kills(), episodes.faults(times)
    dice.shuffle(kills)
    dice.shuffle(faults)
    return kills + faults


def _until_nothing_moves(stage: Stage, outcomes: list[Outcome]) -> str:
    """Wait until the queue is empty and every accepted mail is settled, or until both stay as they are."""
    given_up = {one.mail.number for one in outcomes if one.state == "unanswered"}
    began = changed = time.monotonic()
    last: object = None
    with QueueClient.from_connection_string(stage.storage, "emails") as emails:
        while time.monotonic() - began < CALM_WITHIN:
            waiting = emails.get_queue_properties().approximate_message_count
            statuses = {row["id"]: row["status"] for row in records(stage.storage) if number_of(row) not in given_up}
            unsettled = [mail for mail, status in statuses.items() if status not in FINAL]
            if not waiting and not unsettled:
                return f"calm after {time.monotonic() - began:.0f} s"
            if (now := (waiting, statuses)) != last:
                changed, last = time.monotonic(), now
            if not waiting and time.monotonic() - changed > STILL:
                return f"{len(unsettled)} records do not move any more"
            time.sleep(0.5)
    return f"still moving after {CALM_WITHIN:.0f} s"


def _books(stage: Stage) -> Books:
    return Books.read(stage.storage, sent=stage.control.mails(), drafts=stage.control.drafts())


def say(line: str) -> None:
    print(line, flush=True)
