"""python -m mailer suppress: by the URL of an app, and by a person's own rights on the storage."""

from itertools import count

import pytest

from tests.operating import posted
from tests.terminal import by_own_rights, empty_terminal
from tests.terminal import mailer as in_process

NUMBERS = count()


@pytest.fixture(autouse=True)
def _empty_terminal(monkeypatch, tmp_path):
    empty_terminal(monkeypatch, tmp_path)


@pytest.fixture
def suppress(stack):
    return lambda *arguments: in_process("suppress", *arguments, "--url", stack.url)


@pytest.fixture
def nobody(suppress):
    """An address that gets mail again after the test."""
    address = f"nobody{next(NUMBERS)}@example.com"
    yield address
    suppress(address, "--lift")


def test_an_address_is_suppressed_looked_at_and_lifted(suppress, nobody):
    assert suppress(nobody, "--check").out == f"{nobody} is not suppressed.\n"
    assert suppress(nobody, "--reason", "asked for it").out == f"{nobody} gets no mail any more, within a minute.\n"

    looked = suppress(nobody, "--check")
    assert looked.code == 0
    assert looked.out.startswith(f"{nobody} is suppressed since 20")
    assert looked.out.endswith("UTC: asked for it.\n")
    assert suppress(nobody).out.startswith(f"{nobody} was suppressed already, since 20")

    assert suppress(nobody, "--lift").out == f"{nobody} gets mail again, within a minute.\n"
    assert suppress(nobody, "--lift").out == f"{nobody} was not suppressed.\n"


def test_a_script_reads_an_object_for_each_address(suppress, nobody):
    suppress(nobody, "--reason", "why")
    one, other = suppress(nobody, "other@example.com", "--check", "--json").lines

    assert {name: one[name] for name in ("address", "suppressed", "reason", "by")} == {
        "address": nobody,
        "suppressed": True,
        "reason": "why",
        "by": None,
    }
    assert other == {"address": "other@example.com", "suppressed": False}


def test_the_list_shows_no_address(suppress, nobody):
    (made,) = suppress(nobody, "--reason", "why", "--json").lines
    listed = suppress()

    assert made["hash"] in listed.out
    assert "why" in listed.out
    assert "example.com" not in listed.out
    assert made["hash"] in [line["hash"] for line in suppress("--json").lines]


def test_by_own_rights_it_is_the_same_list(stack, suppress, nobody, monkeypatch):
    said = by_own_rights(monkeypatch, stack.settings())("suppress", nobody, "--reason", "by hand")

    assert (said.code, said.out) == (0, f"{nobody} gets no mail any more, within a minute.\n"), said.err
    assert "by hand" in suppress(nobody, "--check").out
    assert in_process("suppress", nobody, "--lift").code == 0
    assert suppress(nobody, "--check").out == f"{nobody} is not suppressed.\n"


def test_a_wrong_address_is_named_and_the_others_are_done(suppress, nobody):
    said = suppress("nobody", nobody)

    assert said.code == 1
    assert said.err.startswith("nobody: `address` is not an e-mail address")
    assert said.out == f"{nobody} gets no mail any more, within a minute.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a@b.com", "--lift", "--check"), "not both"),
        (("--lift",), "say whose"),
        (("--check",), "say whose"),
        (("--reason", "why"), "with their addresses"),
        (("a@b.com", "--lift", "--reason", "why"), "with nothing else"),
    ],
)
def test_wrong_use_is_told(suppress, arguments, words):
    said = suppress(*arguments)

    assert said.code == 2
    assert words in " ".join(said.err.replace("│", " ").split())


def test_a_suppressed_mail_says_what_to_do_and_is_replayed_after_a_lift(stack, suppress, nobody):
    suppress(nobody)
    mail = posted(stack, to=[nobody])["id"]

    shown = in_process("show", mail, "--url", stack.url).out
    assert "suppressed  nobody was left whom it may reach; its content is kept" in shown
    assert "to[0] recipient_suppressed Left out" in shown
    assert f"python -m mailer replay {mail}" in shown

    suppress(nobody, "--lift")
    assert in_process("replay", mail, "--yes", "--url", stack.url).out == "1 mail queued again\n"


def test_several_who_were_left_out_are_one_line(stack, suppress, nobody):
    suppress(nobody)
    mail = posted(stack, to=[nobody, "ada@example.com"], cc=[nobody])["id"]

    assert "to[0], cc[0] recipient_suppressed Left out" in in_process("show", mail, "--url", stack.url).out
