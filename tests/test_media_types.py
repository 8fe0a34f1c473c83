"""A file's type is what its name says, on every machine alike."""

import mimetypes

import pytest

from mailer.request.attachment import Attachment
from mailer.request.media_types import UNKNOWN, media_type_of
from tests.builders import a_request

OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("A.PDF", "application/pdf"),
        ("report.csv", "text/csv"),
        ("report.csv.gz", "application/gzip"),
        ("logs.tar.gz", "application/gzip"),
        ("logs.tgz", "application/gzip"),
        ("dump.sql.bz2", "application/x-bzip2"),
        ("dump.sql.xz", "application/x-xz"),
        ("dump.sql.zst", "application/zstd"),
        ("drawing.svgz", "image/svg+xml"),
        ("page.html.zip", "application/zip"),
        ("offer.docx", f"{OFFICE}.wordprocessingml.document"),
        ("book.xlsx", f"{OFFICE}.spreadsheetml.sheet"),
        ("slides.pptx", f"{OFFICE}.presentationml.presentation"),
        ("old.doc", "application/msword"),
        ("macro.xlsm", "application/vnd.ms-excel.sheet.macroenabled.12"),
        ("invite.ics", "text/calendar"),
        ("card.vcf", "text/vcard"),
        ("photo.webp", "image/webp"),
        ("photo.heic", "image/heic"),
        ("photo.JPG", "image/jpeg"),
        ("mail.msg", "application/vnd.ms-outlook"),
        ("mail.eml", "message/rfc822"),
        ("app.log", "text/plain"),
        ("config.yaml", "application/yaml"),
        ("data.json", "application/json"),
        ("data.parquet", "application/vnd.apache.parquet"),
        ("readme.md", "text/markdown"),
        ("setup.exe", UNKNOWN),
        ("a.unknown", UNKNOWN),
        ("pdf", UNKNOWN),
        ("a.", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_type_is_that_of_the_last_ending(filename, media_type):
    assert media_type_of(filename) == media_type


def test_a_table_of_the_machine_changes_nothing(monkeypatch):
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: ("application/x-of-this-machine", None))

    assert Attachment(filename="a.docx", content="YQ==").media_type == f"{OFFICE}.wordprocessingml.document"


def test_a_type_that_is_given_counts():
    assert Attachment(filename="a.docx", content="YQ==", content_type="text/x-mine").media_type == "text/x-mine"


@pytest.mark.parametrize(
    ("given", "filename"),
    [
        ("invoice.pdf ", "invoice.pdf"),
        (" invoice.pdf", "invoice.pdf"),
        ("invoice.pdf\u00a0", "invoice.pdf"),
        ("invoice.pdf\t", "invoice.pdf"),
        ("invoice.pdf.", "invoice.pdf"),
        ("invoice.pdf. ", "invoice.pdf"),
        ("my invoice .pdf", "my invoice .pdf"),
        ("=?utf-8?q?Rechnung_=C3=84.pdf_?=", "Rechnung Ä.pdf"),
    ],
)
def test_a_file_is_named_without_what_no_file_keeps(given, filename):
    (file,) = a_request(attachments=[{"filename": given, "content": "YQ=="}]).attachments

    assert file.filename == filename
    assert file.media_type == "application/pdf"
