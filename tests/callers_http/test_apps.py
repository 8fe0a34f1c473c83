"""Apps are known by their token of Entra, or by Easy Auth where the platform says that it is on."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.local.cloud import seed
from tests.app import content, error
from tests.callers_http.given import APP, CALLERS, Doors

OURS = f"{seed.CLIENT_ID}/.default"


def test_an_app_is_known_by_its_token(doors, cloud):
    posted = doors.send(authorization=f"Bearer {cloud.token(OURS)}")

    assert posted.status_code == 202
    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


def test_a_token_wins_over_the_key_that_opens_the_host(doors, cloud):
    posted = doors.send("shop", authorization=f"Bearer {cloud.token(OURS)}")

    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


def test_a_token_for_another_api_is_refused(doors, cloud):
    refused = doors.send("ops", authorization=f"Bearer {cloud.token()}")

    assert error(refused, 401)["code"] == "invalid_token"
    assert f"ask for one with the scope api://{seed.CLIENT_ID}/.default" in error(refused, 401)["message"]
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def forged(**changes):
    claims = {
        "aud": seed.CLIENT_ID,
        "iss": seed.ISSUER_OF_VERSION_1,
        "exp": time.time() + 600,
        "appid": seed.CLIENT_ID,
        "ver": "1.0",
    }
    return claims | changes


@pytest.mark.parametrize("algorithm", ["RS256", "HS256", "none"])
def test_a_token_that_entra_did_not_sign_is_refused(doors, cloud, algorithm):
    kid = jwt.get_unverified_header(cloud.token(OURS))["kid"]
    own = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "HS256": "k" * 32,
        "none": None,
    }[algorithm]
    token = jwt.encode(forged(), own, algorithm=algorithm, headers={"kid": kid})

    assert error(doors.send("ops", authorization=f"Bearer {token}"), 401)["code"] == "invalid_token"


@pytest.mark.parametrize("token", ["x", "a.b.c", "", "e30.e30.e30", "é"])
def test_what_is_no_token_is_refused(doors, token):
    assert doors.send("nobody", authorization=f"Bearer {token}").status_code in {401, 403}


def test_no_token_is_looked_at_where_no_caller_is_an_app(environ, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", json.dumps({"crm": CALLERS["crm"]}))

    assert Doors().send("crm", authorization="Bearer from-a-gateway").status_code == 202


def principal(**claims):
    listed = [{"typ": name, "val": value} for name, value in claims.items()]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": listed}).encode()).decode()


def test_easy_auths_header_is_believed_only_where_the_platform_says_that_it_is_on(doors, monkeypatch):
    forged_header = {"x_ms_client_principal": principal(appid=seed.CLIENT_ID)}

    assert error(doors.send(**forged_header), 403)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    posted = Doors().send(**forged_header)
    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


@pytest.mark.parametrize(
    "header",
    [
        principal(appid=APP),
        principal(appid=seed.CLIENT_ID, scp="access"),
        principal(azp=seed.CLIENT_ID, **{"http://schemas.microsoft.com/identity/claims/scope": "x"}),
        principal(name="ada"),
        "nonsense",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"claims": [1]}').decode(),
    ],
)
def test_easy_auth_names_nobody_but_an_app_of_the_setting(doors, monkeypatch, header):
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")

    assert error(Doors().send(x_ms_client_principal=header), 403)["code"] == "caller_not_allowed"
