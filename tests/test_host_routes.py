"""Route templates mean in the embedded host what they mean in ASP.NET."""

import pytest

from mailer.local.host.errors import StartupError
from mailer.local.host.route_templates import RouteTemplate

GUID = "7f0a1f0e-6f2b-4a52-9a70-0d0a5b0c7f11"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/emails", "/api/emails", {}),
        ("api/emails", "/API/Emails", {}),
        ("api/emails", "/api/emails/", {}),
        ("api/emails", "/api/emails//", None),
        ("/api/emails/", "/api/emails", {}),
        ("api/emails", "/api/email", None),
        ("api/emails", "/api/emails/7", None),
        ("api/a.b", "/api/axb", None),
        ("", "/", {}),
        ("", "/x", None),
        ("emails/{id}", "/emails/7", {"id": "7"}),
        ("emails/{id}", "/emails/A b", {"id": "A b"}),
        ("emails/{id}", "/emails", None),
        ("emails/{id}", "/emails/", None),
        ("emails/{id}", "/emails/7/8", None),
        ("emails/{id?}", "/emails", {}),
        ("emails/{id?}", "/emails/7", {"id": "7"}),
        ("emails/{id=9}", "/emails", {"id": "9"}),
        ("emails/{id:int=9}", "/emails", {"id": "9"}),
        ("emails/{id:int}", "/emails/-7", {"id": "-7"}),
        ("emails/{id:int}", "/emails/seven", None),
        ("emails/{id:int}", "/emails/2147483648", None),
        ("emails/{id:long}", "/emails/2147483648", {"id": "2147483648"}),
        ("emails/{id:int?}", "/emails", {}),
        ("emails/{id:int?}", "/emails/x", None),
        ("emails/{id:guid}", f"/emails/{GUID}", {"id": GUID}),
        ("emails/{id:guid}", f"/emails/{GUID.upper()}", {"id": GUID.upper()}),
        ("emails/{id:guid}", f"/emails/{{{GUID}}}", {"id": f"{{{GUID}}}"}),
        ("emails/{id:guid}", f"/emails/{GUID}0", None),
        ("emails/{id:guid}", f"/emails/{{{GUID}", None),
        ("emails/{id:guid}", f"/emails/{GUID.replace('-', '')}", {"id": GUID.replace("-", "")}),
        ("n/{x:alpha}", "/n/Abc", {"x": "Abc"}),
        ("n/{x:alpha}", "/n/abc1", None),
        ("n/{x:bool}", "/n/TRUE", {"x": "TRUE"}),
        ("n/{x:bool}", "/n/yes", None),
        ("n/{x:datetime}", "/n/2026-11-23", {"x": "2026-11-23"}),
        ("n/{x:datetime}", "/n/soon", None),
        ("n/{x:decimal}", "/n/1.5", {"x": "1.5"}),
        ("n/{x:float}", "/n/x", None),
        ("n/{x:length(3)}", "/n/abc", {"x": "abc"}),
        ("n/{x:length(3)}", "/n/abcd", None),
        ("n/{x:length(1,3)}", "/n/ab", {"x": "ab"}),
        ("n/{x:length(1,3)}", "/n/abcd", None),
        ("n/{x:minlength(2)}", "/n/a", None),
        ("n/{x:maxlength(2)}", "/n/ab", {"x": "ab"}),
        ("n/{x:maxlength(2)}", "/n/abc", None),
        ("n/{x:min(18)}", "/n/18", {"x": "18"}),
        ("n/{x:min(18)}", "/n/17", None),
        ("n/{x:max(9)}", "/n/10", None),
        ("n/{x:range(1,9)}", "/n/9", {"x": "9"}),
        ("n/{x:range(1,9)}", "/n/0", None),
        ("n/{x:range(1,9)}", "/n/x", None),
        ("n/{x:int:min(1)}", "/n/0", None),
        ("n/{x:int:min(1)}", "/n/1", {"x": "1"}),
        (r"n/{x:regex(^\d{{3}}-\d+$)}", "/n/123-4", {"x": "123-4"}),
        (r"n/{x:regex(^\d{{3}}-\d+$)}", "/n/12-4", None),
        ("n/{x:regex(^(get|set)$)}", "/n/SET", {"x": "SET"}),
        ("n/{x:regex(^a:b$)}", "/n/a:b", {"x": "a:b"}),
        ("files/{*rest}", "/files/a/b.txt", {"rest": "a/b.txt"}),
        ("files/{*rest}", "/files", {}),
        ("files/{**rest}", "/files/a/b", {"rest": "a/b"}),
        ("{*route}", "/", {}),
        ("{*route}", "/a/b", {"route": "a/b"}),
        ("files/{name}.{ext}", "/files/a.b.txt", {"name": "a.b", "ext": "txt"}),
        ("files/{name}.txt", "/files/a.txt", {"name": "a"}),
        ("files/{name}.txt", "/files/a.pdf", None),
        ("a/{{b}}", "/a/{b}", {}),
        ("{a}/{b:int}/c", "/x/1/C", {"a": "x", "b": "1"}),
    ],
)
def test_a_template_takes_these_values_from_a_path(template, path, values):
    assert RouteTemplate(template).match(path) == values


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("emails/{id", "without its }"),
        ("emails/{id:even}", "the constraint 'even' is not known"),
        ("emails/{id:length(a)}", "the constraint 'length(a)' is not known"),
        ("emails/{id:int(3)}", "the constraint 'int(3)' is not known"),
        ("emails/{}", "is not a parameter"),
        ("{id}/{ID}", "names a parameter twice"),
    ],
)
def test_a_template_that_asp_net_would_refuse_is_refused_by_name(template, said):
    with pytest.raises(StartupError, match=said.replace("(", r"\(").replace(")", r"\)")):
        RouteTemplate(template)


def test_templates_are_tried_in_the_order_of_asp_net():
    ranked = ["a/b", "a/x{id}", "a/{id:int}", "a/{id}", "a/{*rest}", "{x}/b", "{*all}"]

    templates = [RouteTemplate(text) for text in reversed(ranked)]

    order = [template.text for template in sorted(templates, key=lambda one: (one.precedence, one.text))]
    assert order == ranked
