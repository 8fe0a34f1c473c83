"""The benchmark runs, and what it counts holds; its times are no matter of a test."""

import re
import subprocess
import sys

from mailer.local.programs import ROOT


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
