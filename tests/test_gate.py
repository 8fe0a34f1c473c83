"""The staging gate: no mail reaches anybody whom it does not let through."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.gate import LONGEST_HEADER, ORIGINAL, Gate, Mode
from mailer.errors import Suppressed
from mailer.graph.wire import send_mail_body
from mailer.request.address import Address
from mailer.request.members import MAX_HEADERS
from mailer.request.rendered import Content
from tests.builders import a_mail

TESTER = Address(address="tester@contoso.com", name="Tester")
OPEN = Gate(mode=Mode.OPEN)
REDIRECT = Gate(mode=Mode.REDIRECT, redirect_to=TESTER)
ALLOW = Gate(mode=Mode.ALLOW, allowed=frozenset({"contoso.com", "ada@example.com"}))
BLOCK = Gate(mode=Mode.BLOCK)
HTML = Content(subject="Hello", body='<html><body class="a">Hello</body></html>', content_type="html")

domains = st.sampled_from(["contoso.com", "CONTOSO.com", "example.com", "sub.contoso.com", "contoso.com.example.net"])
names = st.sampled_from(["ada", "Ada", "ADA", "grace", "tester", "contoso.com", "ada=example.com"])
addresses = st.lists(st.builds("{}@{}".format, names, domains), max_size=4)
gates = st.sampled_from([OPEN, REDIRECT, ALLOW, BLOCK])


def let_through(gate, address):
    """What the gate promises, said in another way than it is written."""
    address = address.lower()
    if gate.mode is Mode.OPEN:
        return True
    if gate.mode is Mode.REDIRECT:
        return address == "tester@contoso.com"
    return gate.mode is Mode.ALLOW and (address.endswith("@contoso.com") or address == "ada@example.com")


def reached(mail):
    """Every address in the bytes that Graph gets to which a mail or its answer would go."""
    message = json.loads(json.dumps(send_mail_body(mail)))["message"]
    kinds = ("toRecipients", "ccRecipients", "bccRecipients", "replyTo")
    return [entry["emailAddress"]["address"] for kind in kinds for entry in message.get(kind, [])]


@given(gate=gates, to=addresses.filter(bool), cc=addresses, bcc=addresses, reply_to=addresses)
def test_no_address_outside_the_allowed_set_reaches_the_wire(gate, to, cc, bcc, reply_to):
    mail = a_mail(to=to, cc=cc, bcc=bcc, reply_to=reply_to)

    try:
        passed = gate.screen(mail)
    except Suppressed:
        assert not any(let_through(gate, address) for address in to + cc + bcc) or gate.mode is Mode.BLOCK
        return
    assert [address for address in reached(passed.mail) if not let_through(gate, address)] == []
    if gate.mode is not Mode.REDIRECT:
        assert reached(passed.mail) == [address for address in reached(mail) if let_through(gate, address)], (
            "and whoever may get it does"
        )


def test_an_open_gate_changes_nothing():
    mail = a_mail(cc="grace@example.com")

    passed = OPEN.screen(mail)

    assert passed.mail == mail
    assert passed.note == ""


def test_a_redirected_mail_goes_to_one_address_only():
    passed = REDIRECT.screen(a_mail(cc="grace@example.com", bcc="eve@example.com", reply_to="help@example.com"))

    assert reached(passed.mail) == ["tester@contoso.com"]
    assert passed.note == "redirected to MAILER_REDIRECT_TO in place of 3 recipients"


def test_a_redirected_mail_names_its_recipients_in_a_header():
    mail = a_mail(cc="grace@example.com", bcc="eve@example.com", headers={"x-order": "7"})

    headers = REDIRECT.screen(mail).mail.request.headers

    assert headers == {"x-order": "7", ORIGINAL: "to ada@example.com, cc grace@example.com, bcc eve@example.com"}


def test_a_header_of_many_recipients_says_how_many_more_there_are():
    mail = a_mail(to=[f"person{number}@example.com" for number in range(300)])

    header = REDIRECT.screen(mail).mail.request.headers[ORIGINAL]

    assert len(header) < LONGEST_HEADER + 20
    assert header.startswith("to person0@example.com, ")
    assert header.endswith(f" and {300 - header.count('@')} more")


def test_a_redirected_mail_in_text_begins_with_its_recipients():
    body = REDIRECT.screen(a_mail(reply_to="help@example.com")).mail.content.body

    assert body.startswith("Redirected by MAILER_GATE. This mail was written\nto: ada@example.com\nreply-to: help@exa")
    assert body.endswith("Hello, Ada")


def test_a_redirected_mail_in_html_shows_its_recipients_on_top():
    body = REDIRECT.screen(a_mail(content=HTML, cc="grace@example.com")).mail.content.body

    before, banner, after = body.partition('<div style="')
    assert before == '<html><body class="a">'
    assert "to: ada@example.com<br>cc: grace@example.com" in banner + after
    assert after.endswith("</div>\nHello</body></html>")


def test_a_fragment_of_html_gets_the_banner_too():
    body = REDIRECT.screen(a_mail(content=Content(subject="s", body="<p>Hello", content_type="html"))).mail.content.body

    assert body.startswith("<div")
    assert body.endswith("<p>Hello")


def test_an_address_in_the_banner_is_text():
    """Some local parts look like markup."""
    mail = a_mail(content=HTML, to="a&b'c@example.com")

    seen = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = seen.append
    parser.feed(REDIRECT.screen(mail).mail.content.body)

    assert "to: a&b'c@example.com" in seen


def test_outside_the_list_recipients_are_left_out():
    passed = ALLOW.screen(a_mail(cc=["grace@example.com", "ops@contoso.com"]))

    assert reached(passed.mail) == ["ada@example.com", "ops@contoso.com"]
    assert passed.note == "left out 1 of 3 recipients not in MAILER_ALLOWED_RECIPIENTS"


def test_a_mail_to_nobody_on_the_list_is_held_back():
    with pytest.raises(Suppressed, match="2 of 2 recipients not in MAILER_ALLOWED_RECIPIENTS") as held:
        ALLOW.screen(a_mail(to="eve@example.com", cc="eve@sub.contoso.com"))

    assert held.value.code == "recipient_not_allowed"


def test_a_closed_gate_holds_every_mail_back():
    with pytest.raises(Suppressed) as held:
        BLOCK.screen(a_mail(to="ops@contoso.com"))

    assert held.value.code == "gate_blocked"


def test_a_redirection_to_nobody_holds_the_mail_back():
    with pytest.raises(Suppressed):
        Gate(mode=Mode.REDIRECT).screen(a_mail())


def test_a_redirecting_gate_needs_one_of_graphs_headers():
    assert (OPEN.max_headers, REDIRECT.max_headers) == (MAX_HEADERS, MAX_HEADERS - 1)


def test_what_the_gate_says_of_a_mail_names_nobody():
    notes = [REDIRECT.screen(a_mail()).note, ALLOW.screen(a_mail(cc="eve@example.com")).note]

    assert not any("@" in note for note in notes)


@pytest.mark.parametrize("address", ["\u017fhop@example.com", "\u00e9@stra\u00dfe.de"])
def test_a_letter_that_only_looks_like_an_allowed_one_is_another(address):
    gate = Gate(mode=Mode.ALLOW, allowed=frozenset({"strasse.de", "shop@example.com"}))

    with pytest.raises(Suppressed):
        gate.screen(a_mail(to=address))


def test_who_is_left_out_of_the_answers_is_counted_too():
    passed = ALLOW.screen(a_mail(reply_to="support@example.net"))

    assert passed.note == "left out 0 of 1 recipient not in MAILER_ALLOWED_RECIPIENTS, and 1 of reply_to"


def test_the_banner_is_not_hidden_in_a_comment():
    html = '<!--[if mso]><body class="mso"><![endif]--><body>Hello</body>'

    body = REDIRECT.screen(a_mail(content=Content(subject="s", body=html, content_type="html"))).mail.content.body

    assert body.startswith('<!--[if mso]><body class="mso"><![endif]--><body><div')
