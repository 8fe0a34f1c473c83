"""What is told of each step, and what stops one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

Status = Literal["found", "made", "removed", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of set-up, rotation or teardown: what was found or done, and what to do where it failed."""

    step: str
    status: Status
    what: str
    cure: str = ""

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Stopped(Exception):
    """A step cannot be done; says what happened, and who can do what about it."""

    def __init__(self, what: str, cure: str) -> None:
        self.what = what
        self.cure = cure
        super().__init__(f"{what} {cure}")


class Tell(Protocol):
    """Shows a person a line that is no result: what is waited for, or where to sign in."""

    def __call__(self, text: str, /) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A step with the steps that must not have failed before it."""

    name: str
    do: Callable[[], Step]
    needs: frozenset[str] = frozenset()


def run(course: Iterable[Planned], *, begin: Callable[[str], None]) -> Iterator[Step]:
    """Do the steps in order; what needs a step that failed is skipped, all else goes on. `begin` hears their names."""
    lost: set[str] = set()
    for planned in course:
        if missing := sorted(planned.needs & lost):
            step = Step(step=planned.name, status="skipped", what=f"Not tried, because `{missing[0]}` failed.")
            lost.add(planned.name)
        else:
            begin(planned.name)
            try:
                step = planned.do()
            except Stopped as stopped:
                step = Step(step=planned.name, status="failed", what=stopped.what, cure=stopped.cure)
                lost.add(planned.name)
        yield step
