"""Set-up against a directory and a vault that the local cloud's authors did not write."""

import os

import pytest

from mailer.local.cloud import seed
from tests.app import without_settings
from tests.other_directory import other_directory
from tests.terminal import mailer


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    without_settings(monkeypatch)
    with other_directory(tmp_path) as cloud:
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca))
        monkeypatch.setenv("MAILER_TENANT_ID", seed.TENANT)
        for name in ("MAILER_AUTHORITY_HOST", "MAILER_GRAPH_URL", "MAILER_KEY_VAULT_URL"):
            monkeypatch.setenv(name, cloud.url)
        monkeypatch.chdir(tmp_path)
        yield cloud


def test_set_up_makes_all_waits_where_it_must_and_finds_all_again(elsewhere):
    first = mailer("setup", "--yes", "--json")
    second = mailer("setup", "--yes", "--json")

    made = {name for name, status in first.statuses.items() if status == "made"}
    assert (first.code, made) == (0, {"application", "principal", "permission", "credential", "vault"})
    assert (second.code, set(second.statuses.values())) == (0, {"found"})
    assert elsewhere.broken == []
    assert elsewhere.secret["value"] == "s3cr3t-of-the-other"
    assert elsewhere.secret["attributes"]["exp"] > 0
    assert "s3cr3t" not in first.out + first.err + second.out + second.err


def test_a_teardown_takes_all_of_it_away_again(elsewhere):
    """The secret too, although its tag is lost: its date is that of the app registration's."""
    mailer("setup", "--yes")

    said = mailer("teardown", "--yes", "--json")

    assert said.code == 0
    assert (elsewhere.app, elsewhere.grants, elsewhere.secret) == (None, [], None)
    assert elsewhere.broken == []
