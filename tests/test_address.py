"""One mailbox in one string: what could mean two is refused, however they are written."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailer.errors import InvalidRequest
from mailer.request.address import _USUAL, LONGEST_USUAL, Address, _validated, parse_address
from mailer.request.parse import parse
from tests.builders import RULES, as_bytes, members

A, B = "ada@example.com", "bob@example.com"

TWO = [
    f"{A}, {B}",
    f"{A};{B}",
    f"{A} {B}",
    f"{A}\t{B}",
    f"{A}\n{B}",
    f"{A}\r\n{B}",
    f"{A}|{B}",
    f"{A}/{B}",
    f"{A}&{B}",
    f"{A} or {B}",
    f"{A}, {B}, ",
    f"<{A}>, <{B}>",
    f"<{A}><{B}>",
    f"Ada <{A}>, Bob <{B}>",
    f"Ada <{A}>; Bob <{B}>",
    f"Ada <{A}>; Bob <{B}>;",
    f"Ada <{A}> Bob <{B}>",
    f"Ada <ada@localhost>, Bob <{B}>",
    f"Ada <ada>, Bob <{B}>",
    f"Ada <{A}>\nBob <{B}>",
    f"{A}, Bob <{B}>",
    f"{A} Bob <{B}>",
    f"Ada <{A}>, {B}",
    f'"Ada" <{A}>, "Bob" <{B}>',
    f'"Ada <{A}>; Bob" <{B}>',
    f'"{A}" <{B}>',
    f"'{A}' <{B}>",
    f"'Ada' <{A}>,'Bob' <{B}>",
    f"Ada ({A}) <{B}>",
    f"Ada [{A}] <{B}>",
    f"[mailto:{A}] <{B}>",
    f"mailto:{A} <{B}>",
    f"Team: {A}, {B};",
    f"Team: Ada <{A}>, Bob <{B}>",
    "Bob; Ada <ada@example.com>",
    "ada\uff20example.com; Bob <bob@example.com>",
    "=?utf-8?q?ada=40example.com=2C?= <bob@example.com>",
    "=?utf-8?b?YWRhQGV4YW1wbGUuY29tOyBCb2I=?= <bob@example.com>",
    f"{A}@contoso.com <{B}>",
    ", ".join(f"person{number}@example.com" for number in range(500)),
]


@pytest.mark.parametrize("text", TWO)
@pytest.mark.parametrize("member", ["to", "cc", "bcc", "reply_to", "from"])
def test_two_addresses_in_one_string_are_refused_in_every_member(text, member):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(members() | {member: text}), rules=RULES)

    (problem,) = refusal.value.problems
    assert problem.target == member
    assert "one address each, in a list" in problem.message


@pytest.mark.parametrize("text", TWO)
def test_two_addresses_in_an_entry_of_a_list_are_refused_with_the_entry(text):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(members(to=[A, text])), rules=RULES)

    assert [problem.target for problem in refusal.value.problems] == ["to[1]"]


@pytest.mark.parametrize(
    ("address", "name"),
    [(f"{A}; {B}", ""), (f"{A}, {B}", "Ada"), (A, f"Bob <{B}>"), (A, f"{B}; Ada"), (A, f"{B}, Ada")],
)
def test_an_object_holds_one_address_too(address, name):
    with pytest.raises(InvalidRequest, match="one address each, in a list"):
        parse(as_bytes(members(to={"address": address, "name": name})), rules=RULES)


@pytest.mark.parametrize("text", [f"{A};", f"{A},", f";{A}", f"Ada <{A}>;", f"Ada <{A}>, ", "undisclosed-recipients:;"])
def test_a_separator_without_a_second_address_is_told(text):
    with pytest.raises(ValueError, match="comma or semicolon"):
        parse_address(text)


@pytest.mark.parametrize("text", [f'["{A}"]', f'["{A}", "{B}"]', f'{{"address": "{A}"}}', f'  ["{A}"]'])
def test_a_list_or_object_written_into_a_string_is_told(text):
    with pytest.raises(ValueError, match="JSON inside a string"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{A} <{A}>", A),
        (f"'{A}' <{A}>", f"'{A}'"),
        (f'"{A}" <ADA@example.com>', A),
        (f"Lovelace, Ada <{A}>", "Lovelace, Ada"),
        (f'"Lovelace; Ada" <{A}>', "Lovelace; Ada"),
        (f'"Ada \\"A;\\" Lovelace" <{A}>', 'Ada "A;" Lovelace'),
        (f"Lovelace, Ada ({A}) <{A}>", f"Lovelace, Ada ({A})"),
        (f"Ada @ Contoso <{A}>", "Ada @ Contoso"),
        (f"Ada (@ada) <{A}>", "Ada (@ada)"),
        (f"R&D: Ada <{A}>", "R&D: Ada"),
        (f"Ada | Contoso <{A}>", "Ada | Contoso"),
        (f"O'Neil, Ada <{A}>", "O'Neil, Ada"),
        (f"Ada, Ph.D. <{A}>", "Ada, Ph.D."),
    ],
)
def test_a_name_may_hold_what_people_put_into_names(text, name):
    assert parse_address(text).name == name


@pytest.mark.parametrize("name", [B, f"{B} via Contoso", f"Lovelace, Ada ({A})", "Lovelace; Ada"])
def test_a_name_given_by_itself_is_a_name_though_it_looks_like_another_address(name):
    request = parse(as_bytes(members(to={"address": A, "name": name})), rules=RULES)

    assert request.to == (Address(address=A, name=name),)


locals_ = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z0-9]{1,8})?", fullmatch=True)
addresses = st.builds("{}@{}.example".format, locals_, locals_)
between = st.sampled_from([",", ";", " ", "\n", "\t", "|", "/", ", ", "; ", " ; ", ",,", "\r\n", ":", "<", ">", ")("])
shapes = st.sampled_from(
    ["{}", "<{}>", "Ada <{}>", '"Ada" <{}>', '"Lovelace, Ada" <{}>', "'Ada' <{}>", "({})", "Ada {}"]
)


@given(addresses, addresses, between, shapes, shapes)
def test_no_two_addresses_pass_as_one_in_whatever_shape(one, other, separator, shape, other_shape):
    assume(one != other)
    with pytest.raises(ValueError, match="e-mail address"):
        parse_address(shape.format(one) + separator + other_shape.format(other))


@given(st.text() | st.text(alphabet='a@.<>,;"\\() =?'))
def test_a_text_is_one_address_or_refused_and_what_is_read_stays_as_it_is(text):
    address = None
    try:
        address = parse_address(text)
    except ValueError as refusal:
        told = str(refusal)
        assert told
        assert told.isprintable()
    assert address is None or Address.model_validate(address.model_dump()) == address


def dotted(alphabet):
    """Some words with dots between them."""
    return st.lists(st.text(alphabet, min_size=1, max_size=7), min_size=1, max_size=3).map(".".join)


usual = st.builds("{}@{}.{}".format, dotted("az09_+-"), dotted("anx08-"), st.text("amz", min_size=2, max_size=4))


@given(usual.filter(lambda text: len(text) <= LONGEST_USUAL and _USUAL.fullmatch(text)))
@example("info@xn.example")
@example("-@1.example.aa")
@example("a@" + "b" * 58 + ".cc")
def test_what_is_taken_as_usual_is_to_the_library_an_address_that_it_gives_back_as_it_is(text):
    assert parse_address(text).address == _validated(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Info@example.com",
        "ada@Example.com",
        "ada@xn--bcher-kva.example",
        "ada@ab--cd.example",
        "ada@-a.example",
        "ada@a-.example",
        "ada@example",
        "ada@example.c0",
        "ada@127.0.0.1",
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 64}.com",
    ],
)
def test_what_the_library_may_change_or_refuse_is_left_to_it(text):
    assert not (len(text) <= LONGEST_USUAL and _USUAL.fullmatch(text))


@pytest.mark.parametrize("text", ["{a}b@example.com", "{r4a?1c@example.com"])
def test_an_address_may_begin_with_a_brace(text):
    assert parse_address(text).address == text
