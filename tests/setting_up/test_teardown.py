"""Teardown: it lists first, then leaves nothing of what set-up made."""

from mailer.local.cloud import seed
from tests.setting_up.given import DEVICE, MAILBOXES, SECRET, exchange
from tests.terminal import mailer


def test_a_teardown_lists_before_yes_and_then_leaves_nothing(cloud):
    mailer("setup", "--yes", *MAILBOXES, *DEVICE)

    listed = mailer("teardown", "--json", *DEVICE)
    assert "removed" not in listed.statuses.values()
    assert len(cloud.directory()["applications"]) == 1
    said = mailer("teardown", "--json", "--yes", *DEVICE)

    assert said.code == 0
    removed = {name for name, status in said.statuses.items() if status == "removed"}
    assert removed == {"scope", "vault", "principal", "application"}
    assert cloud.directory()["applications"] == []
    assert exchange(cloud) == set()
    assert set(mailer("teardown", "--json", "--yes", *DEVICE).statuses.values()) == {"found"}


def test_a_teardown_leaves_what_set_up_did_not_make(cloud, monkeypatch):
    cloud.reset()
    monkeypatch.setenv("MAILER_CLIENT_ID", seed.CLIENT_ID)

    said = mailer("teardown", "--json", "--yes")

    assert "removed" not in said.statuses.values()
    assert len(cloud.directory()["applications"]) == 1
    assert len(cloud.versions(SECRET)) == 1


def test_set_up_works_again_after_a_teardown_although_the_vault_keeps_deleted_names(cloud):
    mailer("setup", "--yes")
    mailer("teardown", "--yes")

    said = mailer("setup", "--yes", "--json")

    assert said.code == 0
    assert said.line("vault")["status"] == "made"
