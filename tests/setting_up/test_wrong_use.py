"""Wrong use of set-up ends with 2 and a reason, and changes nothing."""

import pytest

from tests.terminal import mailer


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--scope", "everything"], "--scope"),
        (["--scope", "mailboxes"], "addresses"),
        (["--scope", "mailboxes", "shop"], "shop"),
        (["shop@contoso.com"], "--scope mailboxes"),
        (["--also", "calendar"], "calendar"),
        (["--auth", "federated"], "--identity"),
        (["--lifetime", "soon"], "--lifetime"),
        (["--lifetime", "5m"], "a day or more"),
        (["--graph", "http://graph.microsoft.com"], "https"),
        (["--tenant", "no tenant"], "MAILER_TENANT_ID"),
        (["--unheard-of"], "--unheard-of"),
        (["--name", "it's mine"], "--name"),
    ],
)
def test_wrong_use_ends_with_2_and_a_reason(cloud, flags, words):
    said = mailer("setup", "--yes", *flags)

    assert said.code == 2
    assert words in " ".join(said.err.replace("│", " ").split())
    assert cloud.directory()["applications"] == []


def test_a_secret_needs_a_vault(cloud, monkeypatch):
    monkeypatch.delenv("MAILER_KEY_VAULT_URL")

    assert mailer("setup", "--yes").code == 2
    assert mailer("rotate").code == 2
    assert cloud.directory()["applications"] == []
