"""The local cloud as a program, and what MailDev has got from it."""

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from mailer.local import programs
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import MEGABYTE
from tests.local_cloud import LocalCloud, trusting

PIECE = 3 * MEGABYTE


@dataclass(kw_only=True)
class Cloud(LocalCloud):
    folder: Path
    port: int
    program: programs.Program

    def authorization(self):
        return {"Authorization": f"Bearer {self.token()}"}

    def post(self, path, body=None):
        """A call of Graph for the shop's mailbox."""
        url = f"{self.url}/v1.0/users/shop@contoso.com{path}"
        ca = str(self.folder / "ca.pem")
        return requests.post(url, json=body, headers=self.authorization(), verify=ca, timeout=5)

    def send(self, **message):
        return self.post("/sendMail", {"message": {"toRecipients": to("ada@example.com")} | message})

    def upload(self, url, content):
        """Upload a file in pieces to the URL of its session."""
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.folder / "ca.pem")
            for start in range(0, len(content), PIECE):
                piece = content[start : start + PIECE]
                headers = {
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}",
                }
                reply = session.put(url, data=piece, headers=headers, timeout=5)
            assert reply.status_code == 201

    def peak_memory(self):
        """The most memory that the program ever held, in bytes."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def running(folder, *, smtp_port=None):
    port, nowhere = programs.free_ports(2)
    program = programs.cloud(folder, port=port, smtp_port=smtp_port or nowhere)
    program.start()
    try:
        url, ca = f"https://127.0.0.1:{port}", folder / "ca.pem"
        with closing(Control(url, ca)) as control, trusting(ca) as session:
            yield Cloud(url=url, control=control, session=session, folder=folder, port=port, program=program)
    finally:
        program.stop()


def find(inbox, identifier):
    """What MailDev says about the mail with this id, if it has it."""
    rows = requests.get(f"{inbox.url}/api/email", timeout=5).json()
    return next((row for row in rows if row["headers"]["message-id"] == identifier), None)


def eventually(probe):
    """What the probe gives as soon as it gives something."""
    deadline = time.monotonic() + 15
    while not (found := probe()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)
    return found


def to(*addresses):
    return [{"emailAddress": {"address": address}} for address in addresses]


def addresses(field):
    return [address.addr_spec for address in field.addresses]


def log_of(cloud):
    return cloud.program.log.read_text().splitlines()
