"""What the embedded host reads before it starts, and what it says when it cannot."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
import requests
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from mailer.local import programs
from mailer.local.host import settings
from mailer.local.host.connections import Connections
from mailer.local.host.errors import StartupError
from mailer.local.host.functions import resolve
from mailer.local.host.host_json import QueueOptions, read_host_json
from tests import host_sample

ONE_HTTP = """
import azure.functions as func
app = func.FunctionApp()
@app.route(route="one")
def one(req: func.HttpRequest) -> str: return "1"
"""
ONE_QUEUE = """
import azure.functions as func
app = func.FunctionApp()
@app.queue_trigger(arg_name="message", queue_name="jobs", connection="")
def one(message: func.QueueMessage) -> None: pass
"""


def run(root, *options, **env):
    """The host's exit code and what it printed to stderr and stdout."""
    (port,) = programs.free_ports(1)
    command = [sys.executable, "-m", "mailer.local.host", "--root", str(root), "--port", str(port), *options]
    shell = os.environ | {"FUNCTIONS_WORKER_RUNTIME": "python"} | env
    done = subprocess.run(
        command, env=shell, cwd=programs.ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stderr, done.stdout


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import azure.functions", "Could not find top level function app instances in function_app.py."),
        (ONE_HTTP + "other = func.FunctionApp()\n", "More than one FunctionApp or other top level function app"),
        (
            ONE_HTTP + "@app.route(route='x')\ndef one(req): pass\n",
            "Function one does not have a unique function name.",
        ),
        (ONE_HTTP + "@app.function_name('two')\ndef two(req): pass\n", "Function two does not have a trigger."),
        (
            "import no_such_module",
            "No module named 'no_such_module'. Cannot find module. Please check the requirements",
        ),
        ("1 / 0", "Importing function_app.py failed: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "Importing function_app.py failed: SystemExit: 3"),
        (
            ONE_HTTP.replace("one(req:", "one(wrong:"),
            "declared in Python but not in the function decorators: ['wrong']",
        ),
        (
            ONE_HTTP.replace("@app.route", "@app.blob_input(arg_name='b', path='x', connection='')\n@app.route"),
            "Function 'one' uses the binding type blob, which this embedded host does not have",
        ),
    ],
)
def test_an_app_that_cannot_be_indexed_is_refused_with_its_reason(tmp_path, source, said):
    with pytest.raises(StartupError) as refused:
        host_sample.load(host_sample.write(tmp_path, source), {})

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "Importing function_app.py failed: ZeroDivisionError: division by zero"),
        (ONE_HTTP.replace('"one"', '"{id:even}"'), "the constraint 'even' is not known"),
        (
            ONE_HTTP + "@app.timer_trigger(arg_name='t', schedule='every day')\ndef two(t: func.TimerRequest): pass\n",
            "The timer schedule 'every day' is not valid",
        ),
        (ONE_QUEUE.replace("jobs", "%JOBS%"), "'%JOBS%' in a binding does not resolve to a value."),
        (ONE_QUEUE.replace('connection=""', 'connection="Mine"'), "The storage connection 'Mine' does not exist."),
    ],
)
def test_an_app_that_cannot_run_ends_the_host_with_its_reason(tmp_path, source, said):
    code, stderr, _ = run(host_sample.write(tmp_path, source), AzureWebJobsStorage="UseDevelopmentStorage=true")

    assert code == 1
    assert said in stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "FUNCTIONS_WORKER_RUNTIME is not set"), ({"FUNCTIONS_WORKER_RUNTIME": "node"}, "is 'node', but this host")],
)
def test_the_worker_runtime_must_be_python(environ, said):
    with pytest.raises(StartupError, match=said):
        settings.require_python(environ)


def test_a_queue_function_without_storage_ends_the_host_with_the_setting_to_make(tmp_path):
    code, stderr, _ = run(host_sample.write(tmp_path, ONE_QUEUE))

    assert code == 1
    assert "The storage connection 'AzureWebJobsStorage' does not exist. Set AzureWebJobsStorage" in stderr


def test_a_folder_without_function_app_is_named(tmp_path):
    with pytest.raises(StartupError, match=f"There is no function_app.py in {tmp_path}"):
        host_sample.load(tmp_path, {})


def test_functions_that_are_asked_for_must_exist(tmp_path):
    with pytest.raises(StartupError, match=r"There is no function two in function_app.py. It has: one."):
        host_sample.load(host_sample.write(tmp_path, ONE_HTTP), {}, ["one", "two"])


def local(tmp_path, text):
    (tmp_path / "local.settings.json").write_text(text)
    return settings.read_local_settings(tmp_path)


def test_local_settings_become_the_environment_and_the_shell_wins(tmp_path, capsys):
    environ = {"SET": "by the shell"}
    text = '{"IsEncrypted": false, "Values": {"SET": "here", "NEW": "x", "EMPTY": "", "NULL": null, "FLAG": true}}'

    settings.apply(local(tmp_path, text), environ)

    assert environ == {"SET": "by the shell", "NEW": "x", "EMPTY": "", "FLAG": "True"}
    assert "Skipping 'SET' from local settings" in capsys.readouterr().out


def test_local_settings_may_name_the_port_and_the_address(tmp_path):
    read = local(tmp_path, '{"IsEncrypted": false, "Host": {"LocalHttpPort": 7072, "LocalHttpAddress": "127.0.0.2"}}')

    assert (read.port, read.address) == (7072, "127.0.0.2")


def test_missing_local_settings_are_fine(tmp_path):
    assert settings.read_local_settings(tmp_path).values == {}


def test_broken_local_settings_are_a_warning_and_count_as_none(tmp_path, capsys):
    assert local(tmp_path, '{"Values": ').values == {}
    assert "local.settings.json is not valid JSON" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['{"Values": {}}', '{"IsEncrypted": true, "Values": {"A": "CfDJ8"}}'])
def test_local_settings_that_count_as_encrypted_are_refused(tmp_path, text):
    with pytest.raises(StartupError, match='Write "IsEncrypted": false'):
        local(tmp_path, text)


def test_the_host_takes_its_port_and_settings_from_local_settings(tmp_path, storage):
    (port,) = programs.free_ports(1)
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": storage.connection_string, "GREETING": "hi"}
    source = """
import os
import azure.functions as func
app = func.FunctionApp()
@app.route(route="env")
def env(req: func.HttpRequest) -> str: return "|".join(os.environ[name] for name in req.params["names"].split(","))
"""
    root = host_sample.write(
        tmp_path,
        source,
        host_json={"version": "2.0", "extensions": {"http": {"routePrefix": ""}}},
        local_settings={"IsEncrypted": False, "Values": values, "Host": {"LocalHttpPort": port}},
    )
    host = programs.host(root, port=port, env=dict(os.environ), root=root)
    host.command = [part for part in host.command if part not in {"--port", str(port)}]
    host.start()
    try:
        names = "GREETING,AZURE_FUNCTIONS_ENVIRONMENT,WEBSITE_HOSTNAME,AzureWebJobsScriptRoot"
        reply = requests.get(f"{host_sample.url(host)}/env", params={"names": names}, timeout=5)
    finally:
        host.stop()

    assert reply.text == f"hi|Development|localhost:{port}|{root}"


def options(tmp_path, text, **environ):
    (tmp_path / "host.json").write_text(text)
    return read_host_json(tmp_path, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"} | environ)


def test_host_json_defaults_are_those_of_the_host(tmp_path):
    read = options(tmp_path, "{}")

    assert read.route_prefix == "api"
    assert read.queues == QueueOptions(
        batch_size=16,
        new_batch_threshold=8 * (os.cpu_count() or 1),
        max_dequeue_count=5,
        visibility_timeout=timedelta(),
        max_polling_interval=timedelta(seconds=2),
        base64=True,
    )
    assert read == read_host_json(tmp_path / "none", {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
    assert options(tmp_path, "{}", AZURE_FUNCTIONS_ENVIRONMENT="x").queues.max_polling_interval == timedelta(minutes=1)


def test_host_json_sets_the_queues_and_the_prefix(tmp_path):
    queues = (
        '{"batchSize": 4, "newBatchThreshold": 0, "maxDequeueCount": 2, "visibilityTimeout": "00:00:30", '
        '"maxPollingInterval": "1.00:00:10", "messageEncoding": "none"}'
    )
    text = f'{{"version": "2.0", "extensions": {{"http": {{"routePrefix": "/v1/"}}, "queues": {queues}}}}}'

    read = options(tmp_path, text)

    assert read.route_prefix == "v1"
    assert read.queues == QueueOptions(
        batch_size=4,
        new_batch_threshold=0,
        max_dequeue_count=2,
        visibility_timeout=timedelta(seconds=30),
        max_polling_interval=timedelta(days=1, seconds=10),
        base64=False,
    )


def test_an_app_setting_overrides_host_json(tmp_path):
    overrides = {
        "AzureFunctionsJobHost__extensions__queues__batchSize": "1",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "",
    }

    read = options(tmp_path, '{"version": "2.0", "extensions": {"queues": {"batchsize": 8}}}', **overrides)

    assert (read.queues.batch_size, read.route_prefix) == (1, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": "1.0"}', '"version": "2.0"'),
        ('{"extensions": {}}', '"version": "2.0"'),
        ("{", "host.json is not valid JSON"),
        (
            '{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}',
            "batchSize is 33. Use a whole number from 1 to 32",
        ),
        ('{"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 0}}}', "maxDequeueCount is 0"),
        ('{"version": "2.0", "extensions": {"queues": {"visibilityTimeout": "30"}}}', "visibilityTimeout is '30'"),
        (
            '{"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.05"}}}',
            "not shorter than 0:00:00.1",
        ),
        ('{"version": "2.0", "extensions": {"queues": {"messageEncoding": "utf8"}}}', "Use 'base64' or 'none'"),
        ('{"version": "2.0", "extensions": []}', "'extensions' must be a JSON object"),
    ],
)
def test_a_host_json_that_is_wrong_is_refused_with_what_it_should_be(tmp_path, text, said):
    with pytest.raises(StartupError) as refused:
        options(tmp_path, text)

    assert said in str(refused.value)


def test_a_function_is_disabled_by_its_setting(tmp_path):
    root = host_sample.write(tmp_path, ONE_HTTP)

    disabled = [host_sample.load(root, env)[0].disabled for env in ({}, {"AzureWebJobs.one.Disabled": "true"})]

    assert disabled == [False, True]


def test_percent_signs_name_a_setting():
    assert resolve("a-%ONE%-%TWO%", {"ONE": "1", "TWO": "2"}) == "a-1-2"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"Mine": "UseDevelopmentStorage=true"}, "http://127.0.0.1:10001/devstoreaccount1/jobs"),
        ({"AzureWebJobsMine": "UseDevelopmentStorage=true"}, "http://127.0.0.1:10001/devstoreaccount1/jobs"),
        (
            {"Mine__queueServiceUri": "https://contoso.queue.core.windows.net"},
            "https://contoso.queue.core.windows.net/jobs",
        ),
        ({"Mine__accountName": "contoso"}, "https://contoso.queue.core.windows.net/jobs"),
        (
            {"Mine__serviceUri": "https://contoso.queue.core.windows.net", "Mine__credential": "managedidentity"},
            "https://contoso.queue.core.windows.net/jobs",
        ),
    ],
)
def test_a_connection_is_a_connection_string_or_an_identity(environ, url):
    assert Connections(environ).queue("Mine", "jobs").url == url


@pytest.mark.parametrize(
    ("settings_of_identity", "credential"),
    [({}, DefaultAzureCredential), ({"Mine__credential": "managedidentity"}, ManagedIdentityCredential)],
)
def test_an_identity_is_the_default_one_unless_it_is_named(settings_of_identity, credential):
    environ = {"Mine__queueServiceUri": "https://contoso.queue.core.windows.net", "Mine__clientId": "1"}

    queue = Connections(environ | settings_of_identity).queue("Mine", "jobs")

    assert type(queue.credential) is credential


def test_an_empty_connection_is_the_storage_of_the_host():
    queue = Connections({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}).queue("", "jobs")

    assert queue.account_name == "devstoreaccount1"


def test_a_connection_string_that_is_no_such_thing_is_named():
    with pytest.raises(StartupError, match="The connection string in the setting Mine cannot be used"):
        Connections({"Mine": "@Microsoft.KeyVault(VaultName=contoso)"}).queue("Mine", "jobs")
