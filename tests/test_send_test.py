"""python -m mailer send-test --delegated: a mail in a person's own name, and what a refusal means."""

import pytest

from mailer.local.cloud.model import Mailbox
from tests.terminal import mailer, open_terminal

TO = ("--to", "ada@example.com", "--device-code")
GRACE = Mailbox(address="grace@contoso.com", object_id="aaaaaaaa-0000-4000-8000-000000000000")


@pytest.fixture
def cloud(local_cloud, monkeypatch, tmp_path):
    """Grace signs in, who has a mailbox of her own."""
    local_cloud.control.reset(empty=True)
    local_cloud.control.put_mailbox(GRACE)
    local_cloud.control.set(person=GRACE.address)
    open_terminal(monkeypatch, local_cloud, tmp_path)
    yield local_cloud.control
    local_cloud.control.reset()


def test_a_person_sends_by_me(cloud):
    said = mailer("send-test", "--delegated", *TO)

    assert said.code == 0
    assert "enter the code" in said.err
    assert "202 Accepted: POST /v1.0/me/sendMail" in said.out
    (mail,) = cloud.mails()
    assert (mail.sender.address, mail.to[0].address) == (GRACE.address, "ada@example.com")


def test_as_another_mailbox_it_takes_both_rights(cloud):
    shop = next(box for box in cloud.mailboxes() if box.address == "shop@contoso.com")
    cloud.put_mailbox(shop.model_copy(update={"full_access": (GRACE.address,)}))
    cloud.put_mailbox(GRACE.model_copy(update={"send_as": (shop.address,)}))

    said = mailer("send-test", "--delegated", "--as", "shop@contoso.com", *TO)

    assert said.code == 0
    assert "/users/shop@contoso.com/sendMail" in said.out
    assert cloud.mails()[0].sender.address == "shop@contoso.com"


@pytest.mark.parametrize(("access", "code"), [((), "ErrorAccessDenied"), ((GRACE.address,), "ErrorSendAsDenied")])
def test_a_403_is_told_with_the_rights_that_are_missing(cloud, access, code):
    shop = next(box for box in cloud.mailboxes() if box.address == "shop@contoso.com")
    cloud.put_mailbox(shop.model_copy(update={"full_access": access}))

    said = mailer("send-test", "--delegated", "--as", "shop@contoso.com", *TO)

    assert said.code == 1
    assert f"403 {code}" in said.out
    assert all(right in said.out for right in ("Mail.Send.Shared", "Send As", "Full Access"))
    assert cloud.mails() == []


def test_a_person_without_a_mailbox_is_told_so(cloud):
    cloud.set(person="admin@contoso.com")

    said = mailer("send-test", "--delegated", *TO)

    assert said.code == 1
    assert "licence" in said.out


def test_a_blocked_device_code_is_told_with_another_way(cloud):
    cloud.set(device_code_blocked=True)

    said = mailer("send-test", "--delegated", *TO)

    assert said.code == 1
    assert "AADSTS53003" in said.out
    assert "browser" in said.out


@pytest.mark.parametrize("flags", [("--to", "ada@example.com"), ("--delegated",)], ids=["not delegated", "to nobody"])
def test_wrong_use_ends_with_2(cloud, flags):
    assert mailer("send-test", *flags).code == 2
    assert cloud.mails() == []
