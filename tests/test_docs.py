"""docs/ tells the truth: commands are run or say that they need a tenant, links lead somewhere, both guides agree."""

import json
import re
import subprocess
import sys

import pytest
from azure.data.tables import TableServiceClient

from mailer.local.programs import ROOT
from tests.terminal import by_own_rights
from tests.terminal import mailer as in_process

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = ("# needs a tenant", "# il faut un locataire", "# needs Core Tools")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(page, *kinds):
    return [text for kind, text in FENCE.findall(page.read_text()) if kind in kinds]


def commands(page, *, needing):
    """Each line of the page's commands, those that need a tenant or those that do not."""
    for text in blocks(page, "sh", "powershell"):
        if text.startswith(NEEDS) == needing:
            yield from (line for line in text.replace("\\\n", "").splitlines() if not line.startswith("#"))


def every(needing):
    return [
        pytest.param(page, line, id=f"{page.name}: {line}")
        for page in PAGES
        for line in commands(page, needing=needing)
    ]


@pytest.mark.parametrize(("page", "line"), every(needing=False))
def test_a_command_without_a_tenant_works_as_written(page, line, stack, monkeypatch):
    if match := re.match(r"make ([a-z-]+)", line.replace("PYTHON=python3.13 VENV=.venv313 ", "")):
        assert match[1] in TARGETS
    elif line.startswith(("curl", "cp ", ". ")):
        local = line.replace("http://localhost:7071/api", stack.url).replace(" local.settings.json", " /dev/null")
        done = subprocess.run(["bash", "-c", local], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        assert "curl" not in line or json.loads(done.stdout).keys() & {
            "status",
            "error",
            "data",
            "value",
            "dry_run",
            "hash",
        }
    elif "templates check" in line:
        assert in_process(*line.replace("FOLDER", "mailer/templates").split()[3:]).code == 0
    elif line.startswith("eval"):
        assert in_process(*line.partition("mailer ")[2].rstrip(')"').split()).code == 0
    elif line.startswith("python -m mailer"):
        done = by_own_rights(monkeypatch, stack.settings())(*line.split()[3:])
        assert done.code == 0, done.err
    elif line.startswith("python -m tests.benchmarks.lists"):
        few = [sys.executable, *line.replace("1000000", "200").split()[1:], "--runs", "2"]
        assert "to (no mail)" in subprocess.run(few, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    elif line.startswith("python -m tests.benchmarks"):
        parts = line.partition("#")[0].split()[3:]
        assert {*parts} - {"--quick"} <= {path.stem for path in (ROOT / "tests/benchmarks").glob("*.py")}
    elif "-m pytest" in line:
        assert (ROOT / line.split()[3]).is_file()
    else:
        pytest.fail(f"nobody knows whether this works: {line}. Teach this test, or mark its block: {', '.join(NEEDS)}")


@pytest.mark.parametrize(("page", "line"), [p for p in every(needing=True) if "-m mailer" in p.values[1]])
def test_a_command_for_a_tenant_has_flags_that_exist(page, line, monkeypatch):
    """It is not carried out, for there is no tenant; the local cloud carries the same ones out elsewhere."""
    for name, text in {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, text)
    command, *flags = line.split()[3:]

    helped = in_process(command, "--help")

    assert helped.code == 0, helped.err
    for flag in (flag for flag in flags if flag.startswith("--")):
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", helped.out), f"{command} has no {flag}"


def test_the_records_are_backed_up_by_the_lines_that_say_so(storage, tmp_path, monkeypatch):
    (code,) = blocks(DOCS / "deploy.md", "python")
    code, replaced = re.subn(
        r"TableClient\(.*\)$",
        f'TableClient.from_connection_string("{storage.connection_string}", "backup")',
        code,
        flags=re.MULTILINE,
    )
    assert replaced == 1
    with TableServiceClient.from_connection_string(storage.connection_string) as service:
        service.create_table_if_not_exists("backup").upsert_entity(
            {"PartitionKey": "a", "RowKey": "b", "status": "sent"}
        )
    monkeypatch.chdir(tmp_path)

    exec(code.replace("from azure.identity import DefaultAzureCredential", ""), {})

    (line,) = (tmp_path / "records.jsonl").read_text().splitlines()
    assert json.loads(line)["status"] == "sent"


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_both_guides_have_the_same_steps_commands_and_pictures():
    english, french = ((DOCS / f"guide.{language}.md").read_text() for language in ("en", "fr"))

    def commands_of(text):
        return [re.sub(r"^# .*\n", "", block) for _, block in FENCE.findall(text)]

    def steps(text):
        return re.findall(r"^## (\d*)", text, re.MULTILINE)

    def rows(text):
        return [line.count("|") for line in text.splitlines() if line.startswith("|")]

    assert commands_of(english) == commands_of(french)
    assert steps(english) == steps(french)
    assert rows(english) == rows(french)
    assert re.findall(r"\]\((pictures\S+|postman\S+)\)", english) == re.findall(
        r"\]\((pictures\S+|postman\S+)\)", french
    )


def test_the_guides_name_every_variable_of_the_postman_environment_that_a_reader_fills():
    for language in ("en", "fr"):
        text = (DOCS / f"guide.{language}.md").read_text()
        assert all(f"`{name}`" in text for name in ("TenantID", "ClientID", "ClientSecret", "UserName", "Sender"))


def test_the_roles_and_alerts_of_the_documents_are_those_of_the_template():
    alerts = re.findall(r"title: '(.+)'", (ROOT / "infra/alerts.bicep").read_text())
    operations, deploy = (DOCS / "operations.md").read_text(), (DOCS / "deploy.md").read_text()

    assert alerts
    assert all(f"| {alert} |" in operations for alert in alerts)
    names = {"blobDataOwner": "Storage Blob Data Owner", "queueDataContributor": "Queue Data Contributor"}
    names |= {"tableDataContributor": "Table Data Contributor", "secretsUser": "Key Vault Secrets User"}
    names |= {"secretsOfficer": "Key Vault Secrets Officer", "metricsPublisher": "Monitoring Metrics Publisher"}
    used = re.findall(r"var (\w+) = '[0-9a-f]{8}-", "".join(p.read_text() for p in (ROOT / "infra").glob("*.bicep")))
    assert {names[name] for name in used} == {name for name in names.values() if name in deploy}


def test_the_environment_names_of_the_documents_reach_the_template():
    given = (ROOT / "infra/main.parameters.json").read_text()

    for page in PAGES:
        for name in re.findall(r"azd env set (\w+)", page.read_text()):
            assert f"${{{name}" in given, name
