"""Permissions and mailboxes."""

import pytest

from tests.doctor.given import examined


@pytest.mark.parametrize(
    ("roles", "words"),
    [([], "No consent"), (["Mail.Read"], "permission Mail.Send is missing")],
    ids=["no consent", "permission missing"],
)
def test_a_missing_permission_is_named(cloud, roles, words):
    cloud.set(roles=roles)

    said = examined()

    assert said.line("permission")["status"] == "failed"
    assert words in said.line("permission")["what"]
    assert "Privileged Role Administrator" in said.line("permission")["cure"]


def test_a_mailbox_that_is_not_in_scope_is_named_alone(cloud):
    (box,) = [one for one in cloud.mailboxes() if one.address == "alerts@contoso.com"]
    cloud.put_mailbox(box.model_copy(update={"in_scope": False}))

    said = examined()

    assert said.line("permission")["what"] == "The mailbox is not in scope: alerts@contoso.com."
    assert "--scope mailboxes shop@contoso.com alerts@contoso.com" in said.line("permission")["cure"]


def test_a_mailbox_that_is_not_there_is_named(cloud):
    cloud.remove_mailbox("alerts@contoso.com")

    assert "There is no mailbox alerts@contoso.com" in examined().line("permission")["what"]


def test_a_mailbox_that_must_not_be_reachable_and_is(cloud):
    said = examined("--not", "alerts@contoso.com")

    assert said.line("negative")["status"] == "failed"
    assert said.line("negative")["what"] == "The app can send as alerts@contoso.com."
    assert "--scope mailboxes" in said.line("negative")["cure"]
    assert cloud.mails() == []


def test_only_a_403_proves_that_a_mailbox_is_closed(cloud, monkeypatch):
    monkeypatch.setenv("MAILER_SENDERS", "shop@contoso.com")
    (box,) = [one for one in cloud.mailboxes() if one.address == "alerts@contoso.com"]
    cloud.put_mailbox(box.model_copy(update={"in_scope": False}))

    assert examined("--not", "alerts@contoso.com").line("negative")["status"] == "ok"
    assert examined("--not", "nobody@contoso.com").line("negative")["status"] == "warning"


def test_large_mails_without_their_permission_are_a_warning(cloud, monkeypatch):
    cloud.set(roles=["Mail.Send"])

    said = examined()

    assert said.line("large")["status"] == "warning"
    assert "--also large" in said.line("large")["cure"]
    assert said.code == 0
    monkeypatch.setenv("MAILER_MAX_MAIL_SIZE", "3MB")
    assert examined().line("large")["status"] == "skipped"


@pytest.mark.parametrize(("roles", "status"), [(["Mail.Send"], "warning"), (["Mail.Send", "Mail.Read"], "ok")])
def test_verify_needs_mail_read(cloud, monkeypatch, roles, status):
    cloud.set(roles=roles)
    monkeypatch.setenv("MAILER_ON_UNCERTAIN", "verify")

    assert examined().line("read")["status"] == status
