"""What several threads bring at about the same time is handled at once, and each has its own result."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer import gather
from mailer.gather import Gather

MOST = 8


class Handled:
    """What was handled together; `wrong` is raised."""

    def __init__(self):
        self.groups, self.wrong = [], None
        self.gather = Gather(self.handle, most=MOST)

    def handle(self, items):
        self.groups.append(sorted(items))
        if self.wrong:
            raise self.wrong
        return [f"did {item}" for item in items]

    def at_once(self, number, key=lambda _: "k"):
        """What each of so many threads is answered, or raises."""
        start = threading.Barrier(number)

        def one(item):
            start.wait()
            try:
                return self.gather.bring(key(item), item)
            except OSError as failed:
                return failed

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(one, range(number)))


@pytest.fixture
def handled(monkeypatch):
    """Where the first one waits until a group is full, however slow the machine is."""
    monkeypatch.setattr(gather, "QUIET", 3600.0)
    return Handled()


def test_what_comes_at_once_is_handled_at_once(handled):
    assert handled.at_once(MOST) == [f"did {item}" for item in range(MOST)]
    assert handled.groups == [list(range(MOST))]


def test_no_more_are_handled_at_once_than_may_be(handled):
    assert handled.at_once(3 * MOST) == [f"did {item}" for item in range(3 * MOST)]
    assert [len(group) for group in handled.groups] == [MOST] * 3


def test_only_what_has_the_same_key_is_handled_together(handled):
    handled.at_once(2 * MOST, key=lambda item: "even" if item % 2 == 0 else "odd")

    assert sorted(handled.groups) == [list(range(0, 2 * MOST, 2)), list(range(1, 2 * MOST, 2))]


def test_a_few_are_handled_when_nobody_else_has_come_for_a_moment(handled, monkeypatch):
    monkeypatch.setattr(gather, "QUIET", 0.5)

    assert handled.at_once(3) == ["did 0", "did 1", "did 2"]


def test_who_comes_alone_is_told_so(handled, monkeypatch):
    monkeypatch.setattr(gather, "QUIET", 0.01)

    assert handled.gather.bring("k", 0) is None
    assert handled.groups == []


def test_what_handling_raises_each_of_them_hears_and_the_next_ones_do_not(handled):
    handled.wrong = OSError("away")
    assert handled.at_once(MOST) == [handled.wrong] * MOST

    handled.wrong = None
    assert handled.at_once(MOST) == [f"did {item}" for item in range(MOST)]
