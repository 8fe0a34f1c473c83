"""What these tests are given."""

import time
from dataclasses import dataclass

import requests

from tests.local_cloud import LocalCloud

SHOP = "shop@contoso.com"


@dataclass(kw_only=True)
class Cloud(LocalCloud):
    def authorization(self):
        return {"Authorization": f"Bearer {self.token()}"}

    def send(self, body=None, *, sender=SHOP, path="/v1.0/users/{sender}/sendMail", timeout=10, **headers):
        """Post a body, the smallest good one unless told otherwise, on a connection of its own."""
        content = {"data": body} if isinstance(body, bytes) else {"json": mail() if body is None else body}
        if "Authorization" not in headers:
            headers |= self.authorization()
        verify = self.session.verify
        url = f"{self.url}{path.format(sender=sender)}"
        return requests.post(url, headers=headers, verify=verify, timeout=timeout, **content)

    def sent_items(self, internet_message_id=None, sender=SHOP, **query):
        if internet_message_id:
            query["$filter"] = f"internetMessageId eq '{internet_message_id}'"
        url = f"{self.url}/v1.0/users/{sender}/mailFolders/sentitems/messages"
        return self.session.get(url, params=query, headers=self.authorization(), timeout=5)


def to(*addresses):
    return [{"emailAddress": {"address": address}} for address in addresses]


def mail(**properties):
    """A body for sendMail; a property of None is left out."""
    message = {
        "subject": "Your order",
        "body": {"contentType": "text", "content": "Thank you."},
        "toRecipients": to("ada@example.com"),
    }
    return {"message": {name: value for name, value in (message | properties).items() if value is not None}}


def file(**properties):
    attachment = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGk="}
    return {name: value for name, value in (attachment | properties).items() if value is not None}


def headers(*names):
    return [{"name": name, "value": "1"} for name in names]


def eventually(probe):
    """Return as soon as the probe gives something."""
    deadline = time.monotonic() + 5
    while not probe():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)
