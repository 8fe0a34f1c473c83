"""The real parts that tests talk to: Azurite and MailDev, each started once for a run, on ports of their own."""

import os
import signal
from contextlib import closing
from dataclasses import dataclass

import pytest

from mailer.local import programs
from mailer.local.cloud.control import Control
from mailer.local.stack import Ports
from tests.app import app_settings
from tests.local_cloud import LocalCloud, trusting
from tests.running_stack import RunningStack
from tests.written import Written

# Whoever starts the tests in the background has SIGINT ignored, by them and by all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A development machine may send through a proxy; the parts below are on this machine.
os.environ["NO_PROXY"] = "localhost,127.0.0.1"

# What takes longest by itself, mostly by waiting, comes first, so that a run never waits at its end for one of them.
FIRST = [
    "test_chaos.py",
    "test_time_in_the_worker.py",
    "console/test_used.py",
    "test_support_questions.py",
    "test_running.py",
    "test_schemathesis.py",
    "test_setup_demo.py",
    "test_mail_commands.py",
    "test_operating.py",
    "test_many_mails.py",
    "test_desk.py",
    "setting_up/test_from_nothing.py",
    "test_postman.py",
    "console/test_shown.py",
    "console/test_everybody.py",
    "test_setup_elsewhere.py",
    "test_content_proportion.py",
]


def pytest_collection_modifyitems(items):
    places = {programs.ROOT / "tests" / name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(FIRST)))


ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A running Azurite."""

    connection_string: str
    program: programs.Program


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """A running MailDev."""

    smtp_port: int
    url: str


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    blob, queue, table = programs.free_ports(3)
    azurite = programs.azurite(tmp_path_factory.mktemp("azurite"), blob=blob, queue=queue, table=table)
    azurite.start()
    ports = {"Blob": blob, "Queue": queue, "Table": table}
    endpoints = "".join(f"{name}Endpoint=http://127.0.0.1:{port}/devstoreaccount1;" for name, port in ports.items())
    account = f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={ACCOUNT_KEY};{endpoints}"
    yield Storage(connection_string=account, program=azurite)
    azurite.stop()


@pytest.fixture(scope="session")
def inbox(tmp_path_factory):
    smtp, web = programs.free_ports(2)
    maildev = programs.maildev(tmp_path_factory.mktemp("maildev"), smtp=smtp, web=web)
    maildev.start()
    yield Inbox(smtp_port=smtp, url=f"http://127.0.0.1:{web}")
    maildev.stop()


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory):
    """Entra, Key Vault and Graph, whose mails reach nobody; a test that uses them begins with a reset."""
    folder = tmp_path_factory.mktemp("cloud")
    port, nowhere = programs.free_ports(2)
    program = programs.cloud(folder, port=port, smtp_port=nowhere)
    program.start()
    url, ca = f"https://localhost:{port}", folder / "ca.pem"
    with closing(Control(url, ca)) as control, trusting(ca) as session:
        yield LocalCloud(url=url, control=control, session=session)
    program.stop()


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory):
    with RunningStack(tmp_path_factory.mktemp("stack"), ports=Ports.free()) as running:
        yield running


@pytest.fixture(scope="module")
def stack(running_stack):
    """All of mailer running, function host included; a file of tests begins with no mail of another one's."""
    running_stack.forget()
    return running_stack


@pytest.fixture
def control(stack):
    """The local cloud of the stack, without faults before and after."""
    stack.control.reset()
    yield stack.control
    stack.control.reset()


@pytest.fixture
def cloud(local_cloud):
    """The local cloud as it is at its start."""
    local_cloud.control.reset()
    return local_cloud


@pytest.fixture
def environ(storage, cloud, monkeypatch):
    """App settings that work, over real storage and the local cloud."""
    return app_settings(storage, cloud, monkeypatch)


@pytest.fixture
def folder(tmp_path):
    """A folder of templates."""
    return Written(tmp_path)
