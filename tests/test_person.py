"""Who has done something with rights of their own: named in the record by the token that storage takes."""

import os
import subprocess
import sys

import pytest

from mailer.identity.claims import LONGEST_NAME, signed_in
from mailer.local.programs import ROOT
from tests.terminal import open_terminal

WHO = "from mailer import wiring; from mailer.callers.policy import ANYBODY; {}; print(wiring.named(ANYBODY).by)"
OID, APP, AZ = "3f1c0f7e-0000-4000-8000-00000000000a", "3f1c0f7e-0000-4000-8000-00000000000b", "04b07795"


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"upn": "ada@contoso.com", "oid": OID, "appid": AZ, "scp": "user_impersonation"}, "ada@contoso.com"),
        ({"preferred_username": "ada@contoso.com", "scp": "x"}, "ada@contoso.com"),
        ({"unique_name": "live.com#ada@example.com", "oid": OID, "scp": "x"}, "live.com#ada@example.com"),
        ({"oid": OID, "appid": AZ, "scp": "user_impersonation"}, OID),
        ({"oid": OID, "appid": APP, "idtyp": "app"}, APP),
        ({"oid": OID, "azp": APP}, APP),
        ({"upn": "a\nb" + "c" * 500}, "a b" + "c" * (LONGEST_NAME - 3)),
        ({}, None),
    ],
)
def test_a_person_is_named_by_what_they_sign_in_with_and_an_app_by_its_id(claims, name):
    assert signed_in(claims) == name


def said(code):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture
def signed_in_by_az(monkeypatch, cloud, tmp_path):
    account = {
        f"MailerStorage__{name}ServiceUri": f"https://a.{name}.example.com" for name in ("blob", "queue", "table")
    }
    open_terminal(monkeypatch, cloud, tmp_path, **account)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    cloud.control.set(person="ada@contoso.com")


@pytest.mark.usefixtures("signed_in_by_az")
def test_whoever_has_signed_in_by_az_is_known():
    assert said(WHO.format("wiring.by_hand.set()")) == "ada@contoso.com"


@pytest.mark.usefixtures("signed_in_by_az")
def test_the_deployed_app_asks_for_no_token_to_name_a_caller():
    assert said(WHO.format("pass")) == "None"


CANCEL = """
from mailer import wiring
from mailer.doors.direct import Direct
from mailer.wiring import access_parts
from tests.builders import a_record

access_parts._person = lambda: "ada@contoso.com"
direct = Direct()
mail = wiring.ledger().write(a_record()).id
print(direct("POST", f"/api/emails/{mail}/cancel", {}, b"").body.decode())
"""


def test_the_record_names_the_person(storage, monkeypatch):
    monkeypatch.setenv("MailerStorage", storage.connection_string)
    monkeypatch.setenv("MAILER_TABLE", "persons")

    assert '"done": [{"action": "cancel", "by": "ada@contoso.com"' in said(CANCEL)
