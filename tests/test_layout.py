"""What each module may import: the knowledge of a service stays where it belongs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TYPES = {"pydantic", "pydantic_core", "email_validator"}

# By module: what it may import of mailer, and of other people's packages. The standard library is open to all.
MAY_IMPORT = {
    # values and rules; none of these opens a file or a socket
    "__init__": (set(), set()),
    "templating.__init__": (set(), set()),
    "errors": (set(), set()),
    "mail_id": (set(), set()),
    "address": (set(), TYPES),
    "mail": ({"address", "attachment", "mail_id"}, TYPES),
    "lifecycle": ({"mail", "mail_id"}, set()),
    "parse": ({"address", "attachment", "errors", "mail"}, TYPES),
    "attachment": ({"address"}, TYPES),
    "claim": ({"errors", "gate", "lifecycle", "message", "settle"}, set()),
    "message": ({"errors", "mail", "parse"}, TYPES),
    "graph": ({"address", "attachment", "errors", "mail"}, set()),
    "draft": ({"attachment", "errors", "graph", "mail"}, set()),
    "gate": ({"address", "errors", "mail"}, set()),
    "templating.variables": (set(), {"jinja2"}),
    "templating.page": (set(), set()),
    "templating.characters": (set(), set()),
    "templating.faults": ({"errors"}, {"jinja2"}),
    "templating.formats": (set(), {"babel"}),
    "templating.schema": ({"templating.variables"}, {"jsonschema_rs"}),
    "templating.chart": (set(), {"PIL"}),
    "templating.styles": (set(), {"css_inline"}),
    "templating.images": (
        {"attachment", "templating.chart", "templating.formats", "templating.page", "templating.variables"},
        {"jinja2", "markupsafe"},
    ),
    "templating.sandbox": (
        {"templating.formats", "templating.images", "templating.page", "templating.variables"},
        {"jinja2"},
    ),
    "templating.template": (
        {
            "templating.characters",
            "errors",
            "templating.faults",
            "templating.images",
            "lifecycle",
            "mail",
            "templating.page",
            "templating.sandbox",
            "templating.schema",
            "templating.styles",
            "templating.variables",
        },
        {"jinja2"},
    ),
    "plain_text": (set(), set()),
    "templating.uses": (set(), set()),
    "templating.values": ({"templating.uses"}, {"jinja2"}),
    "templating.expressions": ({"templating.uses", "templating.values"}, {"jinja2"}),
    "templating.trace": ({"templating.expressions", "templating.uses", "templating.values"}, {"jinja2"}),
    "templating.contract": ({"templating.uses"}, set()),
    "templating.filenames": ({"templating.images"}, set()),
    "settings": ({"errors"}, set()),
    "health": ({"errors"}, set()),
    "network": ({"errors"}, set()),
    "tokens": ({"errors"}, set()),
    # steps; what they need of the world is handed to them
    "accept": ({"errors", "lifecycle", "mail", "mail_id", "message"}, set()),
    "deliver": (
        {
            "accept",
            "address",
            "claim",
            "doubt",
            "errors",
            "gate",
            "lifecycle",
            "mail",
            "mail_id",
            "message",
            "parse",
            "settle",
        },
        set(),
    ),
    "settle": ({"accept", "errors", "lifecycle", "mail", "message"}, set()),
    "doubt": ({"address", "errors", "lifecycle", "mail", "settle"}, set()),
    "amend": ({"accept", "errors", "lifecycle", "mail", "settle"}, set()),
    "prefer": ({"accept", "deliver", "errors", "lifecycle", "mail", "message"}, set()),
    "sweep": ({"lifecycle"}, set()),
    "throttle": ({"errors"}, set()),
    "render": (
        {
            "errors",
            "templating.good_versions",
            "lifecycle",
            "mail",
            "templating.sources",
            "templating.template",
            "templating.versions",
        },
        {"jinja2"},
    ),
    "compose": ({"attachment", "errors", "mail"}, set()),
    "upload": ({"attachment", "draft", "errors", "graph", "mail"}, set()),
    "send": ({"address", "errors", "graph", "mail", "upload"}, {"requests", "urllib3"}),
    "templating.versions": ({"errors", "templating.good_versions", "templating.sources", "templating.template"}, set()),
    "templating.preview": (
        {"templating.contract", "templating.filenames", "mail", "parse", "plain_text", "render", "templating.trace"},
        set(),
    ),
    "templating.check": (
        {
            "templating.contract",
            "errors",
            "templating.filenames",
            "templating.images",
            "mail",
            "render",
            "templating.schema",
            "templating.sources",
            "templating.trace",
            "templating.uses",
            "templating.versions",
        },
        set(),
    ),
    # edges; each knows one service
    "templating.sources": (set(), set()),
    "templating.template_blobs": ({"errors", "network", "templating.sources"}, {"azure.core", "azure.storage.blob"}),
    "templating.good_versions": ({"bodies", "templating.sources"}, set()),
    "tables": ({"errors"}, {"azure.core", "azure.data.tables"}),
    "ledger": ({"lifecycle", "tables"}, {"azure.core", "azure.data.tables"}),
    "alarms": ({"errors", "tables"}, {"azure.core", "azure.data.tables"}),
    "blobs": ({"attachment", "errors"}, {"azure.core", "azure.storage.blob"}),
    "bodies": ({"blobs"}, {"azure.core", "azure.storage.blob"}),
    "outbox": ({"errors", "mail", "message"}, {"azure.core", "azure.storage.queue"}),
    "vault": (
        {"errors", "network", "settings", "tokens"},
        {"azure.core", "azure.identity", "azure.keyvault.secrets"},
    ),
    "credentials": ({"errors", "network", "settings", "tokens", "vault"}, {"azure.core", "azure.identity"}),
    # everything plugged together, and the doors
    "wiring": (
        {
            "address",
            "alarms",
            "amend",
            "attachment",
            "blobs",
            "bodies",
            "compose",
            "credentials",
            "deliver",
            "errors",
            "gate",
            "templating.good_versions",
            "health",
            "ledger",
            "lifecycle",
            "mail",
            "outbox",
            "parse",
            "render",
            "send",
            "settings",
            "templating.sources",
            "sweep",
            "templating.template_blobs",
            "throttle",
            "tokens",
        },
        {"azure.data.tables", "azure.identity", "azure.storage.blob", "azure.storage.queue"},
    ),
    "function_app": (
        {
            "accept",
            "deliver",
            "errors",
            "lifecycle",
            "mail_id",
            "parse",
            "prefer",
            "templating.preview",
            "settings",
            "wiring",
        },
        {"azure.functions"},
    ),
    "__main__": ({"amend", "templating.check", "errors", "lifecycle", "render", "settings", "wiring"}, set()),
}

WITHOUT_IO = [
    "attachment",
    "draft",
    "gate",
    "errors",
    "mail_id",
    "address",
    "mail",
    "lifecycle",
    "parse",
    "message",
    "graph",
    "settings",
]
WITHOUT_IO += [
    "templating.characters",
    "templating.faults",
    "templating.variables",
    "templating.page",
    "templating.formats",
    "templating.schema",
    "templating.styles",
    "templating.images",
    "templating.sandbox",
    "templating.template",
]
IO = {"os", "io", "pathlib", "shutil", "socket", "ssl", "http", "urllib.request", "subprocess", "tempfile", "sqlite3"}

FILES = {path.stem: path for path in [ROOT / "function_app.py", *ROOT.glob("mailer/*.py")]}
FILES |= {f"templating.{path.stem}": path for path in ROOT.glob("mailer/templating/*.py")}


def imports(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            own = node.module == "mailer"
            yield from (f"mailer.{alias.name}" for alias in node.names) if own else [node.module]


def ours_and_others(path):
    found = set(imports(path))
    ours = {name.removeprefix("mailer.") for name in found if name.split(".")[0] == "mailer"}
    others = {name for name in found if name.split(".")[0] not in {"mailer", *sys.stdlib_module_names}}
    return ours, others


def test_every_module_has_a_row():
    assert set(FILES) == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_module_imports_only_what_it_may(module):
    of_mailer, of_others = MAY_IMPORT[module]
    ours, others = ours_and_others(FILES[module])

    assert ours <= of_mailer
    assert {name for name in others if not any(f"{name}.".startswith(f"{allowed}.") for allowed in of_others)} == set()


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_the_table_allows_nothing_that_a_module_does_not_need(module):
    of_mailer, of_others = MAY_IMPORT[module]
    ours, others = ours_and_others(FILES[module])

    assert of_mailer - ours == set()
    needless = {name for name in of_others - TYPES if not any(f"{other}.".startswith(f"{name}.") for other in others)}
    assert needless == set()


@pytest.mark.parametrize("module", WITHOUT_IO)
def test_values_and_rules_touch_neither_files_nor_sockets(module):
    assert set(imports(FILES[module])) & IO == set()


def test_no_module_reads_the_environment_but_the_doors_and_the_wiring():
    reads = {name for name, path in FILES.items() if "os.environ" in path.read_text() or "getenv" in path.read_text()}

    assert reads <= {"function_app", "wiring", "__main__"}


def test_nothing_outside_mailer_local_knows_it():
    """It is not deployed."""
    for path in FILES.values():
        assert not any(name.startswith("mailer.local") for name in imports(path)), path.name


def test_only_the_doors_know_azure_functions():
    know = {name for name, path in FILES.items() if any(found.startswith("azure.functions") for found in imports(path))}

    assert know == {"function_app"}


def test_a_cold_start_loads_no_sdk():
    """The doors come up without the packages that only some functions use."""
    code = "import sys, function_app; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()

    heavy = {
        "azure.identity",
        "azure.data.tables",
        "azure.storage.queue",
        "azure.keyvault.secrets",
        "requests",
        "jinja2",
    }
    assert "mailer.wiring" in loaded
    assert heavy & set(loaded) == set()
