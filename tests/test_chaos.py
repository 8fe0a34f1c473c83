"""The promise under crashes and faults, in short; `make chaos` is the long form for every policy."""

import pytest

from tests.chaos.run import Plan, run

SEED = 7


@pytest.mark.timeout(300)
def test_every_accepted_mail_is_sent_once_or_accounted_for(tmp_path):
    found = run(Plan(seed=SEED, mails=150, policy="hold", folder=tmp_path))

    assert found.holds, "\n".join(history for histories in found.broken.values() for history in histories)
    assert found.figures["accepted"] >= 120
    assert found.figures["sent"] >= 80
