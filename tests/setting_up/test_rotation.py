"""Rotation: a new secret or certificate, and the old ones when they are to go."""

import pytest

from tests.setting_up.given import SECRET, the_app
from tests.terminal import mailer


def test_a_rotation_adds_a_secret_and_leaves_the_old_one(cloud):
    mailer("setup", "--yes")

    said = mailer("rotate", "--json")

    assert said.statuses == {"sign_in": "found", "application": "found", "credential": "made", "vault": "made"}
    assert len(the_app(cloud)["passwordCredentials"]) == 2
    old, new = cloud.versions(SECRET)
    assert old.value != new.value


@pytest.mark.parametrize(("auth", "member"), [("secret", "passwordCredentials"), ("certificate", "keyCredentials")])
def test_the_old_ones_go_once_the_new_one_works(cloud, auth, member):
    mailer("setup", "--yes", "--auth", auth)
    before = the_app(cloud)[member]

    said = mailer("rotate", "--json", "--auth", auth, "--remove-old")

    assert said.code == 0
    assert said.line("credential")["status"] == "removed"
    (left,) = the_app(cloud)[member]
    assert left["keyId"] not in [one["keyId"] for one in before]


def test_there_is_nothing_to_rotate_without_an_app(cloud):
    said = mailer("rotate", "--json")

    assert said.code == 1
    assert "Run `setup` first." in said.line("application")["cure"]
