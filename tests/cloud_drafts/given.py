"""What these tests are given."""

from dataclasses import dataclass

from mailer.local.cloud.model import MEGABYTE
from tests.local_cloud import LocalCloud

SHOP = "shop@contoso.com"


SIZE = 3 * MEGABYTE + 5


FILE = bytes(range(256)) * (SIZE // 256) + b"final"


HALF = 2 * MEGABYTE


@dataclass(kw_only=True)
class Cloud(LocalCloud):
    authorization: str = ""

    def allow(self, *roles):
        """Grant the app these roles alone, and take a token that shows it."""
        self.control.set(roles=roles)
        self.authorization = f"Bearer {self.token()}"

    def call(self, method, path, *, user=SHOP, timeout=10, headers=None, **content):
        """A call of Graph for a mailbox; `path` begins after it."""
        url = f"{self.url}/v1.0/users/{user}{path}"
        headers = {"Authorization": self.authorization} | (headers or {})
        return self.session.request(method, url, headers=headers, timeout=timeout, **content)

    def draft(self, **properties):
        """A new draft's path."""
        reply = self.call("POST", "/messages", json=message(**properties))
        assert reply.status_code == 201
        return f"/messages/{reply.json()['id']}"

    def upload_url(self, draft, **item):
        reply = self.call("POST", f"{draft}/attachments/createUploadSession", json=announced(**item))
        assert reply.status_code == 201
        return reply.json()["uploadUrl"]

    def put(self, url, first, last, *, content=None, total=SIZE, timeout=10, **headers):
        """Upload the bytes `first` to `last`, both included; a header of None is left out."""
        given = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes {first}-{last}/{total}"} | headers
        data = FILE[first : last + 1] if content is None else content
        return self.session.put(url, data=data, headers=given, timeout=timeout)

    def upload(self, draft, **item):
        url = self.upload_url(draft, **item)
        self.put(url, 0, HALF - 1)
        assert self.put(url, HALF, SIZE - 1).status_code == 201


def message(**properties):
    """A draft to create; a property of None is left out."""
    given = {"subject": "Your order", "toRecipients": [{"emailAddress": {"address": "ada@example.com"}}]} | properties
    return {name: value for name, value in given.items() if value is not None}


def small(**properties):
    """A fileAttachment; a property of None is left out."""
    given = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGk="} | properties
    return {name: value for name, value in given.items() if value is not None}


def announced(**item):
    """The body of createUploadSession; a property of None is left out."""
    given = {"attachmentType": "file", "name": "a.bin", "size": SIZE} | item
    return {"AttachmentItem": {name: value for name, value in given.items() if value is not None}}


GONE = (404, "ErrorItemNotFound")


DENIED = (403, "ErrorAccessDenied")


EVERY_CALL_ON_A_DRAFT = [
    ("POST", "{}/attachments", {"json": small()}),
    ("POST", "{}/attachments/createUploadSession", {"json": announced()}),
    ("POST", "{}/send", {}),
    ("DELETE", "{}", {}),
]
