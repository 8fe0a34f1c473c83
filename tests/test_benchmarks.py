"""The benchmark runs, and what it counts holds; its times are no matter of a test."""

import re
import subprocess
import sys

from mailer.local.programs import ROOT
from tests.benchmarks import lists


def test_a_mail_from_the_queue_is_one_request_to_graph_and_two_to_storage():
    """The claim before Graph is asked, and the outcome after it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "mail_cost"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    counted = dict(re.findall(r"requests of one (.+): Graph, Storage +(\d+ and \d+)", done.stdout))
    assert counted == {"whole queue mail": "1 and 2", "HTTP accept": "0 and 2"}
    assert len(re.findall(r"\d\.\d\d x \(", done.stdout)) == 3


def test_a_worker_imports_nothing_that_its_mails_do_without():
    """SDKs, charts, schemas and formats are memory and a longer start: 2 to 10 MiB each."""
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "memory"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)

    assert re.findall(r"no mail of these needs it +(.+?)  ", done.stdout) == ["nothing"]


def test_a_first_page_costs_as_many_requests_among_few_mails_as_among_many():
    """For each filter; `python -m tests.benchmarks.lists 1000 1000000` shows it for a million."""
    few, many = (dict(lists.figures(number, looks_at=10**9, runs=5)) for number in (1000, 10_000))

    assert {name for name, (first, *_) in many.items() if first > 3 * few[name][0]} == set()
    assert {name for name, (_, calls, *_) in many.items() if calls > 3 * few[name][1]} == set()
