"""Templates in a container of the real Azurite."""

import contextlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient

from mailer.errors import InvalidRequest, Misconfigured, TryLater
from mailer.request.model import TemplateUse
from mailer.storage.request_blobs import RequestBlobs
from mailer.storage.template_blobs import BlobContainer
from mailer.templating.good_versions import GoodVersions
from mailer.templating.templates import Templates

LAYOUT = "<b>{% block x %}{% endblock %}</b>"
BODY = "{% extends '_shared/layout.html' %}{% block x %}{{ n }}{% endblock %}"
GOOD = {"t/subject.txt": "s", "t/body.html": BODY, "t/sample.json": '{"n": 1}', "_shared/layout.html": LAYOUT}


class Line(RequestsTransport):
    """The way to storage, which counts requests and can be cut or held up."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.is_cut = False
        self.reached, self._open = threading.Event(), threading.Event()
        self._open.set()

    def send(self, request, **options):
        self.reached.set()
        self._open.wait(30)
        url, _, query = request.url.partition("?")
        self.calls.append("list" if "comp=list" in query else f"{request.method} {url.rpartition('/')[2]}")
        if self.is_cut:
            raise ServiceRequestError("cut")
        return super().send(request, **options)

    @contextlib.contextmanager
    def holding(self):
        """Let requests come as far as here, and no further before `go_on`."""
        self.reached.clear()
        self._open.clear()
        try:
            yield
        finally:
            self.go_on()

    def go_on(self):
        self._open.set()

    def since(self):
        calls, self.calls = self.calls, []
        return calls


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Cloud:
    """A container of templates, and one of mailer's own; `fresh` makes a worker's view of them."""

    def __init__(self, connection_string):
        self._account = connection_string
        name = uuid4().hex
        self.container = ContainerClient.from_connection_string(connection_string, f"t{name}")
        self.container.create_container()
        self.line, self.own_line, self.clock = Line(), Line(), Seconds()
        self.own = ContainerClient.from_connection_string(connection_string, f"m{name}", transport=self.own_line)

    def put(self, files):
        for name, content in files.items():
            self.container.upload_blob(name, content, overwrite=True)

    def fresh(self, *, keep=True, account=None, name=None):
        account = account or self._account
        name = name or self.container.container_name
        client = ContainerClient.from_connection_string(account, name, transport=self.line, retry_total=0)
        versions = GoodVersions(RequestBlobs(self.own, folder="good-templates/")) if keep else None
        return Templates(BlobContainer(client, clock=self.clock), keep=versions)

    def later(self):
        self.clock.now += 30.0


@pytest.fixture
def cloud(storage):
    with_files = Cloud(storage.connection_string)
    with_files.put(GOOD)
    yield with_files
    with_files.container.close()
    with_files.own.close()


def body(templates, name="t", locale=None):
    return templates.content(TemplateUse(id=name, variables={"n": 7}, locale=locale)).body


# What is asked for


def test_a_mail_is_rendered_from_blobs(cloud):
    cloud.put({"t/body.fr.html": "fr {{ n }}", "t/logo.png": b"png", "deep/er/subject.txt": "s", "README.md": "x"})

    templates = cloud.fresh()
    assert body(templates) == "<b>7</b>"
    assert body(templates, locale="fr") == "fr 7"
    assert (templates.names(), templates.locales("t"), templates.sample("t")) == (["t"], ["en", "fr"], {"n": 1})


def test_nothing_is_asked_for_while_nothing_can_have_changed(cloud):
    templates = cloud.fresh()
    body(templates)
    assert sorted(cloud.line.since()) == [
        "GET body.html",
        "GET layout.html",
        "GET sample.json",
        "GET subject.txt",
        "list",
    ]

    for _ in range(50):
        cloud.clock.now += 0.5
        body(templates)
    assert cloud.line.since() == []


def test_one_listing_in_half_a_minute_tells_that_nothing_has_changed(cloud):
    templates = cloud.fresh()
    body(templates)
    cloud.line.since()

    for _ in range(40):
        cloud.clock.now += 3.0
        body(templates)
    assert cloud.line.since() == ["list"] * 4


def test_a_changed_text_is_live_within_half_a_minute_and_only_it_is_read(cloud):
    templates = cloud.fresh()
    body(templates)
    cloud.line.since()

    cloud.put({"_shared/layout.html": "<i>{% block x %}{% endblock %}</i>", "t/subject.txt": "new"})
    assert body(templates) == "<b>7</b>"

    cloud.later()
    assert body(templates) == "<i>7</i>"
    assert sorted(cloud.line.since()) == ["GET layout.html", "GET subject.txt", "list"]


def test_a_new_template_and_a_new_language_are_found(cloud):
    templates = cloud.fresh()
    body(templates)

    cloud.put({"u/subject.txt": "s", "u/body.txt": "new", "t/body.fr.txt": "fr"})
    cloud.later()
    assert (body(templates, "u"), body(templates, locale="fr")) == ("new", "fr")

    cloud.container.delete_blob("t/body.fr.txt")
    cloud.later()
    assert body(templates, locale="fr") == "<b>7</b>"


def test_a_template_whose_blobs_are_gone_is_gone(cloud):
    templates = cloud.fresh()
    body(templates)

    for name in ("t/subject.txt", "t/body.html", "t/sample.json"):
        cloud.container.delete_blob(name)
    cloud.later()
    with pytest.raises(InvalidRequest) as refusal:
        body(templates)
    assert refusal.value.code == "template_not_found"


@pytest.mark.parametrize("line", ["line", "own_line"])
def test_the_others_go_on_while_one_asks_for_news_or_keeps_them(cloud, line):
    templates, held = cloud.fresh(), getattr(cloud, line)
    body(templates)
    cloud.put({"t/body.html": "new"})
    cloud.later()

    with ThreadPoolExecutor() as pool, held.holding():
        one = pool.submit(body, templates)
        assert held.reached.wait(10)
        assert pool.submit(body, templates).result(timeout=5) == "<b>7</b>"
        held.go_on()
        assert one.result(timeout=10) == "new"
    assert body(templates) == "new"


def test_threads_that_come_first_together_read_each_blob_once(cloud):
    templates = cloud.fresh()
    templates.names()

    with ThreadPoolExecutor(8) as pool, cloud.line.holding():
        bodies = [pool.submit(body, templates) for _ in range(8)]
        assert cloud.line.reached.wait(10)
        time.sleep(0.1)  # for the others to come as far
        cloud.line.go_on()
        assert [each.result(timeout=10) for each in bodies] == ["<b>7</b>"] * 8
    assert len(cloud.line.since()) == 5


# Broken versions

BROKEN = [
    ({"t/body.html": "{% if %}"}, "t/body.html:1"),
    ({"t/body.html": "{{ gone }}"}, "`gone`"),
    ({"t/body.html": "{{ n | nonsense }}"}, "nonsense"),
    ({"t/body.fr.html": "{{ gone }}"}, "`gone`"),
    ({"t/body.html": '<img src="cid:gone.png">'}, "cid:gone.png"),
    ({"t/schema.json": '{"type": 5}'}, "t/schema.json"),
    ({"t/schema.json": '{"required": ["m"]}'}, "`m`"),
    ({"t/sample.json": "{"}, "t/sample.json"),
    ({"t/template.json": "[]"}, "t/template.json"),
    ({"_shared/layout.html": "{{ 1 / 0 }}"}, "_shared/layout.html:1"),
]


@pytest.mark.parametrize(("files", "named"), BROKEN)
def test_a_broken_new_version_leaves_the_last_good_one_working_and_is_told(cloud, files, named):
    templates = cloud.fresh()
    body(templates)
    assert templates.warnings() == []

    cloud.put(files)
    cloud.later()

    assert body(templates) == "<b>7</b>"
    (warning,) = templates.warnings()
    assert "`t`" in warning
    assert named in warning


def test_a_mended_version_is_live_and_the_warning_gone(cloud):
    templates = cloud.fresh()
    body(templates)
    cloud.put({"t/body.html": "{% if %}"})
    cloud.later()
    body(templates)

    cloud.put({"t/body.html": "mended"})
    cloud.later()
    assert (body(templates), templates.warnings()) == ("mended", [])


def test_a_broken_template_does_not_keep_others_from_changing(cloud):
    cloud.put({"u/subject.txt": "s", "u/body.txt": "old"})
    templates = cloud.fresh()
    body(templates), body(templates, "u")

    cloud.put({"t/body.html": "{% if %}", "u/body.txt": "new"})
    cloud.later()
    assert (body(templates), body(templates, "u")) == ("<b>7</b>", "new")


def test_a_broken_version_is_logged_once(cloud, caplog):
    templates = cloud.fresh()
    body(templates)
    cloud.put({"t/body.html": "{% if %}"})

    with caplog.at_level(logging.WARNING, logger="mailer"):
        for _ in range(3):
            cloud.later()
            body(templates)
            templates.warnings()
    assert [record.getMessage().split()[:2] for record in caplog.records] == [["template_broken", "template=t"]]


def test_a_fresh_worker_uses_the_good_version_that_was_kept(cloud):
    body(cloud.fresh())
    cloud.put({"t/body.html": "{% if %}", "_shared/layout.html": "also changed"})

    fresh = cloud.fresh()
    assert body(fresh) == "<b>7</b>"
    assert "the last good one goes on" in fresh.warnings()[0]


def test_without_any_good_version_a_broken_one_says_what_is_wrong(cloud):
    cloud.put({"t/body.html": "{% if %}"})
    templates = cloud.fresh()

    for files in ({}, {"t/body.html": "{% for %}"}):
        cloud.put(files)
        cloud.later()
        with pytest.raises(InvalidRequest) as refusal:
            body(templates)
        assert refusal.value.code == "template_failed"
        assert "there is no good one" in templates.warnings()[0]


def test_what_a_template_says_its_callers_attach_is_not_missed(cloud):
    files = {"t/body.html": '<img src="cid:qr.png">', "t/template.json": '{"content_ids": ["qr.png"]}'}
    cloud.put(files)

    assert cloud.fresh().warnings() == []


# Storage that does not answer


def test_storage_that_stops_answering_is_a_warning_and_mails_go_on(cloud):
    templates = cloud.fresh()
    body(templates)

    cloud.line.is_cut = True
    cloud.later()
    assert body(templates) == "<b>7</b>"
    assert "There is no answer from" in templates.warnings()[0]

    cloud.line.is_cut = False
    cloud.put({"t/body.html": "back"})
    cloud.later()
    assert (body(templates), templates.warnings()) == ("back", [])


def test_while_storage_does_not_answer_it_is_not_asked_for_each_mail(cloud):
    templates = cloud.fresh(keep=False)
    cloud.line.is_cut = True

    for _ in range(5):
        with pytest.raises(TryLater):
            body(templates)
    assert cloud.line.since() == ["list"]

    cloud.clock.now += 5.0
    with pytest.raises(TryLater):
        body(templates)
    assert cloud.line.since() == ["list"]


def test_a_fresh_worker_goes_on_with_what_was_kept_while_storage_does_not_answer(cloud):
    body(cloud.fresh())
    cloud.line.is_cut = True

    fresh = cloud.fresh()
    assert body(fresh) == "<b>7</b>"
    assert "There is no answer from" in fresh.warnings()[0]
    with pytest.raises(TryLater):
        body(fresh, "../requests/x")


@pytest.mark.parametrize("keep", [True, False])
def test_as_long_as_nothing_is_known_mails_wait(cloud, keep):
    cloud.line.is_cut = True

    with pytest.raises(TryLater) as later:
        body(cloud.fresh(keep=keep))
    assert later.value.code == "templates_unavailable"


def test_a_container_that_is_not_there_is_for_somebody_to_mend(cloud):
    with pytest.raises(Misconfigured, match="Make the container, or mend MAILER_TEMPLATES") as later:
        body(cloud.fresh(name=f"n{uuid4().hex}"))
    assert later.value.code == "templates_unavailable"


def test_access_that_is_denied_is_for_somebody_to_mend(cloud, storage):
    account = storage.connection_string.replace("AccountKey=E", "AccountKey=F")

    with pytest.raises(Misconfigured, match="'Storage Blob Data Reader'") as later:
        body(cloud.fresh(account=account))
    assert later.value.code == "templates_unavailable"
    assert "sig=" not in str(later.value)


@pytest.mark.parametrize("name", ["../requests/x", "x/../t", "gone", "..", ""])
def test_no_name_leads_out_of_what_was_kept(cloud, name):
    body(cloud.fresh())
    cloud.own.upload_blob("requests/x.json", cloud.own.download_blob("good-templates/t.json").readall())

    assert GoodVersions(RequestBlobs(cloud.own, folder="good-templates/")).get(name) is None
