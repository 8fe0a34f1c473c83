"""The JSON Schema of a template's variables."""

import json

import pytest

ORDER = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {
            "type": "object",
            "required": ["number", "lines"],
            "properties": {
                "number": {"type": "integer"},
                "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/line"}},
            },
        },
        "email": {"type": "string", "format": "email"},
    },
    "$defs": {"line": {"type": "object", "required": ["price"], "properties": {"price": {"type": ["number", "null"]}}}},
}


def codes(problems):
    return {path: code.removeprefix("template_variable_") for path, (code, _) in problems.items()}


def test_every_error_is_named_by_its_path(folder):
    folder.write(subject_txt="s", body_txt="b", schema_json=json.dumps(ORDER))

    lines = [{"price": 1}, {"price": "x"}, {}, 5]
    assert codes(folder.problems(order={"number": 1.5, "lines": lines}, email="nobody")) == {
        "order.number": "invalid",
        "order.lines[1].price": "invalid",
        "order.lines[2].price": "missing",
        "order.lines[3]": "invalid",
        "email": "invalid",
    }
    assert folder.content(order={"number": 1, "lines": [{"price": None}]}).body == "b"


def test_what_rendering_and_schema_find_is_named_at_once_and_each_once(folder):
    loop = "{% for line in order.lines %}{{ line.price | number }}{% endfor %}"
    text = "{{ order.number | number }}{{ customer.name }}" + loop
    folder.write(subject_txt="s", body_txt=text, schema_json=json.dumps(ORDER))

    found = folder.problems(order={"number": "1", "lines": [{"price": "x"}, {}]}, email=1)
    assert codes(found) == {
        "order.number": "invalid",
        "customer.name": "missing",
        "order.lines[0].price": "invalid",
        "order.lines[1].price": "missing",
        "email": "invalid",
    }


def test_a_missing_object_is_named_by_what_is_missed_in_it(folder):
    folder.write(subject_txt="s", body_txt="{{ order.number }}", schema_json=json.dumps(ORDER))

    assert list(folder.problems()) == ["order.number"]


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "number"}, "secret", "must be a number."),
        ({"type": ["number", "null"]}, "secret", "must be null or a number."),
        ({"type": "boolean"}, "secret", "must be true or false."),
        ({"enum": ["red", "blue"]}, "secret", "red"),
        ({"const": "red"}, "secret", "red"),
        ({"pattern": "^r"}, "secret", "^r"),
        ({"maxLength": 2}, "secret", "2"),
        ({"maximum": 2}, 12345678, "2"),
        ({"multipleOf": 7}, 12345678, "7"),
        ({"format": "date"}, "secret", "date"),
        ({"format": "date-time"}, "2026-12-01", "date-time"),
        ({"format": "uri"}, "secret", "uri"),
        ({"not": {}}, "secret", ""),
        ({"anyOf": [{"type": "number"}, {"const": 1}]}, "secret", ""),
        ({"oneOf": [{"type": "number"}, {"const": 1}]}, "secret", ""),
        ({"uniqueItems": True}, ["secret", "secret"], ""),
        ({"contains": {"const": 1}}, ["secret"], ""),
        ({"minProperties": 3}, {"y": "secret"}, "3"),
        ({"propertyNames": {"maxLength": 1}}, {"secret": 1}, ""),
        ({"dependentRequired": {"y": ["z"]}}, {"y": "secret"}, ""),
        ({"if": {}, "then": {"const": 1}}, "secret", ""),
        (False, "secret", ""),
        ({"items": False}, ["secret"], ""),
        ({"prefixItems": [{"type": "number"}]}, ["secret"], ""),
        ({"unevaluatedItems": False}, ["secret"], ""),
    ],
)
def test_a_message_says_what_the_schema_wants_and_never_what_the_value_is(folder, schema, value, said):
    folder.write(subject_txt="s", body_txt="b", schema_json=json.dumps({"properties": {"x": schema}}))

    ((path, (_, message)),) = folder.problems(x=value).items()
    assert path.startswith("x")
    assert said in message
    assert "secret" not in message
    assert "12345678" not in message


@pytest.mark.parametrize("keyword", ["additionalProperties", "unevaluatedProperties"])
def test_a_variable_that_the_schema_does_not_know_is_named(folder, keyword):
    folder.write(subject_txt="s", body_txt="b", schema_json=json.dumps({"properties": {"x": {}}, keyword: False}))

    assert codes(folder.problems(x=1, y=2, z=3)) == {"y": "invalid", "z": "invalid"}


def test_a_fault_of_all_variables_together_is_named_too(folder):
    folder.write(subject_txt="s", body_txt="b", schema_json='{"minProperties": 2}')

    assert list(folder.problems(x=1)) == ["template.variables"]


@pytest.mark.parametrize(
    "schema", ['{"type": "nonsense"}', "[]", "3", "{", '{"pattern": "("}', '{"$ref": "http://127.0.0.1:9/x"}']
)
def test_a_schema_that_is_none_is_the_templates_fault(folder, schema):
    folder.write(subject_txt="s", body_txt="b", schema_json=schema)

    problem = folder.problem()
    assert problem.code == "template_failed"
    assert "t/schema.json is no JSON" in problem.message


def test_a_schema_reads_no_other_document(folder, tmp_path):
    (tmp_path / "other.json").write_text('{"type": "object"}')
    schema = {"$ref": (tmp_path / "other.json").as_uri()}
    folder.write(subject_txt="s", body_txt="b", schema_json=json.dumps(schema))

    assert "t/schema.json is no JSON Schema" in folder.problem().message
