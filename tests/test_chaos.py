"""The promise under crashes and faults, in short; `make chaos` is the long form for every policy."""

import sys

import pytest

from tests.chaos.run import Plan, run

SEED = sys.version_info.minor  # on each Python other crashes and faults


@pytest.mark.timeout(300)
def test_every_accepted_mail_is_sent_once_or_accounted_for(tmp_path):
    found = run(Plan(seed=SEED, mails=100, policy="hold", folder=tmp_path, in_short=True))

    assert found.holds, "\n".join(history for histories in found.broken.values() for history in histories)
    assert found.figures["accepted"] >= 80
    assert found.figures["sent"] >= 50
