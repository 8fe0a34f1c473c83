"""The chain as a whole: in order, with wrong settings, with a wrong clock, by wrong use."""

import re

import pytest

from mailer.local.cloud import seed
from tests.doctor.given import examined
from tests.terminal import mailer


def test_a_chain_in_order_is_told_link_by_link(cloud, monkeypatch):
    monkeypatch.delenv("MAILER_TEMPLATES")  # the app's own

    said = examined()

    assert said.code == 0
    assert {name for name, status in said.statuses.items() if status == "skipped"} == {"negative", "read", "test_mail"}
    assert set(said.statuses.values()) == {"ok", "skipped"}
    assert cloud.mails() == []
    assert cloud.drafts() == []


@pytest.mark.parametrize(
    "flags",
    [
        ("--auth", "secret"),
        ("--auth", "certificate"),
        ("--auth", "federated", "--identity", seed.IDENTITY_OBJECT_ID),
        ("--scope", "mailboxes", "shop@contoso.com", "--sign-in", "device-code"),
    ],
    ids=["secret", "certificate", "federated", "mailboxes"],
)
def test_what_set_up_made_and_wrote_is_in_order(cloud, monkeypatch, flags):
    cloud.reset(empty=True)
    monkeypatch.delenv("MAILER_CLIENT_ID")
    monkeypatch.setenv("MAILER_SENDERS", "shop@contoso.com")
    assert mailer("setup", "--yes", "--also", "large", "--write", "local.settings.json", *flags).code == 0

    said = examined("--not", "alerts@contoso.com") if "mailboxes" in flags else examined()

    assert said.code == 0
    assert set(said.statuses.values()) == {"ok", "skipped"}
    assert (said.line("negative")["status"] == "ok") == ("mailboxes" in flags)


def test_people_see_a_mark_for_each_link(cloud):
    cloud.set(roles=[])
    said = mailer("doctor")

    assert "✓ vault" in said.out
    assert "✗ permission" in said.out
    assert "    do   `python -m mailer setup" in said.out


def test_no_secret_is_shown(cloud):
    said = [mailer("doctor"), mailer("doctor", "--json")]

    assert cloud.versions()[-1].value not in "".join(one.out + one.err for one in said)


def test_wrong_settings_are_named_and_the_rest_waits_for_them(cloud, monkeypatch):
    assert cloud
    monkeypatch.delenv("MAILER_SENDERS")
    monkeypatch.setenv("MAILER_CLIENT_ID", "mailer")

    said = examined()

    assert "MAILER_SENDERS is missing" in said.line("settings")["why"]
    assert "MAILER_CLIENT_ID is wrong" in said.line("settings")["why"]
    assert [line["status"] for line in said.lines] == ["failed"] + ["skipped"] * 12
    assert "`settings`" in said.line("token")["why"]


@pytest.mark.parametrize(("skew", "status", "way"), [(60, "warning", "behind"), (-900, "failed", "ahead of")])
def test_a_clock_that_is_wrong_is_named(cloud, skew, status, way):
    cloud.set(clock_skew=skew)

    line = examined().line("clock")

    assert line["status"] == status
    seconds, told = re.search(r"clock is (\d+) s (.+?) that of", line["what"]).groups()
    assert int(seconds) == pytest.approx(abs(skew), abs=2)
    assert told == way


def test_wrong_use_ends_with_2(cloud):
    assert cloud
    assert mailer("doctor", "--nonsense").code == 2
