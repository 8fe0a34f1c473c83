"""App settings: every problem is named at once, with the setting's name and what it should hold."""

import json
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.errors import ConfigError
from mailer.setting_texts import is_loopback
from mailer.settings import Settings, read_settings, storage_connection

CONNECTION = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=bm9uZQ==;EndpointSuffix=core.windows.net"
MINIMAL = {
    "MAILER_TENANT_ID": "11111111-1111-4111-8111-111111111111",
    "MAILER_CLIENT_ID": "22222222-2222-4222-8222-222222222222",
    "MAILER_KEY_VAULT_URL": "https://contoso.vault.azure.net",
    "MAILER_SENDERS": "shop@contoso.com",
    "AzureWebJobsStorage": CONNECTION,
}
QUEUE_URL, TABLE_URL = "https://other.queue.core.windows.net", "https://other.table.core.windows.net"
BY_IDENTITY = {
    "MailerStorage__queueServiceUri": QUEUE_URL,
    "MailerStorage__tableServiceUri": TABLE_URL,
    "MailerStorage__blobServiceUri": "https://other.blob.core.windows.net",
}


def environ(**changes):
    content = MINIMAL | changes
    return {name: text for name, text in content.items() if text is not None}


def problems(content):
    with pytest.raises(ConfigError) as refusal:
        read_settings(content)
    return refusal.value.problems


def test_the_gate_is_open_unless_somebody_says_otherwise():
    assert read_settings(MINIMAL).gate == "open"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MAILER_GATE": "redirect"}, "MAILER_REDIRECT_TO"),
        ({"MAILER_GATE": "redirect", "MAILER_REDIRECT_TO": " "}, "MAILER_REDIRECT_TO"),
        ({"MAILER_GATE": "allow"}, "MAILER_ALLOWED_RECIPIENTS"),
        ({"MAILER_GATE": "allow", "MAILER_REDIRECT_TO": "a@contoso.com"}, "MAILER_ALLOWED_RECIPIENTS"),
        ({"MAILER_REDIRECT_TO": "a@contoso.com"}, "MAILER_GATE"),
        ({"MAILER_ALLOWED_RECIPIENTS": "contoso.com"}, "MAILER_GATE"),
    ],
)
def test_a_gate_that_is_half_set_stops_the_app(changes, named):
    (problem,) = problems(environ(**changes))

    assert problem.startswith(f"{named} is missing")


def test_a_gate_opened_on_purpose_may_keep_its_other_settings():
    settings = read_settings(environ(MAILER_GATE="open", MAILER_REDIRECT_TO="a@contoso.com"))

    assert (settings.gate, settings.redirect_to) == ("open", "a@contoso.com")


def test_lists_are_separated_by_commas():
    content = environ(
        MAILER_GATE="allow", MAILER_ALLOWED_RECIPIENTS="contoso.com, ada@example.com,", MAILER_HEADERS="x-order,X-Shop"
    )

    settings = read_settings(content)

    assert settings.allowed_recipients == ("contoso.com", "ada@example.com")
    assert settings.headers == ("x-order", "X-Shop")


def test_the_largest_mail_is_counted_in_mebibytes():
    """As Exchange counts them."""
    assert read_settings(environ(MAILER_MAX_MAIL_SIZE="2MB")).max_mail_size == 2 * 1024 * 1024


def test_a_mailbox_sends_thirty_mails_a_minute_and_ten_thousand_a_day_unless_somebody_says_otherwise():
    settings = read_settings(environ())

    assert (settings.mailbox_rate, settings.mailbox_daily, settings.pools) == (30, 10_000, {})


def test_pace_may_be_set_or_off():
    set_ = read_settings(environ(MAILER_MAILBOX_RATE="120/min", MAILER_MAILBOX_DAILY="500"))
    off = read_settings(environ(MAILER_MAILBOX_RATE="off", MAILER_MAILBOX_DAILY="off"))

    assert (set_.mailbox_rate, set_.mailbox_daily) == (120, 500)
    assert (off.mailbox_rate, off.mailbox_daily) == (None, None)


def test_a_pool_is_a_name_and_its_mailboxes():
    settings = read_settings(environ(MAILER_POOLS="news=News <n1@contoso.com>,n2@contoso.com; alerts = a@contoso.com;"))

    assert settings.pools == {"news": ("News <n1@contoso.com>", "n2@contoso.com"), "alerts": ("a@contoso.com",)}


def test_few_settings_are_required():
    settings = read_settings(MINIMAL)

    assert settings.client_secret_name == "mailer-client-secret"
    assert (settings.queue, settings.table) == ("emails", "emails")
    assert (settings.max_age, settings.idempotency_window) == (timedelta(hours=48), timedelta(hours=24))
    assert settings.authority_host == "https://login.microsoftonline.com"
    assert settings.graph_url == "https://graph.microsoft.com"
    assert settings.graph_scope == "https://graph.microsoft.com/.default"
    assert settings.storage.connection_string == CONNECTION


def test_everything_that_is_missing_is_named_at_once():
    found = problems({})

    assert {text.split()[0] for text in found} == {
        "MAILER_TENANT_ID",
        "MAILER_CLIENT_ID",
        "MAILER_KEY_VAULT_URL",
        "MAILER_SENDERS",
        "MailerStorage",
    }


WRONG = {
    "MAILER_TENANT_ID": [
        "contoso onmicrosoft com",
        "https://contoso.com",
        "common",
        "Organizations",
        "consumers",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "contoso",
        "{11111111-1111-4111-8111-111111111111}",
    ],
    "MAILER_CLIENT_ID": ["mailer", "2222"],
    "MAILER_KEY_VAULT_URL": [
        "contoso",
        "http://contoso.vault.azure.net",
        "https://",
        "https://contoso.vault.azure.net/secrets/mailer-client-secret",
        "https://contoso.vault.azure.net/secrets/mailer-client-secret/0123456789abcdef",
        "https://contoso.vault.azure.net/certificates/mailer",
        "https://contoso.vault.azure.net/?api-version=7.4",
        "https://user@contoso.vault.azure.net",
    ],
    "MAILER_CLIENT_SECRET_NAME": ["a secret", "a/b", "x" * 128],
    "MAILER_SENDERS": [
        "shop",
        "shop@contoso",
        "shop@contoso.com, nobody",
        ",",
        "shop@contoso.com; alerts@contoso.com",
        "shop@contoso.com alerts@contoso.com",
        "Shop <shop@contoso.com>; Alerts <alerts@contoso.com>",
        "Shop <shop@contoso.com> Alerts <alerts@contoso.com>",
        "alerts@contoso.com <shop@contoso.com>",
        '"alerts@contoso.com" <shop@contoso.com>',
        '"Alerts <alerts@contoso.com>, Shop" <shop@contoso.com>',
        "Alerts; Shop <shop@contoso.com>",
        "sh..op@contoso.com",
        ".shop@contoso.com",
        "Shop <shop.@contoso.com>",
        '["shop@contoso.com"]',
    ],
    "MAILER_QUEUE": ["Emails", "e", "a--b", "-ab", "x" * 57],
    "MAILER_TABLE": ["e-mails", "1emails", "ab"],
    "MAILER_TEMPLATES": ["http://contoso.blob.core.windows.net/templates", "ftp://localhost.example.com"],
    "MAILER_HEADERS": ["order", "x-a b", "x-a;x-b", "x-a: b"],
    "MAILER_MAX_MAIL_SIZE": ["35", "0MB", "151MB", "1GB", "35 MB"],
    "MAILER_MAILBOX_RATE": ["30", "0/min", "30/hour", "30 / min", "none", "12345/min"],
    "MAILER_MAILBOX_DAILY": ["0", "10,000", "many"],
    "MAILER_POOLS": ["news", "news=", "News=a@contoso.com", "n=a@contoso.com; n=b@contoso.com", "n=nobody"],
    "MAILER_GATE": ["closed", "Redirect", "redirect,allow", "off"],
    "MAILER_REDIRECT_TO": [
        "tester",
        "tester@contoso",
        "a@b, c@d",
        "*@contoso.com",
        "a@contoso.com;b@contoso.com",
        "a@contoso.com b@contoso.com",
        "Tester <a@contoso.com>",
    ],
    "MAILER_ALLOWED_RECIPIENTS": [
        "contoso",
        "con_toso.com",
        "*",
        "*.contoso.com",
        "a@b@c.com",
        "contoso.com;example.com",
        "contoso.com example.com",
        "a@contoso.com b@contoso.com",
        "A <a@contoso.com>",
    ],
    "MAILER_MAX_AGE": ["48", "two days", "-1h", "1w", "9999999999d", "999999d"],
    "MAILER_IDEMPOTENCY_WINDOW": ["24", "9999999999d", "91d", "2161h"],
    "MAILER_AUTHORITY_HOST": [
        "login.microsoftonline.com",
        "http://localhost",
        "https://login.microsoftonline.com/contoso.com",
    ],
    "MAILER_GRAPH_URL": ["graph.microsoft.com", "https://[bad", "https://graph.microsoft.com/beta"],
    "MailerStorage": ["garbage", "AccountKey=bm9uZQ=="],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_a_wrong_setting_is_named_with_what_it_should_hold(name, text):
    (problem,) = problems(environ(**{"MAILER_GATE": "open", name: text}))

    assert problem.startswith(f"{name} is wrong")
    assert "It holds" in problem


def test_everything_that_is_wrong_is_named_at_once():
    found = problems(environ(**{name: texts[0] for name, texts in WRONG.items()}))

    assert [text.split()[0] for text in found] == list(WRONG) or {text.split()[0] for text in found} == set(WRONG)


def test_what_a_setting_holds_is_never_repeated():
    found = problems(environ(MailerStorage="hunter2", MAILER_CLIENT_ID="hunter2", MAILER_KEY_VAULT_URL="hunter2"))

    assert "hunter2" not in " ".join(found)


def test_the_connection_string_does_not_show():
    assert "bm9uZQ" not in repr(read_settings(MINIMAL))


@pytest.mark.parametrize("name", [name for name in MINIMAL if name != "AzureWebJobsStorage"])
def test_a_blank_setting_is_missing(name):
    (problem,) = problems(environ(**{name: "  "}))

    assert problem.startswith(f"{name} is missing")


@pytest.mark.parametrize("name", [*MINIMAL, "MAILER_CLIENT_SECRET_NAME", "MailerStorage", "MAILER_MAX_AGE"])
def test_an_unresolved_reference_is_recognised(name):
    found = problems(environ(**{name: "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/x)"}))

    assert any("unresolved Key Vault reference" in problem for problem in found)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "duration"), [("90s", timedelta(seconds=90)), ("30m", timedelta(minutes=30)), ("7d", timedelta(7))]
)
def test_durations_have_a_unit(text, duration):
    assert read_settings(environ(MAILER_MAX_AGE=text)).max_age == duration


def test_a_name_of_a_sender_may_hold_a_comma():
    settings = read_settings(environ(MAILER_SENDERS='"Shop, Contoso" <shop@contoso.com>, alerts@contoso.com,'))

    assert len(settings.senders) == 2
    assert "alerts@contoso.com" in str(settings.senders[1])


@pytest.mark.parametrize(
    "url", ["https://graph.microsoft.com/", "https://graph.microsoft.com/v1.0", "https://graph.microsoft.com/v1.0/"]
)
def test_graphs_url_may_be_written_with_its_version(url):
    assert read_settings(environ(MAILER_GRAPH_URL=url)).graph_url == "https://graph.microsoft.com"


def test_a_national_cloud_has_its_own_scope():
    settings = read_settings(environ(MAILER_GRAPH_URL="https://graph.microsoft.us"))

    assert settings.graph_scope == "https://graph.microsoft.us/.default"


def test_graph_on_this_machine_has_the_public_clouds_scope():
    settings = read_settings(environ(MAILER_GRAPH_URL="https://localhost:8443"))

    assert settings.graph_scope == "https://graph.microsoft.com/.default"


# Storage


def test_mailers_own_account_goes_before_the_hosts():
    own = CONNECTION.replace("contoso", "own")

    assert read_settings(environ(MailerStorage=own)).storage.connection_string == own


@pytest.mark.parametrize("prefix", ["MailerStorage", "AzureWebJobsStorage"])
def test_storage_may_be_used_by_identity(prefix):
    content = environ(AzureWebJobsStorage=None) | {
        name.replace("MailerStorage", prefix): text for name, text in BY_IDENTITY.items()
    }
    storage = read_settings(content | {f"{prefix}__clientId": "of the identity"}).storage

    assert storage.connection_string is None
    assert (storage.queue_url, storage.table_url, storage.client_id) == (QUEUE_URL, TABLE_URL, "of the identity")


def test_storage_may_be_named_by_its_account():
    storage = read_settings(environ(AzureWebJobsStorage=None, AzureWebJobsStorage__accountName="other")).storage

    assert (storage.queue_url, storage.table_url) == (QUEUE_URL, TABLE_URL)


@pytest.mark.parametrize("left_out", BY_IDENTITY)
def test_half_of_an_account_is_a_problem(left_out):
    content = environ(AzureWebJobsStorage=None) | {name: url for name, url in BY_IDENTITY.items() if name != left_out}

    (problem,) = problems(content)
    assert problem.startswith("MailerStorage is wrong")


def test_the_development_account_is_a_connection_string():
    assert read_settings(environ(AzureWebJobsStorage="UseDevelopmentStorage=true")).storage.connection_string


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"MailerStorage": CONNECTION.replace("contoso", "own")},
        {"MailerStorage": ""},
        {"MailerStorage": " "},
        BY_IDENTITY,
        {"MailerStorage__accountName": "own"},
        {"MailerStorage__clientId": "7"},
        {"MailerStorage__credential": "managedidentity"},
        dict.fromkeys(BY_IDENTITY, ""),
    ],
)
def test_the_trigger_listens_where_mails_are_put(changes):
    content = environ(**changes)
    storage = read_settings(content).storage

    put_with_the_host = storage.connection_string == MINIMAL["AzureWebJobsStorage"]
    assert storage_connection(content) == ("AzureWebJobsStorage" if put_with_the_host else "MailerStorage")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://localhost:8443", True),
        ("https://127.0.0.1", True),
        ("https://[::1]:8443", True),
        ("https://127.0.0.1.example.com", False),
        ("https://localhost.example.com", False),
        ("https://login.microsoftonline.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(url, here):
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAILER_GAET", "MAILER_GATE"),
        ("MAILER_GATES", "MAILER_GATE"),
        ("mailer_gate", "MAILER_GATE"),
        ("Mailer_Gate", "MAILER_GATE"),
        ("MAILER__GATE", "MAILER_GATE"),
        ("MAILER_REDIRECT", "MAILER_REDIRECT_TO"),
        ("MAILER_REDIRECTTO", "MAILER_REDIRECT_TO"),
        ("MAILER_ALLOWED", "MAILER_ALLOWED_RECIPIENTS"),
        ("MAILER_SENDER", "MAILER_SENDERS"),
        ("MAILER_TENANT", "MAILER_TENANT_ID"),
        ("MAILER_KEYVAULT_URL", "MAILER_KEY_VAULT_URL"),
        ("MAILER_VAULT_URL", "MAILER_KEY_VAULT_URL"),
        ("MAILER_SECRET_NAME", "MAILER_CLIENT_SECRET_NAME"),
        ("MailerStorage__queueServiceUrl", "MailerStorage__queueServiceUri"),
        ("MailerStorage_queueServiceUri", "MailerStorage__queueServiceUri"),
        ("MailerStorage__queueserviceuri", "MailerStorage__queueServiceUri"),
        ("mailerstorage", "MailerStorage"),
        ("MailerStorage__acountName", "MailerStorage__accountName"),
    ],
)
def test_a_name_that_mailer_does_not_know_stops_the_app_with_the_one_that_was_meant(name, meant):
    """A typing error in a setting that keeps mails from leaving must not let them leave."""
    (problem,) = problems(environ(**{name: "block"}))

    assert problem == f"{name} is unknown; did you mean {meant}?"


def test_a_name_like_no_other_is_unknown_all_the_same():
    assert problems(environ(MAILER_ZEBRA="1")) == ("MAILER_ZEBRA is unknown; take it out.",)


@pytest.mark.parametrize(
    "name",
    [
        "MAIL_GATE",
        "MAILERS",
        "APPSETTING_MAILER_GATE",
        "CUSTOMCONNSTR_MailerStorage",
        "WEBSITE_HOSTNAME",
        "AzureWebJobs.deliver_email.Disabled",
        "MailerStorage__credential",
        "MailerStorage__clientId",
        "MailerStorage__tenantId",
        "MailerStorage__managedIdentityResourceId",
    ],
)
def test_names_of_the_platform_and_known_forms_are_left_alone(name):
    assert read_settings(environ(**{name: ""}))


def test_windows_gives_names_in_capitals_and_finds_them_in_any():
    class Windows(dict):
        def get(self, name, default=None):
            return super().get(name.upper(), default)

        def __getitem__(self, name):
            return super().__getitem__(name.upper())

    capitals = Windows({name.upper(): text for name, text in environ(MailerStorage=CONNECTION).items()})

    assert read_settings(capitals).storage.connection_string == CONNECTION


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("MAILER_TENANT_ID", "common", "people of any tenant"),
        ("MAILER_KEY_VAULT_URL", "https://contoso.vault.azure.net/secrets/x/1", "without /secrets/"),
        ("MAILER_REDIRECT_TO", "a@contoso.com;b@contoso.com", "one address"),
        ("MAILER_SENDERS", "shop@contoso.com; alerts@contoso.com", "separated by commas"),
        ("MAILER_ALLOWED_RECIPIENTS", "contoso.com;example.com", "separate them by commas"),
        ("MAILER_IDEMPOTENCY_WINDOW", "91d", "longer than MAILER_RECORD_RETENTION"),
    ],
)
def test_a_setting_that_is_often_wrong_in_one_way_says_which(name, text, words):
    (problem,) = problems(environ(**{"MAILER_GATE": "open", name: text}))

    assert words in problem


@pytest.mark.parametrize(("window", "retention"), [("90d", "90d"), ("24h", "1d"), ("1h", "60m")])
def test_a_key_may_live_as_long_as_its_record(window, retention):
    assert read_settings(environ(MAILER_IDEMPOTENCY_WINDOW=window, MAILER_RECORD_RETENTION=retention))


@pytest.mark.parametrize(
    "text", ["https://contoso.vault.azure.net/", "https://localhost:8443", "https://v.vault.azure.cn"]
)
def test_a_vaults_url_may_end_in_a_slash_and_have_a_port(text):
    assert read_settings(environ(MAILER_KEY_VAULT_URL=text)).key_vault_url == text.rstrip("/")


def test_the_example_is_right_and_holds_no_unknown_setting():
    example = json.loads((Path(__file__).parents[1] / "local.settings.example.json").read_text())["Values"]
    read_settings(example)

    known = {field.metadata["name"] for field in fields(Settings)}
    assert {name for name in example if name.startswith(("MAILER_", "MailerStorage"))} <= known
