"""Which room may import which: data flows down, and the knowledge of a service stays in its room."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# By room, from the top: what it may import of mailer, and of other people's packages. The standard library is open to
# all. A room imports only from rooms below it, so that no arrow runs back up.
ROOMS = {
    "function_app": ({"doors"}, {"azure.functions"}),
    "__main__": ({"cli"}, set()),
    "cli": (
        {"callers", "doors", "errors", "request", "setting_texts", "settings", "setup", "templating"},
        {"requests", "rich", "typer"},
    ),
    "doors": (
        {"callers", "delivery", "errors", "feedback", "request", "settings", "templating", "wiring"},
        {"azure.functions", "pydantic"},
    ),
    "setup": (
        {
            "delivery",
            "errors",
            "graph",
            "health",
            "identity",
            "request",
            "setting_texts",
            "settings",
            "storage",
            "templating",
        },
        {"azure.core", "azure.identity", "azure.keyvault.secrets", "azure.storage.queue", "cryptography", "requests"},
    ),
    "wiring": (
        {
            "callers",
            "delivery",
            "errors",
            "feedback",
            "gather",
            "graph",
            "health",
            "identity",
            "pace",
            "request",
            "setting_texts",
            "settings",
            "storage",
            "templating",
        },
        {"azure.storage.blob"},
    ),
    "health": ({"errors"}, set()),
    "storage": (
        {
            "delivery",
            "errors",
            "feedback",
            "gather",
            "http_session",
            "identity",
            "pace",
            "request",
            "settings",
            "templating",
        },
        {
            "azure.core",
            "azure.data.tables",
            "azure.identity",
            "azure.storage.blob",
            "azure.storage.queue",
            "urllib3",
        },
    ),
    "feedback": ({"delivery", "errors", "request"}, {"pydantic"}),
    "pace": ({"delivery", "errors", "gather", "request"}, set()),
    "delivery": (
        {"callers", "errors", "gather", "request", "setting_texts", "settings", "telemetry", "templating"},
        {"pydantic"},
    ),
    "graph": ({"errors", "http_session", "request"}, {"urllib3"}),
    "templating": (
        {"errors", "request", "setting_texts"},
        {"PIL", "babel", "css_inline", "jinja2", "jsonschema_rs", "markupsafe", "tinycss2"},
    ),
    "identity": (
        {"callers", "errors", "http_session", "setting_texts", "settings"},
        {"azure.core", "azure.identity", "azure.keyvault.secrets", "jwt"},
    ),
    "request": ({"errors"}, {"email_validator", "pydantic", "pydantic_core"}),
    "telemetry": (set(), {"opentelemetry"}),
    "settings": ({"callers", "errors", "setting_texts"}, set()),
    "callers": ({"errors", "setting_texts"}, set()),
    "setting_texts": (set(), set()),
    "errors": (set(), set()),
    "gather": (set(), set()),
    "http_session": (set(), {"requests", "urllib3"}),
}

IO = {"os", "io", "pathlib", "shutil", "socket", "ssl", "http", "urllib.request", "subprocess", "tempfile", "sqlite3"}
WITHOUT_IO = ["mailer/request", "mailer/graph/wire.py", "mailer/graph/drafts.py", "mailer/delivery/gate.py"]
WITHOUT_IO += [
    "mailer/delivery/message.py",
    "mailer/delivery/record.py",
    "mailer/delivery/decide.py",
    "mailer/delivery/event.py",
]
WITHOUT_IO += ["mailer/callers", "mailer/settings", "mailer/setting_texts.py", "mailer/errors.py"]
WITHOUT_IO += [f"mailer/templating/{name}.py" for name in ("template", "sandbox", "images", "styles", "variables")]

FILES = [ROOT / "function_app.py", *ROOT.glob("mailer/*.py"), *ROOT.glob("mailer/*/**/*.py")]
FILES = [path for path in FILES if path != ROOT / "mailer/__init__.py" and ROOT / "mailer/local" not in path.parents]


def room_of(path):
    inside = path.relative_to(ROOT).with_suffix("").parts
    return inside[1] if len(inside) > 1 else inside[0]


def imports(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            own = node.module == "mailer"
            yield from (f"mailer.{alias.name}" for alias in node.names) if own else [node.module]


def used(room):
    """The other rooms that a room imports, and other people's packages."""
    found = {name for path in FILES if room_of(path) == room for name in imports(path)}
    rooms = {name.split(".")[1] for name in found if name.startswith("mailer.")} - {room}
    return rooms, {name for name in found if name.split(".")[0] not in {"mailer", *sys.stdlib_module_names}}


def test_every_file_stands_in_a_room():
    assert {room_of(path) for path in FILES} == set(ROOMS)


def test_no_arrow_runs_back_up():
    order = list(ROOMS)
    for room, (rooms, _) in ROOMS.items():
        assert rooms <= set(order[order.index(room) + 1 :]), room


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_the_table_says_and_no_more(room):
    rooms, others = used(room)
    may_rooms, may_others = ROOMS[room]

    assert rooms == may_rooms
    assert {name for name in others if not any(f"{name}.".startswith(f"{may}.") for may in may_others)} == set()
    assert {may for may in may_others if not any(f"{name}.".startswith(f"{may}.") for name in others)} == set()


@pytest.mark.parametrize("place", WITHOUT_IO)
def test_values_and_rules_touch_neither_files_nor_sockets(place):
    files = [path for path in FILES if path == ROOT / place or ROOT / place in path.parents]

    assert files
    assert {name for path in files for name in imports(path)} & IO == set()


def test_no_module_reads_the_environment_but_the_doors_and_the_wiring():
    reads = {path.name for path in FILES if "os.environ" in path.read_text() or "getenv" in path.read_text()}

    assert reads <= {"function_app.py", "base.py", "access_parts.py", "__main__.py"} | {"app.py", "options.py"}


def test_the_deployed_app_knows_no_command():
    """They are for a person's machine, with packages of their own."""
    for path in FILES:
        if room_of(path) not in {"__main__", "cli", "setup"}:
            assert not any(name.startswith(("mailer.cli", "mailer.setup")) for name in imports(path)), path.name


def test_every_call_by_http_passes_the_one_door():
    """Which asks who calls; a route that were registered elsewhere would ask nobody."""
    doors = {path.name for path in FILES if re.search(r"\.(route|http_trigger|function_name)\(", path.read_text())}
    code = "import function_app as f; from mailer.doors.door import ROUTES; import json; print(json.dumps(["
    code += "[o.get_function_name() for o in f.app.get_functions() if o.get_trigger().type == 'httpTrigger'],"
    code += "[(each.function, each.may) for each in ROUTES]]))"
    known = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    functions, routes = json.loads(known)

    assert doors == {"door.py"}
    assert sorted(functions) == sorted(name for name, _ in routes)
    open_to_all = {"get_health", "get_openapi", "get_console", "get_console_file"}
    assert {name for name, may in routes if may is None} == open_to_all


def test_nothing_outside_mailer_local_knows_it():
    """It is not deployed."""
    for path in FILES:
        assert not any(name.startswith("mailer.local") for name in imports(path)), path.name


def test_a_cold_start_loads_no_sdk():
    """The doors come up without the packages that only some functions use, and those of a person's machine."""
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
        "typer",
        "rich",
        "mailer.cli",
        "mailer.setup",
    }
    assert "mailer.wiring" in loaded
    assert heavy & set(loaded) == set()
