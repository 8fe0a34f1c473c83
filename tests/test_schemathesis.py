"""Calls that nobody wrote, by schemathesis: what the description allows, and what it does not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mailer.local.programs import ROOT

SCHEMATHESIS = [Path(sys.executable).parent / "schemathesis", "--config-file", ROOT / "schemathesis.toml"]
LIMITS = ["--seed=7", "--max-examples=8", "--max-time=20", "--no-color"]


@pytest.fixture
def abused(stack):
    """The stack, whose app begins anew afterwards: it knows for a minute whom somebody made up has suppressed."""
    yield stack
    stack.host.stop()
    stack.host.start()


def test_nothing_that_can_be_made_of_the_description_surprises_the_app(abused, tmp_path):
    """Schemathesis: the bounds of every member, made-up calls, and chains of calls; how many depends on the machine."""
    done = subprocess.run(
        [*SCHEMATHESIS, "run", f"{abused.url}/openapi.json", "--url", abused.url, *LIMITS],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "localhost", "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.error_codes"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"Tested: (\d+)", done.stdout)[1]) > 0
