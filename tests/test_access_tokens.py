"""Tokens that apps show to mailer: signature, issuer, audience, time, and who they are."""

import time
from datetime import timedelta
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.errors import TryLater, UnknownCaller
from mailer.graph.public_json import read_public_json
from mailer.identity.access_tokens import KEYS_KEPT, READ_AGAIN, AccessTokens
from mailer.local.cloud import seed
from tests.fakes import Clock

AUTHORITY = "https://login.microsoftonline.com"
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
APP = "77777777-7777-4777-8777-777777777777"
ISSUERS = {"1.0": f"https://sts.windows.net/{TENANT}/", "2.0": f"{AUTHORITY}/{TENANT}/v2.0"}
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("one", "two", "foreign")}


class Entra:
    """What stands at Entra's public addresses, and how often it was read."""

    def __init__(self):
        self.signing = ["one"]
        self.away = False
        self.reads = []

    def read_json(self, url):
        self.reads.append(url)
        if self.away:
            raise TryLater("away", code="keys_unavailable")
        base = f"{AUTHORITY}/{TENANT}"
        if url == f"{base}/keys":
            return {"keys": [self._shown(name) for name in self.signing]}
        version = {f"{base}/.well-known/openid-configuration": "1.0"}.get(url, "2.0")
        return {"issuer": ISSUERS[version], "jwks_uri": f"{base}/keys"}

    def _shown(self, name):
        key = jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True)
        return {**key, "kid": name, "use": "sig", "alg": "RS256"}


@pytest.fixture
def entra():
    return Entra()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(entra, clock):
    settings = SimpleNamespace(authority_host=AUTHORITY, tenant_id=TENANT, client_id=CLIENT.upper())
    return AccessTokens(settings, read_json=entra.read_json, clock=clock)


def a_token(*, signed="one", kid=None, version="2.0", **changes):
    claims = {"aud": CLIENT, "iss": ISSUERS[version], "ver": version, "exp": time.time() + 600}
    claims["azp" if version == "2.0" else "appid"] = APP
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, KEYS[signed], algorithm="RS256", headers={"kid": kid or signed})


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("audience", [CLIENT, f"api://{CLIENT}"])
def test_an_app_is_told_by_its_token_of_either_version(tokens, version, audience):
    assert tokens.app_of(a_token(version=version, aud=audience)) == APP


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signed": "foreign", "kid": "one"}, "not valid (InvalidSignatureError)"),
        ({"kid": "unknown"}, "not valid (InvalidSignatureError)"),
        ({"exp": time.time() - 120}, "has expired"),
        ({"exp": None}, "not valid (MissingRequiredClaimError)"),
        ({"nbf": time.time() + 600}, "not valid (ImmatureSignatureError)"),
        ({"aud": "https://graph.microsoft.com"}, f"scope api://{CLIENT}/.default"),
        ({"aud": None}, "not valid (MissingRequiredClaimError)"),
        ({"iss": f"{AUTHORITY}/33333333-3333-4333-8333-333333333333/v2.0"}, "of another tenant"),
        ({"iss": ISSUERS["1.0"]}, "of another tenant"),
        ({"ver": "3.0"}, "of another tenant"),
        ({"ver": ["2.0"]}, "of another tenant"),
        ({"scp": "access_as_user"}, "is a person's"),
        ({"idtyp": "user"}, "is a person's"),
        ({"azp": None}, "names no app"),
        ({"azp": [APP]}, "names no app"),
    ],
)
def test_a_token_that_proves_nobody_is_refused_with_what_to_do(tokens, changes, words):
    with pytest.raises(UnknownCaller) as refusal:
        tokens.app_of(a_token(**changes))

    assert words in str(refusal.value)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "é.é.é", "x" * 20_000])
def test_what_is_no_token_is_refused_without_a_look_at_entra(tokens, entra, token):
    with pytest.raises(UnknownCaller):
        tokens.app_of(token)

    assert entra.reads == []


def test_the_keys_are_read_once_a_day(tokens, entra, clock):
    for _ in range(5):
        tokens.app_of(a_token())
    reads = len(entra.reads)
    clock.advance(seconds=(KEYS_KEPT + timedelta(seconds=1)).total_seconds())
    tokens.app_of(a_token())

    assert (reads, len(entra.reads)) == (2, 4)


def test_a_new_key_of_entras_is_found_by_itself(tokens, entra, clock):
    tokens.app_of(a_token())
    entra.signing = ["one", "two"]
    clock.advance(seconds=READ_AGAIN.total_seconds() + 1)

    assert tokens.app_of(a_token(signed="two")) == APP


def test_made_up_keys_make_nobody_ask_entra_at_each_call(tokens, entra):
    for number in range(50):
        with pytest.raises(UnknownCaller):
            tokens.app_of(a_token(kid=f"made up {number}"))

    assert len(entra.reads) == 2


def test_while_entra_is_away_known_keys_are_good_and_unknown_ones_wait(tokens, entra, clock):
    tokens.app_of(a_token())
    entra.away = True
    clock.advance(hours=25)

    assert tokens.app_of(a_token()) == APP
    clock.advance(minutes=2)
    reads = len(entra.reads)
    for _ in range(5):
        with pytest.raises(TryLater):
            tokens.app_of(a_token(signed="two"))
    assert len(entra.reads) == reads + 1  # each of which may take seconds


def test_a_key_that_entra_has_withdrawn_is_good_no_more(tokens, entra, clock):
    tokens.app_of(a_token())
    entra.signing = ["two"]
    clock.advance(hours=25)

    with pytest.raises(UnknownCaller):
        tokens.app_of(a_token())


def test_what_anybody_may_read_is_read_in_its_time_or_not_at_all(local_cloud, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_cloud.ca)
    configuration = f"{local_cloud.url}/{seed.TENANT}/v2.0/.well-known/openid-configuration"

    assert read_public_json(configuration)["issuer"] == seed.ISSUER
    for url in (f"{local_cloud.url}/nothing", f"{local_cloud.url}/{seed.TENANT}/keys", "https://localhost:1/"):
        with pytest.raises(TryLater, match="Entra's keys cannot be read now"):
            read_public_json(url)
