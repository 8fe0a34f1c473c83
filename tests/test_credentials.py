"""Tokens for Graph: single flight, rotation without a restart, and what to mend when there is none."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from mailer.credentials import REFUSED_FOR, GraphTokens, Secret, graph_tokens
from mailer.errors import Misconfigured, TryLater
from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Fault
from mailer.settings import read_settings

SCOPE = "https://graph.microsoft.com/.default"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Entra:
    """Gives numbered tokens for the secrets it knows; a credential keeps its first one, as the SDK's does."""

    def __init__(self, *known):
        self.known = set(known)
        self.requests = []
        self.failure = None

    def credential(self, secret):
        return _Credential(self, secret)

    def give(self, secret, scope):
        self.requests.append((secret, scope))
        if self.failure:
            raise self.failure
        if secret not in self.known:
            raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")
        return f"token {len(self.requests)}"


class _Credential:
    def __init__(self, entra, secret):
        self._entra, self._secret, self._kept = entra, secret, None

    def get_token(self, *scopes, **_options):
        self._kept = self._kept or self._entra.give(self._secret, *scopes)
        return AccessToken(self._kept, 0)


class Vault:
    """The versions of the secret; every read counts."""

    def __init__(self, value):
        self.secret = Secret(value=value, version="1")
        self.reads = 0

    def read(self):
        self.reads += 1
        return self.secret


@dataclass
class Parts:
    entra: Entra
    vault: Vault
    tokens: GraphTokens
    seconds: float = 0


@pytest.fixture
def parts():
    entra, vault = Entra("right"), Vault("right")
    parts = Parts(entra=entra, vault=vault, tokens=None)
    parts.tokens = GraphTokens(
        read_secret=vault.read, make_credential=entra.credential, scope=SCOPE, clock=lambda: parts.seconds
    )
    return parts


def refusal_of(call):
    with pytest.raises(TryLater) as refusal:
        call()
    return refusal.value


# The logic, with a scripted Entra and vault


def test_nothing_is_read_before_the_first_token_is_asked_for(parts):
    assert (parts.vault.reads, parts.entra.requests) == (0, [])


def test_one_secret_and_one_token_serve_many_mails(parts):
    assert {parts.tokens.token() for _ in range(10)} == {"token 1"}
    assert (parts.vault.reads, parts.entra.requests) == (1, [("right", SCOPE)])


def test_a_refused_token_is_replaced_by_a_new_one(parts):
    assert parts.tokens.token() == "token 1"

    assert parts.tokens.token("token 1") == "token 2"
    assert parts.tokens.token() == "token 2"


def test_of_many_threads_with_the_same_refused_token_one_asks_for_a_new_one(parts):
    refused = parts.tokens.token()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: parts.tokens.token(refused), range(20))) == {"token 2"}
    assert len(parts.entra.requests) == 2


def test_many_threads_share_the_first_request(parts):
    start = threading.Barrier(20)

    def run(_):
        start.wait()
        return parts.tokens.token()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(run, range(20))) == {"token 1"}
    assert (parts.vault.reads, len(parts.entra.requests)) == (1, 1)


def test_a_rotated_secret_is_read_again_without_a_restart(parts):
    parts.tokens.token()
    parts.entra.known = {"new"}
    parts.vault.secret = Secret(value="new", version="2")

    assert parts.tokens.token("token 1")
    assert parts.vault.reads == 2
    assert parts.entra.requests[-1][0] == "new"


def test_a_wrong_secret_is_refused_with_what_to_do(parts):
    parts.entra.known = set()

    refusal = refusal_of(parts.tokens.token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000215")
    assert "vault" in str(refusal)


def test_a_wrong_secret_costs_one_look_a_minute(parts):
    parts.entra.known = set()
    for _ in range(10):
        refusal_of(parts.tokens.token)
    assert (parts.vault.reads, len(parts.entra.requests)) == (2, 1)

    parts.seconds = REFUSED_FOR
    refusal_of(parts.tokens.token)
    assert (parts.vault.reads, len(parts.entra.requests)) == (3, 2)


def test_a_secret_that_was_mended_works_after_a_minute(parts):
    parts.entra.known = {"mended"}
    refusal_of(parts.tokens.token)
    parts.vault.secret = Secret(value="mended", version="2")
    parts.seconds = REFUSED_FOR

    assert parts.tokens.token()


def test_a_new_version_that_is_wrong_too_is_a_matter_of_configuration(parts):
    parts.entra.known = set()
    parts.tokens._secret = parts.vault.secret
    parts.vault.secret = replace(parts.vault.secret, version="2")

    assert type(refusal_of(parts.tokens.token)) is Misconfigured
    assert len(parts.entra.requests) == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AADSTS7000215", Misconfigured),
        ("AADSTS7000222", Misconfigured),
        ("AADSTS7000218", Misconfigured),
        ("AADSTS700027", Misconfigured),
        ("AADSTS700016", Misconfigured),
        ("AADSTS7000112", Misconfigured),
        ("AADSTS90002", Misconfigured),
        ("AADSTS900023", Misconfigured),
        ("AADSTS500011", Misconfigured),
        ("AADSTS70011", Misconfigured),
        ("AADSTS1002012", Misconfigured),
        ("AADSTS50194", Misconfigured),
        ("AADSTS9001023", Misconfigured),
        ("AADSTS900382", Misconfigured),
        ("AADSTS900432", Misconfigured),
        ("AADSTS90038", Misconfigured),
        ("AADSTS53003", Misconfigured),
        ("AADSTS65001", Misconfigured),
        ("AADSTS50034", Misconfigured),
        ("AADSTS700213", Misconfigured),
        ("AADSTS50196", TryLater),
        ("AADSTS90055", TryLater),
        ("AADSTS90006", TryLater),
        ("AADSTS90012", TryLater),
        ("AADSTS90024", TryLater),
        ("AADSTS90033", TryLater),
        ("AADSTS90090", TryLater),
    ],
)
def test_a_code_of_entras_means(parts, code, kind):
    parts.entra.failure = ClientAuthenticationError(f"{code}: Something about the tenant. Trace ID: 1")

    refusal = refusal_of(parts.tokens.token)
    assert (type(refusal), refusal.code) == (kind, code)
    assert "Trace" not in str(refusal)


def test_a_failure_without_a_code_may_pass(parts):
    parts.entra.failure = ClientAuthenticationError("HTTP Error: 503")

    refusal = refusal_of(parts.tokens.token)
    assert (type(refusal), refusal.code) == (TryLater, "token_unavailable")


def test_a_failure_that_passed_is_not_remembered(parts):
    parts.entra.failure = ClientAuthenticationError("HTTP Error: 503")
    refusal_of(parts.tokens.token)
    parts.entra.failure = None

    assert parts.tokens.token()


def test_a_secret_does_not_show(parts):
    assert "right" not in repr(parts.vault.secret)
    assert "right" not in repr(parts.tokens)


# The real SDKs, against the local cloud


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    port, nowhere = programs.free_ports(2)
    program = programs.cloud(folder, port=port, smtp_port=nowhere)
    program.start()
    with closing(Control(f"https://localhost:{port}", folder / "ca.pem")) as control:
        yield SimpleNamespace(url=f"https://localhost:{port}", control=control, ca=str(folder / "ca.pem"))
    program.stop()


@pytest.fixture
def cloud(running, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", seed.IDENTITY_HEADER)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    running.control.reset()
    return running


def tokens_of(cloud, **changes):
    content = {
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_KEY_VAULT_URL": cloud.url,
        "MAILER_SENDERS": "shop@contoso.com",
        "MAILER_AUTHORITY_HOST": cloud.url,
        "MAILER_GRAPH_URL": cloud.url,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    }
    return graph_tokens(read_settings(content | changes))


def calls(cloud):
    return cloud.control.traffic().calls


def test_the_secret_in_the_vault_gives_a_token(cloud):
    assert tokens_of(cloud).token().count(".") == 2


def test_twenty_threads_make_one_token_request(cloud):
    tokens = tokens_of(cloud)

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(lambda _: tokens.token(), range(20)))) == 1
    assert calls(cloud)["token"] == 1


def test_a_refused_token_is_really_another_one_after(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()

    assert tokens.token(first)
    assert calls(cloud)["token"] == 2


def test_a_rotation_at_entra_and_in_the_vault_needs_no_restart(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()
    cloud.control.rotate(remove_old=True)

    assert tokens.token(first)


def test_an_expired_secret_is_named_as_such(cloud):
    (secret,) = cloud.control.client_secrets()
    cloud.control.expire_client_secret(secret.id, LONG_AGO)

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000222")


def test_a_wrong_secret_in_the_vault_is_named_as_such(cloud):
    cloud.control.add_version(seed.SECRET_NAME, "the secret's id and not its value")

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000215")
    assert "not its value" not in str(refusal)


@pytest.mark.parametrize(
    ("setting", "text", "code"),
    [
        ("MAILER_CLIENT_ID", "99999999-9999-4999-8999-999999999999", "AADSTS700016"),
        ("MAILER_TENANT_ID", "99999999-9999-4999-8999-999999999999", "AADSTS90002"),
    ],
)
def test_a_wrong_app_or_tenant_is_named_with_its_setting(cloud, setting, text, code):
    refusal = refusal_of(tokens_of(cloud, **{setting: text}).token)

    assert (type(refusal), refusal.code) == (Misconfigured, code)
    assert setting in str(refusal)


@pytest.mark.parametrize(
    ("break_", "words"),
    [
        (lambda control: control.remove_secret(seed.SECRET_NAME), "there is none of this name"),
        (lambda control: control.set(vault_granted=False), "Key Vault Secrets User"),
        (
            lambda control: control.change_version(seed.SECRET_NAME, control.versions()[-1].version, enabled=False),
            "enabled",
        ),
    ],
    ids=["no such secret", "no access", "disabled"],
)
def test_a_secret_that_cannot_be_read_is_named_with_what_to_do(cloud, break_, words):
    break_(cloud.control)

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert seed.SECRET_NAME in str(refusal)
    assert words in str(refusal)


def test_an_access_that_was_granted_meanwhile_works_at_once(cloud):
    cloud.control.set(vault_granted=False)
    tokens = tokens_of(cloud)
    refusal_of(tokens.token)
    cloud.control.set(vault_granted=True)

    assert tokens.token()


@pytest.mark.parametrize("call", ["secret", "token"])
def test_a_service_that_fails_may_work_later(cloud, call):
    number = cloud.control.fault(Fault(call=call, outcome="answer", status=503))
    tokens = tokens_of(cloud)

    refusal = refusal_of(tokens.token)
    assert type(refusal) is TryLater

    cloud.control.remove_fault(number)


def test_a_vault_that_is_down_may_come_back(cloud):
    (port,) = programs.free_ports(1)

    refusal = refusal_of(tokens_of(cloud, MAILER_KEY_VAULT_URL=f"https://localhost:{port}").token)
    assert (type(refusal), refusal.code) == (TryLater, "secret_unavailable")


def test_an_app_without_an_identity_is_told_to_switch_it_on(cloud, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert "identity" in str(refusal)


def test_no_secret_and_no_token_is_logged(cloud, caplog):
    caplog.set_level("DEBUG")
    token = tokens_of(cloud).token()

    assert token not in caplog.text
    assert cloud.control.versions()[-1].value not in caplog.text
