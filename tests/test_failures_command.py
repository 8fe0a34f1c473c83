"""python -m mailer failures: how far replays and retries by cause have come, and how they ended."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.data.tables import TableClient

from mailer.delivery.jobs import CauseRequest, Job
from mailer.delivery.record import Action
from mailer.storage.job_rows import TableJobs
from tests.fakes import START
from tests.terminal import mailer


@pytest.fixture(scope="module")
def jobs(stack):
    """A replay that goes on, a retry that is done, and one that was given up."""
    running = Job.of(Action.REPLAY, "http_504", CauseRequest(), by="ops", now=START)
    running = replace(running, count=1204, partial=True, acted=300, taken_until=START + timedelta(days=9000))
    done = Job.of(Action.RETRY, "ErrorAccessDenied", CauseRequest(), by=None, now=START)
    done = replace(done, count=7, acted=6, left_out=1, is_last=True, ended_at=START)
    given_up = Job.of(Action.RETRY, "no_answer", CauseRequest(), by=None, now=START)
    given_up = replace(given_up, count=5, acted=1, ended_at=START)
    with TableClient.from_connection_string(stack.storage, stack.settings()["MAILER_TABLE"]) as table:
        rows = TableJobs(table)
        kept = [rows.write(job) for job in (running, done, given_up)]
        yield kept
        for job in kept:
            rows.delete(job)


def test_how_far_a_replay_by_cause_has_come_and_how_it_ended_is_a_line_each(stack, jobs):
    said = mailer("failures", "--url", stack.url).out

    assert re.search(r"replay +http_504 +ops +2026-11-23 12:00:00 +300 of at least 1204 +goes on", said)
    assert re.search(r"retry +ErrorAccessDenied +2026-11-23 12:00:00 +6 of 7 +1 +2026-11-23 12:00:00", said)
    assert re.search(r"retry +no_answer +.* 1 of 5 +given up 2026-11-23 12:00:00", said)


def test_a_script_gets_a_line_for_each_of_them(stack, jobs):
    lines = mailer("failures", "--url", stack.url, "--json").lines

    told = {line["code"]: line["status"] for line in lines if "action" in line}
    assert told == {"http_504": "running", "ErrorAccessDenied": "done", "no_answer": "given_up"}
