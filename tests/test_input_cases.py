"""Inputs out of public reports, and what they must become. The rest of such a kind is in the tests of its module."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.delivery.compose import Composer
from mailer.delivery.message import read_message
from mailer.errors import ConfigError, InvalidRequest
from mailer.request.parse import parse, read_request
from mailer.settings import read_settings
from mailer.templating.templates import Templates
from tests.builders import RULES

FOLDER = Path(__file__).parent / "samples/cases"
ONE_EACH = "one address each, in a list"

# By the name of the case: the member that is refused, and what is said about it.
REFUSED = {
    "a1-outlook-semicolon-list.http.json": ("to", ONE_EACH),
    "a2-bcc-comma-list.http.json": ("bcc", ONE_EACH),
    "a3-bare-then-named.http.json": ("to", ONE_EACH),
    "a5-list-inside-a-list.queue.txt": ("to[0]", ONE_EACH),
    "a7-from-list.http.json": ("from", ONE_EACH),
    "a8-bare-list-hint.http.json": ("to", ONE_EACH),
    "c6-python-str-of-bytes.queue.txt": (None, "this is Python's b'…', neither JSON nor base64"),
    "c8-duplicate-member.queue.txt": ("to", "stands there twice"),
}
# What a request has become, in the shape that callers use.
ACCEPTED = {
    "b1-dotnet-nulls.queue.txt": {"subject": "Order 7", "html": "<p>Thank you</p>", "idempotency_key": "order-7"},
    "b2-null-cc-only.http.json": {"to": [{"address": "ada@example.com"}]},
    "c1-event-grid-base64.queue.txt": {
        "subject": "Order 7",
        "idempotency_key": "/subscriptions/0/resourceGroups/g/providers/Microsoft.EventGrid/topics/shop/1b9c",
    },
    "c3-cloudevent-data-base64.queue.txt": {"subject": "Order 7", "idempotency_key": "/shop/A234"},
    "c4-base64-in-lines-of-76.queue.txt": {
        "text": "92 % used; it was 80 % an hour ago. Look at web-3 and free some space."
    },
    "i1-encoded-name.http.json": {"to": [{"address": "j@example.com", "name": "Jörg Müller"}]},
    "j1-control-characters.http.json": {"text": "[31mERROR[0m disk full"},
    "j3-subject-with-line-break.queue.txt": {"subject": "Cannot open database. Login failed."},
    "n1-lower-case-t-z.http.json": {"scheduled_at": "2026-12-01T08:00:00Z"},
}
# A file's name and type.
ATTACHED = {
    "h1-csv-gz.http.json": ("report.csv.gz", "application/gzip"),
    "h3-docx-depends-on-machine.http.json": (
        "offer.docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "h4-trailing-space.http.json": ("invoice.pdf", "application/pdf"),
}


@pytest.fixture(scope="module")
def rules():
    """Those of an app with its packaged templates."""
    templates = Templates()
    composer = Composer(
        render=lambda use, known: templates.content(use, known=known), open_blob=None, largest=35 * 1024 * 1024
    )
    return replace(RULES, content_problems=composer.problems)


def request_of(name, rules):
    body = (FOLDER / name).read_bytes()
    if name.endswith(".http.json"):
        return parse(body, rules=rules)
    return read_request(read_message(body)[0], rules=rules)


@pytest.mark.parametrize(("name", "target", "words"), [(name, *said) for name, said in REFUSED.items()], ids=REFUSED)
def test_what_cannot_be_meant_is_refused(name, target, words, rules):
    with pytest.raises(InvalidRequest) as refusal:
        request_of(name, rules)

    (problem,) = refusal.value.problems
    assert problem.target == target
    assert words in problem.message


@pytest.mark.parametrize(("name", "expected"), ACCEPTED.items(), ids=ACCEPTED)
def test_what_is_meant_is_understood(name, expected, rules):
    request = request_of(name, rules).as_json()

    assert {member: request[member] for member in expected} == expected
    assert not {"cc", "bcc", "attachments"} & set(request)


@pytest.mark.parametrize(("name", "expected"), ATTACHED.items(), ids=ATTACHED)
def test_a_file_has_the_type_of_its_name(name, expected, rules):
    (file,) = request_of(name, rules).attachments

    assert (file.filename, file.media_type) == expected


def test_null_for_variables_names_each_one_that_is_missing(rules):
    with pytest.raises(InvalidRequest) as refusal:
        request_of("b4-null-variables.http.json", rules)

    assert refusal.value.code == "template_variable_missing"
    assert "alert.title" in {problem.target for problem in refusal.value.problems}


def test_a_secrets_identifier_is_no_vaults_url():
    right = json.loads((FOLDER.parents[2] / "local.settings.example.json").read_text())["Values"]
    wrong = json.loads((FOLDER / "m1-vault-secret-identifier.settings.json").read_text())

    with pytest.raises(ConfigError) as refusal:
        read_settings(right | wrong)

    (problem,) = refusal.value.problems
    assert problem.startswith("MAILER_KEY_VAULT_URL is wrong")
    assert "without /secrets/" in problem
