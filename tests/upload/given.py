"""What these tests are given."""

import hashlib
from dataclasses import dataclass, field

from mailer.graph import upload
from mailer.graph.connection import GraphConnection
from mailer.local.cloud.model import Fault
from tests.builders import a_file, a_mail
from tests.local_cloud import LocalCloud

MB = 1024 * 1024


BIG = bytes(range(256)) * (9 * MB // 256)  # three pieces


PIECES = 3


def big_file(**changes):
    return a_file(BIG, filename="scan.pdf", **changes)


def one_mail(*files, **changes):
    return a_mail(files=files or (big_file(),), **changes)


@dataclass(kw_only=True)
class Cloud(LocalCloud):
    connection: GraphConnection
    pauses: list = field(default_factory=list)

    def renewed(self, _refused=""):
        return self.token()

    def send(self, mail=None, *, leaving=lambda: None):
        return upload.send_large(
            mail or one_mail(),
            ask=self.connection._calls(a_mail().id if mail is None else mail.id, self.token(), self.renewed),
            transfer=self.connection._transfer,
            leaving=leaving,
            pause=self.pauses.append,
        )

    def fault(self, call, **changes):
        self.control.fault(Fault(call=call, **{"times": 1, "outcome": "answer", **changes}))

    def calls(self, *names):
        return [self.control.traffic().calls.get(name, 0) for name in names]

    @property
    def arrived(self):
        (mail,) = self.control.mails()
        return [(file.name, file.size, file.sha256) for file in mail.attachments]

    @property
    def nothing(self):
        """Nothing was sent, and nothing was left in Drafts."""
        return self.control.mails() == [] and self.control.drafts() == []


WHOLE = [("scan.pdf", len(BIG), hashlib.sha256(BIG).hexdigest())]
