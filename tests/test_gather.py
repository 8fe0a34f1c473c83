"""What several threads bring at about the same time is handled at once, and each has its own result."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer import gather
from mailer.gather import Company, Gather

MOST = 16


class Handled:
    """What was handled together; `wrong` is raised."""

    def __init__(self):
        self.groups, self.wrong = [], None
        self.company = Company()
        self.gather = Gather(self.handle, most=MOST, company=self.company)

    def handle(self, items):
        self.groups.append(sorted(items))
        if self.wrong:
            raise self.wrong
        return [f"did {item}" for item in items]

    def bring(self, item, key="k"):
        with self.company.member():
            return self.gather.bring(key, item)

    def at_once(self, number, key=lambda _: "k"):
        """What each of so many threads is answered, or raises."""
        start = threading.Barrier(number)

        def one(item):
            try:
                with self.company.member():
                    start.wait()
                    return self.gather.bring(key(item), item)
            except OSError as failed:
                return failed

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(one, range(number)))


@pytest.fixture
def handled(monkeypatch):
    """Where everybody waits for all others, however slow the machine is."""
    monkeypatch.setattr(gather, "LONGEST", 3600.0)
    return Handled()


@pytest.mark.parametrize("number", [2, 3, MOST])
def test_what_comes_at_once_is_handled_at_once(handled, number):
    assert handled.at_once(number) == [f"did {item}" for item in range(number)]
    assert handled.groups == [list(range(number))]


def test_no_more_are_handled_at_once_than_may_be(handled):
    assert handled.at_once(3 * MOST) == [f"did {item}" for item in range(3 * MOST)]
    assert [len(group) for group in handled.groups] == [MOST] * 3


def test_only_what_has_the_same_key_is_handled_together(handled):
    handled.at_once(6, key=lambda item: "even" if item % 2 == 0 else "odd")

    assert sorted(handled.groups) == [[0, 2, 4], [1, 3, 5]]


def test_who_comes_alone_is_told_so_at_once(handled):
    assert handled.bring(0) is None
    assert handled.groups == []


def test_nobody_waits_for_a_thread_that_is_elsewhere(handled):
    with handled.company.member(), handled.company.elsewhere(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(handled.bring, 0).result() is None


def test_a_thread_is_waited_for_until_it_has_come_or_gone(handled):
    with ThreadPoolExecutor(3) as pool:
        with handled.company.member():
            first = [pool.submit(handled.bring, item) for item in range(2)]
            time.sleep(10 * gather.QUIET)
            assert not any(each.done() for each in first)
        assert [each.result() for each in first] == ["did 0", "did 1"]


def test_nobody_waits_long_for_a_thread_that_is_held_up(handled, monkeypatch):
    monkeypatch.setattr(gather, "LONGEST", 0.01)

    with handled.company.member(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(handled.bring, 0).result() is None


def patiently(handled, item, **how):
    with handled.company.member(patient=True):
        return handled.gather.bring("k", item, **how)


def test_who_keeps_nobody_waiting_waits_until_a_few_have_come(handled, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 3600.0)

    with ThreadPoolExecutor(gather.FEW) as pool:
        first = [pool.submit(patiently, handled, item) for item in range(gather.FEW - 1)]
        time.sleep(10 * gather.QUIET)
        assert not any(each.done() for each in first)
        last = gather.FEW - 1
        assert pool.submit(patiently, handled, last).result() == f"did {last}"
    assert [sorted(group) for group in handled.groups] == [[*range(gather.FEW)]]


def test_who_keeps_nobody_waiting_waits_a_moment_for_others(handled, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 0.5)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda item: patiently(handled, item), range(2))) == ["did 0", "did 1"]


def test_who_is_in_a_hurry_does_not(handled, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 3600.0)

    assert patiently(handled, 0, patience=0) is None


def test_who_may_wait_longer_does_and_is_taken_along_by_who_may_not(handled, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 0.2)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(patiently, handled, 0, patience=3600.0)
        time.sleep(0.3)
        assert not first.done()
        assert patiently(handled, 1) == "did 1"
        assert first.result() == "did 0"


def test_enough_of_them_wait_no_longer_though_the_worker_is_never_quiet(handled):
    """LONG_PATIENCE is for where few come; each of them holds one of the host's sixteen threads."""
    over = threading.Event()

    def be_busy():
        while not over.is_set():
            with handled.company.member(patient=True):
                time.sleep(gather.POLL / 2)

    with ThreadPoolExecutor(gather.FEW + 2) as pool:
        busy = pool.submit(be_busy)
        since = time.monotonic()
        waiting = [pool.submit(patiently, handled, item, patience=gather.LONG_PATIENCE) for item in range(gather.FEW)]
        try:
            assert [each.result() for each in waiting] == [f"did {item}" for item in range(gather.FEW)]
        finally:
            over.set()
        assert time.monotonic() - since < 2 * gather.PATIENCE
        busy.result()


def test_whoever_has_to_answer_takes_those_along_who_keep_nobody_waiting(handled, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 3600.0)
    monkeypatch.setattr(gather, "FEW", 3)

    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(patiently, handled, item) for item in (0, 1)]
        time.sleep(10 * gather.QUIET)
        assert not any(each.done() for each in first)
        assert handled.bring(2) == "did 2"
        assert [each.result() for each in first] == ["did 0", "did 1"]


def test_what_handling_raises_each_of_them_hears_and_the_next_ones_do_not(handled):
    handled.wrong = OSError("away")
    assert handled.at_once(MOST) == [handled.wrong] * MOST

    handled.wrong = None
    assert handled.at_once(MOST) == [f"did {item}" for item in range(MOST)]


class Breaking(threading.Condition):
    """Who waits for it cannot, once a second one has come to this company."""

    def __init__(self, company):
        super().__init__()
        self.company, self.broken = company, False

    def wait(self, timeout=None):
        changed = super().wait(timeout)
        if not self.broken and self.company.waiting == 2:
            self.broken = True
            raise OSError("no memory")
        return changed


def test_whoever_waits_with_one_that_fails_while_it_waits_hears_that_and_the_next_ones_do_not(handled):
    handled.company.changed = Breaking(handled.company)
    with ThreadPoolExecutor(2) as pool, handled.company.member():
        first = [pool.submit(handled.bring, 0)]
        time.sleep(10 * gather.QUIET)
        first += [pool.submit(handled.bring, 1)]
        assert [type(each.exception(timeout=10)) for each in first] == [OSError, OSError]
    assert handled.company.waiting == 0
    assert handled.at_once(3) == ["did 0", "did 1", "did 2"]
