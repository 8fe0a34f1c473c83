"""An app for some mailboxes only, and one without a secret."""

from mailer.local.cloud import seed
from tests.setting_up.given import DEVICE, MAILBOXES, exchange, mailbox_id, roles, the_app
from tests.terminal import mailer


def test_chosen_mailboxes_are_opened_in_exchange_and_the_tenant_wide_grant_goes(cloud):
    mailer("setup", "--yes", "--also", "large")
    assert roles(cloud) == ["Mail.Send", "Mail.ReadWrite"]

    said = mailer("setup", "--yes", "--json", *MAILBOXES, "alerts@contoso.com", *DEVICE)

    assert said.code == 0
    assert (said.line("permission")["status"], said.line("scope")["status"]) == ("removed", "made")
    assert roles(cloud) == []
    assert the_app(cloud)["requiredResourceAccess"][0]["resourceAccess"] == []
    ids = [mailbox_id(cloud, address) for address in ("shop@contoso.com", "alerts@contoso.com")]
    assert exchange(cloud) == {("Application Mail.Send", f"/users/{one}") for one in ids}


def test_a_mailbox_that_is_named_no_longer_is_closed(cloud):
    mailer("setup", "--yes", *MAILBOXES, "alerts@contoso.com", *DEVICE)

    said = mailer("setup", "--yes", "--json", *MAILBOXES, *DEVICE)

    assert said.line("scope")["status"] == "removed"
    assert exchange(cloud) == {("Application Mail.Send", f"/users/{mailbox_id(cloud, 'shop@contoso.com')}")}


def test_where_graph_does_not_let_it_the_two_powershell_lines_are_printed(cloud):
    said = mailer("setup", "--yes", "--json", *MAILBOXES)  # az has no such scope

    assert said.code == 1
    _, first, second = said.line("scope")["cure"].splitlines()
    assert "New-ServicePrincipal" in first
    assert "PrimarySmtpAddress -eq 'shop@contoso.com'" in first
    assert the_app(cloud)["appId"] in second
    assert '-Role "Application Mail.Send"' in second


def test_an_unknown_mailbox_is_named(cloud):
    said = mailer("setup", "--yes", "--json", "--scope", "mailboxes", "nobody@contoso.com", *DEVICE)

    assert "nobody@contoso.com" in said.line("scope")["what"]
    assert exchange(cloud) == set()


def test_a_managed_identity_is_trusted_and_the_settings_name_it(cloud):
    flags = ("setup", "--yes", "--json", "--auth", "federated", "--identity", seed.IDENTITY_OBJECT_ID)

    said = mailer(*flags)

    assert said.code == 0
    assert (said.line("credential")["status"], said.line("vault")["status"]) == ("made", "skipped")
    assert f"AZURE_CLIENT_ID={seed.IDENTITY_CLIENT_ID}" in said.line("settings")["what"]
    assert "MAILER_KEY_VAULT_URL" not in said.line("settings")["what"]
    assert mailer(*flags).line("credential")["status"] == "found"


def test_an_identity_that_the_tenant_does_not_know_is_taken_with_a_doubt(cloud):
    """As Entra takes it; it may be too new to be seen."""
    said = mailer("setup", "--yes", "--json", "--auth", "federated", "--identity", seed.CLIENT_ID)

    assert said.line("credential")["status"] == "made"
    assert "is it the principal id" in said.line("credential")["what"]
