"""Every packaged mail as it was reviewed last, so that a change of a template, layout or filter shows what it does.

After a change that is meant: GOLDEN=renew python -m pytest tests/test_golden.py, and read the difference.
"""

import os
from pathlib import Path

import pytest

from mailer.request.model import TemplateUse
from mailer.templating.preview import Preview
from mailer.templating.templates import Templates

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = Templates()
MAILS = [(name, locale) for name in TEMPLATES.names() for locale in TEMPLATES.locales(name)]


def rendered(name, locale):
    """The files of one mail, by name: its HTML and its text, each with the subject and the images on top."""
    use = TemplateUse(id=name, variables=TEMPLATES.sample(name, locale), locale=locale)
    mail = Preview(content=TEMPLATES.content(use), locale=locale).as_json()
    images = "".join(f"Image: {image['content_id']}\n" for image in mail["images"])
    head = f"Subject: {mail['subject']}\n{images}"
    files = {f"{name}.{locale}.txt": f"{head}\n{mail['text']}"}
    if mail["html"] is not None:
        files[f"{name}.{locale}.html"] = f"<!--\n{head}-->\n{mail['html']}"
    return files


@pytest.mark.parametrize(("name", "locale"), MAILS)
def test_a_packaged_mail_is_as_it_was_reviewed(name, locale):
    for file, text in rendered(name, locale).items():
        if os.environ.get("GOLDEN") == "renew":
            (GOLDEN / file).write_text(text)
        reviewed = (GOLDEN / file).read_text() if (GOLDEN / file).exists() else None

        assert text == reviewed, f"{file} has changed. If it should: GOLDEN=renew python -m pytest tests/test_golden.py"


def test_no_mail_is_kept_that_no_template_makes():
    made = {file for name, locale in MAILS for file in rendered(name, locale)}

    assert {path.name for path in GOLDEN.iterdir()} == made
