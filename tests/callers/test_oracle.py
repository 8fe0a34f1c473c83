"""No mail passes that the policy forbids: an oracle of its own, over the policy's JSON and the request's."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.callers.given import refused, shop

ADDRESSES = ["ada@example.com", "bob@contoso.com", "eve@evil.example", "ada@eu.contoso.com"]
SENDERS = ["shop@contoso.com", "alerts@contoso.com"]
TEMPLATES = ["order-1", "order-confirmation", "news", "reorder"]


def some(*values):
    """A member of a policy: missing, empty, some, or all."""
    few = st.none() | st.lists(st.sampled_from(values), max_size=3)
    return st.one_of(st.just(["*"]), st.just(["*"]), few)  # most pass, so that each rule decides alone now and then


policies = st.fixed_dictionaries(
    {
        "may": some("send", "read", "preview", "operate"),
        "from": some(*SENDERS),
        "templates": some("order-*", "news", "*order*", "order-?"),
        "to": some("example.com", "contoso.com", "eve@evil.example") | st.just(["example.com"]),
        "priority": some("urgent", "normal", "bulk"),
    }
)
recipients = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2))
mails = st.fixed_dictionaries(
    {
        "from": st.none() | st.sampled_from(SENDERS),
        "to": st.one_of(st.just(ADDRESSES[:1]), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3)),
        "cc": recipients,
        "bcc": recipients,
        "reply_to": recipients,
        "template": st.none() | st.sampled_from(TEMPLATES),
        "priority": st.none() | st.sampled_from(["urgent", "normal", "bulk"]),
    }
)


def near(base, strategy):
    """The base with few of its members taken from elsewhere, so that each rule decides alone now and then."""
    chosen = st.sets(st.sampled_from(sorted(base)), max_size=2)
    return st.builds(lambda other, names: base | {name: other[name] for name in names}, strategy, chosen)


NARROW = {
    "may": ["send"],
    "from": SENDERS[:1],
    "templates": ["order-*"],
    "to": ["example.com", "bob@contoso.com"],
    "priority": ["normal"],
}
ORDER = {
    "from": None,
    "to": ["ada@example.com"],
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "template": "order-1",
    "priority": None,
}


def like(pattern, text):
    """Whether a pattern of stars and question marks fits, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(like(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and like(pattern[1:], text[1:])


def oracle(policy, mail):
    """Whether the mail may be sent, by the words of the documentation."""

    def holds(member, fits):
        allowed = policy[member] or []
        return "*" in allowed or any(fits(one) for one in allowed)

    everybody = mail["to"] + mail["cc"] + mail["bcc"] + mail["reply_to"]
    return (
        holds("may", lambda one: one == "send")
        and holds("from", lambda one: one == (mail["from"] or SENDERS[0]))
        and holds("templates", lambda one: mail["template"] is not None and like(one, mail["template"]))
        and holds("priority", lambda one: one == (mail["priority"] or "normal"))
        and all(holds("to", lambda one, to=to: one in {to, to.split("@")[1]}) for to in everybody)
    )


@settings(max_examples=500, deadline=None)
@given(policies | near(NARROW, policies), mails | near(ORDER, mails))
def test_no_mail_passes_that_the_policy_forbids_and_none_is_kept_back_that_it_allows(policy, mail):
    caller = shop(**policy)
    content = {} if mail["template"] else {"subject": "s", "text": "t"}
    template = {"template": {"id": mail["template"]}} if mail["template"] else {}
    asked = {name: mail[name] for name in ("from", "to", "cc", "bcc", "reply_to", "priority") if mail[name]}

    problems = refused(asked | content | template, caller)

    assert {problem.code for problem in problems} <= {"caller_not_allowed"}
    assert (not problems) == oracle(policy, mail)
