"""What ships, and what azd and GitHub run: azure.yaml, its hooks, .funcignore, the workflows."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from mailer.local.programs import ROOT

AZURE = YAML(typ="safe").load((ROOT / "azure.yaml").read_text())
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

# Stands for `python -m mailer`: writes down how it was called, and what `setup` would write.
MAILER = """
import json, os, sys
with open("calls", "a") as calls:
    print("mailer", *sys.argv[1:], os.environ.get("MailerStorage__accountName"), file=calls)
if "--write" in sys.argv and not os.environ.get("DECLINED"):
    values = {"MAILER_TENANT_ID": "T", "MAILER_CLIENT_ID": "C", "MAILER_AUTH": "secret"}
    with open(sys.argv[sys.argv.index("--write") + 1], "w") as file:
        json.dump({"IsEncrypted": False, "Values": values}, file)
sys.exit(int(os.environ.get("ENDS", "0")))
"""
DEPLOYED = {
    "AZURE_TENANT_ID": "T",
    "MAILER_SENDERS": '"Shop, Contoso" <shop@contoso.com>, alerts@contoso.com',
    "STORAGE_ACCOUNT_NAME": "stmailer",
    "IDENTITY_PRINCIPAL_ID": "P",
}


@pytest.fixture
def project(tmp_path):
    """The hooks beside a stand-in for mailer's commands and for azd."""
    shutil.copytree(ROOT / "infra/hooks", tmp_path / "infra/hooks")
    (tmp_path / "mailer").mkdir()
    (tmp_path / "mailer/__main__.py").write_text(MAILER)
    azd = tmp_path / "bin/azd"
    azd.parent.mkdir()
    azd.write_text('#!/bin/sh\necho "azd $*" >> calls\n')
    azd.chmod(0o755)
    return tmp_path


def run(project, hook, *, says=None, **environ):
    """A hook's exit code and its commands; `says` is what a person types at each question, None is nobody there."""
    environ = {"PATH": f"{project}/bin{os.pathsep}{os.environ['PATH']}", **DEPLOYED, **environ}
    person, terminal = pty.openpty()
    try:
        if says is not None:
            os.write(person, f"{says}\n".encode() * 3)
        done = subprocess.run(
            [sys.executable, project / AZURE["hooks"][hook]["run"]],
            stdin=subprocess.DEVNULL if says is None else terminal,
            capture_output=True,
            text=True,
            check=False,
            env=environ,
            timeout=60,
        )
    finally:
        os.close(person)
        os.close(terminal)
    calls = project / "calls"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stdout


def test_after_up_sets_up_the_senders_tells_the_template_and_calls_the_doctor(project):
    code, calls, _ = run(project, "postup", says="y")

    assert code == 0
    assert re.fullmatch(
        r"mailer setup --scope mailboxes shop@contoso.com alerts@contoso.com --sign-in browser --auth secret "
        r"--write \S+ stmailer",
        calls[0],
    )
    assert calls[1:] == [
        "azd env set MAILER_TENANT_ID T",
        "azd env set MAILER_CLIENT_ID C",
        "azd env set MAILER_AUTH secret",
        "azd provision --no-prompt",
        "mailer doctor stmailer",
    ]


def test_without_a_secret_setup_is_told_the_identity_of_the_app(project):
    _, calls, _ = run(project, "postup", says="y", MAILER_AUTH="federated")

    assert "--auth federated --identity P" in calls[0]


def test_nothing_is_set_up_while_nobody_agrees_and_the_commands_are_shown(project):
    for says in (None, "n", ""):
        code, calls, printed = run(project, "postup", says=says)

        assert (code, calls) == (0, [])
        assert "python -m mailer setup --scope mailboxes shop@contoso.com" in printed


def test_what_is_set_up_is_not_set_up_again(project):
    _, calls, _ = run(project, "postup", says="y", MAILER_CLIENT_ID="C")

    assert calls == ["mailer doctor stmailer"]


def test_a_setup_that_fails_half_way_is_an_error_and_what_it_made_is_not_forgotten(project):
    code, calls, _ = run(project, "postup", says="y", ENDS="1")

    assert code == 1
    assert "azd env set MAILER_CLIENT_ID C" in calls
    assert calls[-1] == "azd provision --no-prompt"


def test_a_setup_that_was_called_off_leaves_the_template_alone(project):
    code, calls, _ = run(project, "postup", says="y", DECLINED="1")

    assert code == 1
    assert len(calls) == 1


def test_after_up_says_that_nobody_gets_the_alerts_unless_somebody_does(project):
    _, _, without = run(project, "postup")
    _, _, with_mail = run(project, "postup", MAILER_ALERT_EMAIL="ops@contoso.com")

    assert "Nobody gets the alerts" in without
    assert "Nobody gets the alerts" not in with_mail


def test_before_down_offers_the_teardown(project):
    code, calls, _ = run(project, "predown", says="y", MAILER_CLIENT_ID="C")

    assert (code, calls) == (0, ["mailer teardown stmailer"])


def test_before_down_removes_nothing_unasked(project):
    code, calls, printed = run(project, "predown", MAILER_CLIENT_ID="C")

    assert (code, calls) == (0, [])
    assert "python -m mailer teardown" in printed


def test_the_hooks_of_azd_exist_and_may_fail_without_failing_azd():
    for hook in AZURE["hooks"].values():
        assert (ROOT / hook["run"]).is_file()
        assert hook["kind"] == "python"
        assert hook["continueOnError"]


def test_the_hooks_find_the_packages_of_the_commands_that_they_run():
    if not (ROOT / "mailer/cli").is_dir():
        pytest.skip("the commands setup, doctor and teardown are not there, and so their packages were NOT looked for")
    (wanted,) = re.findall(r"^-r (.+)$", (ROOT / "infra/hooks/requirements.txt").read_text(), re.MULTILINE)

    assert (ROOT / "infra/hooks" / wanted).is_file()


def test_the_service_of_azd_is_the_one_that_the_template_tags():
    assert [*AZURE["services"]] == ["mailer"]
    assert "'azd-service-name': 'mailer'" in (ROOT / "infra/function.bicep").read_text()


def listed(*options):
    done = subprocess.run(["git", "ls-files", *options], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")) - {""}


def test_the_package_holds_the_app_and_nothing_else():
    left_out = listed("--cached", "--ignored", "--exclude-from=.funcignore")
    package = listed() - left_out

    assert {"function_app.py", "host.json", "requirements.txt", "mailer/wiring/base.py"} <= package
    assert any(file.startswith("mailer/templates/") for file in package)
    assert {file.split("/")[0] for file in package} <= {
        "function_app.py",
        "host.json",
        "requirements.txt",
        "mailer",
        "LICENSE",
    }
    assert not any(re.match(r"mailer/(local|cli|setup|__main__)\b", file) for file in package)


@pytest.mark.parametrize(
    "file", ["local.settings.json", ".local/ca.pem", ".venv/bin/python", ".azure/prod/.env", ".git/config"]
)
def test_no_secret_and_no_environment_is_packed(file, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    (tmp_path / "kept.py").touch()
    subprocess.run(["git", "init", "-q", tmp_path / "other"], check=True)
    command = ["git", f"--git-dir={tmp_path}/other/.git", f"--work-tree={tmp_path}", "ls-files", "--others"]
    command += [f"--exclude-from={ROOT}/.funcignore"]

    packed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()

    assert "kept.py" in packed
    assert file not in packed


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_the_workflows_fit_githubs_own_schema(workflow):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", workflow]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout


def test_the_workflows_hold_no_secret_but_githubs_own():
    for workflow in WORKFLOWS:
        assert "secrets." not in workflow.read_text()


def test_a_deployment_proves_itself_by_oidc_and_keeps_its_package():
    deploy = YAML(typ="safe").load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    steps = [step.get("run", step.get("uses")) for step in deploy["steps"]]

    assert deploy["permissions"]["id-token"] == "write"
    assert any("--federated-credential-provider github" in step for step in steps)
    kept, deployed = (next(n for n, step in enumerate(steps) if word in step) for word in ("azd package", "azd deploy"))
    assert kept < deployed


def test_a_deployment_from_github_gives_the_template_every_setting():
    """One that the workflow forgets would go back to its default at the next release."""
    deploy = YAML(typ="safe").load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    wanted = set(re.findall(r"\$\{(MAILER_\w+)", (ROOT / "infra/main.parameters.json").read_text()))

    assert {name for name in deploy["env"] if name.startswith("MAILER_")} == wanted
    assert all(deploy["env"][name] == f"${{{{ vars.{name} }}}}" for name in wanted)


def test_the_dev_container_forwards_the_ports_of_a_local_run():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())

    assert {1080, 7071, 7072, 8443} <= set(container["forwardPorts"])
    assert "make install" in container["postCreateCommand"]
