"""infra/: held to Azure's types where they are at hand, and to mailer's own code. Type-checked, not compiled."""

import ast
import json
import re
import shutil
from dataclasses import fields

import pytest

from mailer.http_session import CONNECTIONS
from mailer.local.programs import ROOT
from mailer.settings import Settings, read_settings
from tests.bicep.check import check
from tests.bicep.source import MARK, NotUnderstood, read
from tests.bicep.types import Types
from tests.doors import triggers

INFRA = ROOT / "infra"
TYPES = ROOT.parent / "shared" / "bicep-types"
UNTYPED = {"Microsoft.Resources/resourceGroups", "Microsoft.Insights/workbooks"}  # not among the types at hand
SOURCES = {path.name: read(path) for path in INFRA.glob("*.bicep")}
RESOURCES = [resource for source in SOURCES.values() for resource in source.resources.values()]
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "queueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "tableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "secretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "secretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "metricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}


@pytest.fixture(scope="module")
def types():
    if not TYPES.is_dir():
        pytest.skip(f"infra/*.bicep was NOT type-checked: Azure's types are missing, put them into {TYPES}")
    return Types(TYPES)


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(INFRA, tmp_path / "infra")
    return tmp_path / "infra"


def test_the_bicep_fits_azures_types(types):
    assert check(INFRA, types, untyped=UNTYPED) == []


def test_no_more_than_two_resource_types_go_unchecked(types):
    assert {resource.type for resource in RESOURCES if not types.versions(resource.type)} == UNTYPED


@pytest.mark.parametrize(
    ("file", "right", "wrong", "problem"),
    [
        ("storage", "allowSharedKeyAccess", "allowSharedKeysAccess", "did you mean allowSharedKeyAccess?"),
        ("storage", "minimumTlsVersion", "minimumTLSVersion", "did you mean minimumTlsVersion?"),
        ("storage", "allowBlobPublicAccess: false", "allowBlobPublicAccess: 'false'", "is string, and should be bool"),
        ("storage", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS12'", "is 'TLS12', and should be one of"),
        ("storage", "kind: 'StorageV2'\n", "", "account.kind is missing"),
        ("storage", "storageAccounts@2025-06-01", "storageAccounts@2025-06-31", "has no version 2025-06-31"),
        ("storage", "tableServices/tables@", "tableServices/table@", "unknown type"),
        ("storage", "primaryEndpoints.table", "primaryEndpoints.tables", "tables is unknown; did you mean table?"),
        ("storage", "principalId: appPrincipalId", "principalId: appPrincipal", "appPrincipal is not declared"),
        ("storage", "output tableUrl string = account.properties.primaryEndpoints.table", "", "no output tableUrl"),
        ("storage", "output name string = account.name", "output name int = account.name", "should be int"),
        ("storage", "for role in dataRoles:", "for role in rolesOfData:", "rolesOfData is not declared"),
        ("vault", "softDeleteRetentionInDays: 7", "softDeleteRetentionInDays: '7'", "is string, and should be int"),
        ("vault", "purgeProtection ? true : null", "purgeProtection ? 'yes' : null", "is string, and should be bool"),
        ("vault", "    tenantId: tenant().tenantId\n", "", "properties.tenantId is missing"),
        ("vault", "family: 'A'", "family: 'B'", "is 'B', and should be"),
        ("vault", "    enableSoftDelete: true", "    vaultUrl: 'x'", "vaultUrl is unknown; did you mean vaultUri?"),
        ("vault", "endpointType: 'MonitorAlert'", "endpointType: 'MonitorAlarm'", "is 'MonitorAlarm'"),
        ("vault", "severity: 'Sev1'", "severity: 1", "severity is int"),
        ("vault", "principalType: principalType", "principalType: purgeProtection", "is bool, and should be string"),
        ("storage", "  parent: tableService\n", "", "needs its parent"),
        ("vault", "parent: events", "parent: event", "event is not declared; did you mean events?"),
        ("function", "'blobContainer'", "'blob'", "is 'blob', and should be"),
        ("function", "instanceMemoryMB: 2048", "instanceMemoryMb: 2048", "did you mean instanceMemoryMB?"),
        ("function", "reserved: true", "reserved: 1", "is int, and should be bool"),
        ("function", "${app.properties.defaultHostName}", "${app.properties.hostName}", "hostName is unknown"),
        ("function", "MAILER_QUEUE: 'emails'", "MAILER_QUEUE: 7", "is int, and should be string"),
        ("function", "    allow: false", "    allow: false\n    id: 'x'", "id is unknown"),
        ("function", "name: 'scm'", "name: 'scn'", "is 'scn', and should be one of ftp, scm"),
        ("function", "'${identityId}'", "'${idOfIdentity}'", "idOfIdentity is not declared"),
        ("alerts", "severity: 2", "severity: 'high'", "severity is string, and should be int"),
        ("alerts", "operator: 'LessThan'", "operator: 'Below'", "is 'Below', and should be one of"),
        ("alerts", "kind: 'LogAlert'", "type: 'LogAlert'", "rules.type is read-only"),
        ("monitoring", "location: 'global'\n", "", "people.location is missing"),
        ("monitoring", "groupShortName: 'mailer'", "groupShortName: 'mailer-alerts'", "longer than 12 characters"),
        ("main", "    name: 'stmailer${token}'\n", "", "the parameter name of storage.bicep is missing"),
        ("main", "token: token", "tokens: token", "has no parameter tokens; did you mean token?"),
        ("main", "purgeProtection: purgeProtection", "purgeProtection: location", "is string, and should be bool"),
        ("main", "vault.outputs.url", "vault.outputs.uri", "vault has no output uri"),
        ("main", "module vault 'vault.bicep'", "module vault 'vaults.bicep'", "there is no vaults.bicep"),
        ("main", "@minValue(40)", "param unused string\n\n@minValue(40)", "unused is declared and not used"),
    ],
)  # fmt: skip
def test_a_planted_error_is_found_and_named(copy, types, file, right, wrong, problem):
    text = (copy / f"{file}.bicep").read_text()
    assert right in text
    (copy / f"{file}.bicep").write_text(text.replace(right, wrong, 1))

    problems = check(copy, types, untyped=UNTYPED)

    assert [found for found in problems if problem in found], problems


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("tags: tags", "tags = tags", r"identity\.bicep:10: Unexpected token"),
        ("param name string", "parm name string", r"identity\.bicep:\d+: "),
        ("param location string", "param name string", r"identity\.bicep:4: name is declared twice"),
    ],
)
def test_text_that_is_no_bicep_is_refused_with_its_line(copy, right, wrong, problem):
    text = (copy / "identity.bicep").read_text()
    (copy / "identity.bicep").write_text(text.replace(right, wrong))

    with pytest.raises(NotUnderstood, match=problem):
        read(copy / "identity.bicep")


def test_a_string_is_no_symbol_and_a_comment_nothing(tmp_path):
    file = tmp_path / "x.bicep"
    file.write_text("// param a string\nparam b string // c\nvar d = ['b', b, 'e//f-${b}']\n".replace(", ", "\n  "))

    source = read(file)

    assert source.symbols == {"b", "d"}
    assert source.variables["d"] == [f"{MARK}b", "b", f"{MARK}e//f-${{b}}"]


def test_every_role_is_one_that_is_known_by_its_name():
    guid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    for path in INFRA.glob("*.bicep"):
        for name, role in re.findall(rf"var (\w+) = '({guid})'", path.read_text()):
            assert ROLES[name] == role, name
        assert len(re.findall(guid, path.read_text())) == len(re.findall(rf"var \w+ = '{guid}'", path.read_text()))


def test_only_the_app_and_whoever_deploys_get_roles():
    assigned = [r for r in RESOURCES if r.type == "Microsoft.Authorization/roleAssignments"]

    assert {r.config["properties"]["principalId"] for r in assigned} == {"appPrincipalId", "principalId"}
    assert all(r.config["name"]["function"]["type"] == "guid" and "scope" in r.config for r in assigned)


def test_storage_has_no_shared_keys_and_no_public_blobs():
    storage = SOURCES["storage.bicep"].resources
    properties = storage["account"].config["properties"]

    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert storage["containers"].config["properties"]["publicAccess"] == f"{MARK}None"
    assert "listKeys" not in "".join(path.read_text() for path in INFRA.glob("*.bicep"))


def app_settings():
    """Those that the template sets itself, and those that come from the azd environment."""
    settings = (
        SOURCES["function.bicep"].resources["appSettings"].config["properties"]["function"]["parameters"]["arg_2"]
    )
    return settings, PARAMETERS["settings"]["value"]


def test_every_setting_of_mailer_is_set_or_comes_from_the_environment_and_no_other():
    own, given = app_settings()
    known = {field.metadata["name"] for field in fields(Settings)} - {"MailerStorage"}

    assert {name for name in own if name.startswith("MAILER_")} | set(given) == known
    assert given == {name: f"${{{name}}}" for name in given}


PLATFORM = {
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "MALLOC_ARENA_MAX",
}


def test_the_platform_gets_the_settings_that_it_needs_and_none_that_flex_refuses():
    """https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations"""
    own, _ = app_settings()

    assert {name for name in own if not name.startswith("MAILER_")} == PLATFORM


def test_whatever_the_host_gives_a_worker_at_once_has_a_thread():
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
    threads = int(app_settings()[0]["PYTHON_THREADPOOL_THREAD_COUNT"].removeprefix(MARK))
    scale = SOURCES["function.bicep"].resources["app"].config["properties"]["functionAppConfig"]["scaleAndConcurrency"]

    assert threads >= queues["batchSize"] + queues["newBatchThreshold"]
    assert threads >= scale["triggers"]["http"]["perInstanceConcurrency"]


@pytest.mark.parametrize("name", ["PYTHON_THREADPOOL_THREAD_COUNT", "MALLOC_ARENA_MAX"])
def test_a_worker_has_as_many_threads_and_heaps_here_as_where_it_is_deployed(name):
    here = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]

    assert here[name] == app_settings()[0][name].removeprefix(MARK)


def test_every_thread_of_a_worker_may_keep_a_connection():
    """One too many is dropped once it is used, and made anew for the next request."""
    threads = int(app_settings()[0]["PYTHON_THREADPOOL_THREAD_COUNT"].removeprefix(MARK))
    sources = "".join(path.read_text() for path in (ROOT / "mailer/wiring").glob("*.py"))
    pools = [int(number) for number in re.findall(r"ThreadPoolExecutor\((\d+)", sources)]

    assert len(pools) == sources.count("ThreadPoolExecutor(")
    assert threads + sum(pools) <= CONNECTIONS


def test_a_slow_mail_holds_up_no_batch():
    """The host asks for more while some are still under way: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue"""
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]

    assert queues["newBatchThreshold"] >= queues["batchSize"]


def test_an_idle_queue_is_looked_at_every_two_seconds():
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]

    assert queues["maxPollingInterval"] <= "00:00:02"


def test_the_app_starts_with_these_settings():
    """Given what the modules hand over, and an environment that names tenant, client and senders; no more."""
    own, given = app_settings()
    handed = {
        "blobUrl": "https://stmailer.blob.core.windows.net/",
        "queueUrl": "https://stmailer.queue.core.windows.net/",
        "tableUrl": "https://stmailer.table.core.windows.net/",
        "vaultUrl": "https://kv-x.vault.azure.net/",
        "identityClientId": "44444444-4444-4444-8444-444444444444",
        "senders": "shop@contoso.com",
    }
    values = dict.fromkeys(given, "")
    values |= {
        name: handed.get(value, value.removeprefix(MARK)) for name, value in own.items() if isinstance(value, str)
    }
    values |= {
        "MAILER_TENANT_ID": "contoso.onmicrosoft.com",
        "MAILER_CLIENT_ID": "22222222-2222-4222-8222-222222222222",
    }

    settings = read_settings(values)

    assert settings.storage.queue_url == "https://stmailer.queue.core.windows.net"
    assert settings.storage.client_id == values["AZURE_CLIENT_ID"] == handed["identityClientId"]
    assert settings.key_vault_url == "https://kv-x.vault.azure.net"
    assert settings.senders == ("shop@contoso.com",)


def test_the_template_makes_the_queue_the_table_and_the_container_that_the_settings_name():
    own, _ = app_settings()
    storage = SOURCES["storage.bicep"].resources

    assert own["MAILER_QUEUE"] in storage["queues"].loop[1]
    assert f"{own['MAILER_QUEUE']}-poison" in storage["queues"].loop[1]
    assert own["MAILER_TABLE"] == storage["records"].config["name"]
    assert own["MAILER_CONTAINER"] in storage["containers"].loop[1]


def test_the_parameter_file_gives_what_the_template_asks_for():
    wanted = SOURCES["main.bicep"].params

    assert set(PARAMETERS) <= set(wanted)
    assert {name for name, param in wanted.items() if param["default"] is None} <= set(PARAMETERS)


def test_only_stable_versions_are_used_but_where_there_is_none():
    previews = {resource.type for resource in RESOURCES if "preview" in resource.version}

    assert previews == {"Microsoft.Insights/diagnosticSettings"}


def log_events():
    """The first word of every line that mailer writes to its log."""
    events = set()
    for path in (ROOT / "mailer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.") and node.args:
                events.add(str(getattr(node.args[0], "value", "")).split(" ")[0])
    return events


def test_alerts_and_workbook_look_for_what_mailer_writes():
    texts = (INFRA / "alerts.bicep").read_text() + json.dumps(json.loads((INFRA / "workbook.json").read_text()))
    wanted = set(re.findall(r'startswith \\?\\?"(\w+) ', texts)) | set(re.findall(r'\\"(mail_\w+)\\"', texts))

    assert {"mail_failed", "mail_uncertain", "needs_mending", "secret_expires", "mail_sent"} <= wanted
    assert wanted <= log_events()


def test_the_heartbeat_is_that_of_every_timer():
    query = re.search(r"Name in \((.+?)\)", (INFRA / "alerts.bicep").read_text())[1]
    timers = {name for name, trigger in triggers().items() if trigger.get_binding_name() == "timerTrigger"}

    assert timers
    assert timers <= set(re.findall(r'"(\w+)"', query))


def test_every_line_that_an_alert_counts_reaches_the_workspace():
    """Sampling leaves out lines of a busy minute, and an alert would miss the one that matters."""
    logging = json.loads((ROOT / "host.json").read_text())["logging"]

    assert "Trace" in logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert logging["logLevel"]["Function"] == "Information"


def test_the_workbook_asks_the_workspace_of_the_deployment():
    book = json.loads((INFRA / "workbook.json").read_text())

    assert book["fallbackResourceIds"] == ["WORKSPACE_ID"]
    assert "'WORKSPACE_ID', workspace.id" in (INFRA / "monitoring.bicep").read_text()
    assert {item["type"] for item in book["items"]} == {3, 9}
