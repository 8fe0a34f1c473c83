"""What setup, rotate and teardown share: a course of steps that is listed, asked about, carried out."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import typer

from mailer.cli.options import ways
from mailer.cli.screen import Screen, interactive
from mailer.setup.course import Course
from mailer.setup.person import Person, Way
from mailer.setup.place import Place
from mailer.setup.steps import Step


class Steps(Protocol):
    """What is to be done, a step at a time."""

    def run(self) -> Iterable[Step]: ...


@dataclass(frozen=True, kw_only=True)
class Work:
    """A course of steps as one command carries it out; `steps` are what is done in it."""

    steps: Callable[[Course], Steps]
    where: Place
    scopes: tuple[str, ...]
    sign_in: Way | None
    as_json: bool

    def done(self) -> int:
        """Do it; the exit code."""
        return _code(self._shown(dry=False)[0])

    def planned(
        self,
        question: str,
        nothing: str,
        *,
        only: bool = False,
        unasked: Callable[[Sequence[Step]], bool] | None = None,
    ) -> int:
        """List what would be done, and do it if somebody agrees; the exit code.

        `nothing` is said where nobody can be asked, `only` lists and no more, `unasked` tells what needs no question.
        """
        plan, person = self._shown(dry=True)
        if only or _code(plan):
            return _code(plan)
        if self.as_json or not interactive():
            typer.echo(f"{nothing} --yes does it.", err=True)
            return 0
        if (unasked and unasked(plan)) or typer.confirm(question):
            return _code(self._shown(dry=False, known=person)[0])
        return 0

    def _shown(self, *, dry: bool, known: Person | None = None) -> tuple[list[Step], Person | None]:
        """Each step shown as it is done; and who has signed in, who need not do it again."""
        done = []
        with Screen(as_json=self.as_json) as screen:
            course = Course(
                place=self.where,
                ways=ways(self.sign_in),
                tell=screen.tell,
                wait=screen.wait,
                begin=screen.begin,
                sleep=time.sleep,
                clock=lambda: datetime.now(UTC),
                dry=dry,
                scopes=self.scopes,
                known=known,
            )
            for step in self.steps(course).run():
                screen.step(step)
                done.append(step)
        return done, course.known


def _code(steps: Iterable[Step]) -> int:
    return 1 if any(step.failed for step in steps) else 0
