"""Templates by HTTP."""

import pytest

from tests.app import content, error


def test_the_templates_are_listed_with_their_languages(worker):
    listed = worker.templates()

    assert listed.status_code == 200
    assert {"id": "order-confirmation", "locales": ["en", "fr"]} in content(listed)["data"]


def test_a_template_tells_what_it_needs(worker):
    shown = content(worker.template("order-confirmation"))

    assert set(shown) == {"id", "locales", "variables", "sample", "schema"}
    variables = {variable.pop("path"): variable for variable in shown["variables"]}
    assert variables["order.lines"] == {"type": "list", "optional": False}
    assert variables["order.lines[].price"]["type"] == "money"
    assert variables["customer.name"]["type"] == "text"
    assert variables["sender"]["optional"]
    assert shown["sample"]["order"]["lines"]


def test_a_preview_shows_the_sample_and_sends_nothing(worker, cloud):
    shown = worker.preview()

    assert shown.status_code == 200
    mail = content(shown)
    assert set(mail) == {"subject", "html", "text", "locale", "images"}
    number = str(content(worker.template("order-confirmation"))["sample"]["order"]["number"])
    assert number in mail["subject"]
    assert mail["html"].lower().startswith("<!doctype html>")
    assert "<" not in mail["text"]
    assert mail["locale"] == "en"
    assert cloud.control.mails() == []


@pytest.mark.parametrize(
    ("wanted", "shown"), [("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("de", "en"), ("en-GB", "en"), (None, "en")]
)
def test_a_preview_tells_the_language_it_is_in(worker, wanted, shown):
    assert content(worker.preview(content={"locale": wanted}))["locale"] == shown


def test_a_preview_names_the_images_that_go_with_the_mail(worker):
    (chart,) = content(worker.preview("weekly-report"))["images"]

    assert (chart["content_id"], chart["content_type"]) == ("chart-1.png", "image/png")
    assert chart["size"] > 1000


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_a_preview_can_be_the_page_itself(worker, accept):
    shown = worker.preview("weekly-report", accept=accept)

    page = shown.get_body().decode()
    assert (shown.status_code, shown.mimetype) == (200, "text/html")
    assert page.lower().startswith("<!doctype html>")
    assert "cid:" not in page
    assert 'src="data:image/png;base64,iVBOR' in page
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    policy = [rule.strip() for rule in shown.headers["Content-Security-Policy"].split(";")]
    assert {"default-src 'none'", "img-src data:", "sandbox"} < set(policy)
    assert not any("script-src" in rule or "http" in rule for rule in policy)


def test_a_preview_names_every_problem_of_the_variables(worker):
    variables = {"customer": {}, "order": {"number": 7, "currency": "EUR", "lines": []}}
    reply = error(worker.preview(content={"variables": variables}), 422)

    assert reply["code"] == "template_variable_missing"
    assert {detail["target"] for detail in reply["details"]} == {"customer.name", "order.total"}


@pytest.mark.parametrize(
    ("body", "target", "words"),
    [
        ({"variabels": {}}, "variabels", "did you mean `variables`?"),
        ({"id": "alert"}, "id", "known are variables, locale"),
        ({"variables": []}, "variables", "must be an object"),
        ({"variables": "{}"}, "variables", "JSON inside a string"),
        ({"locale": "!"}, "locale", "language tag"),
        (b"[]", None, "no object"),
        (b"{", None, "not JSON"),
    ],
)
def test_a_preview_that_is_asked_for_wrongly_is_told_why(worker, body, target, words):
    reply = error(worker.preview(content=body), 400)

    assert reply["details"] == [{"code": "validation_error", "message": reply["message"], "target": target}]
    assert words in reply["message"]


@pytest.mark.parametrize("call", ["template", "preview"])
def test_an_unknown_template_is_not_found(worker, call):
    reply = error(getattr(worker, call)("order-confirmaton"), 404)

    assert reply["code"] == "template_not_found"
    assert "did you mean `order-confirmation`?" in reply["message"]
