"""Health, and all that operators see through the doors."""

import json
import logging
from uuid import uuid4

from azure.storage.blob import ContainerClient

from tests.app import HEALTH, Worker, content, error
from tests.builders import members


def test_health_names_what_works(worker):
    health = worker.health()

    assert health.status_code == 200
    assert content(health)["status"] == "ok"
    assert {name: part["status"] for name, part in content(health)["parts"].items()} == dict.fromkeys(HEALTH, "ok")


def test_health_names_what_does_not_work(worker, cloud):
    cloud.control.set(vault_granted=False)

    health = worker.health()
    assert health.status_code == 503
    parts = content(health)["parts"]
    assert parts["table"] == {"status": "ok"}
    assert "Key Vault Secrets User" in parts["graph_token"]["problems"][0]


def test_health_asks_graph_whether_each_mailbox_may_send_before_any_mail_has_been_refused(worker, cloud):
    cloud.control.set(roles=(), exchange_roles=())

    (problem,) = content(worker.health())["parts"]["permission"]["problems"]
    assert problem.startswith("No consent to Mail.Send, for ")
    assert "python -m mailer setup --scope" in problem


def test_health_warns_of_what_lies_on_the_poison_queue(worker, queues):
    worker.health()  # makes the queue
    queues.poison.send_message("{}")
    worker = Worker()

    (problem,) = content(worker.health())["parts"]["queue"]["problems"]
    assert problem.endswith("until they are taken off: 1.")


def test_health_tells_whose_mails_wait_since_when_until_any_worker_has_sent_the_next_one(worker, queues, cloud):
    cloud.control.set(roles=(), exchange_roles=())
    worker.post()
    worker.deliver(queues.main.receive_message().content)

    (alarm,) = content(worker.health())["parts"]["sending"]["problems"]
    assert alarm.startswith("Mails of shop@contoso.com wait since 20")
    assert "Grant" in alarm

    cloud.control.set(roles=("Mail.Send",))
    other = Worker()
    other.deliver(json.dumps(members()))
    assert content(other.health())["parts"]["sending"] == {"status": "ok"}


def test_a_redirected_mail_goes_to_the_tester_and_its_record_says_so(environ, queues, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "redirect")
    monkeypatch.setenv("MAILER_REDIRECT_TO", "tester@contoso.com")
    worker = Worker()

    receipt = content(worker.post(members(cc="grace@example.com")))
    worker.deliver(queues.main.receive_message().content)

    (mail,) = cloud.control.mails()
    assert [one.address for one in mail.to + mail.cc + mail.bcc] == ["tester@contoso.com"]
    assert content(worker.get(receipt["id"]))["gate"] == "redirected to MAILER_REDIRECT_TO in place of 2 recipients"


def test_a_blocked_mail_is_suppressed_with_the_reason(environ, queues, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "block")
    worker = Worker()

    receipt = content(worker.post())
    worker.deliver(queues.main.receive_message().content)

    record = content(worker.get(receipt["id"]))
    assert (record["status"], record["error"]["code"]) == ("suppressed", "gate_blocked")
    assert cloud.control.mails() == []


def test_a_wrong_gate_lets_nothing_through_and_is_named(environ, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "closed")
    worker = Worker()

    refused = error(worker.post(), 503)

    assert refused["code"] == "configuration_error"
    assert "MAILER_GATE is wrong" in refused["message"]
    assert "deliver_email" not in worker.triggers, "mails wait on the queue"
    assert cloud.control.mails() == []


def test_an_address_of_the_gate_that_is_none_is_named(environ, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "allow")
    monkeypatch.setenv("MAILER_ALLOWED_RECIPIENTS", "con_toso.com")

    refused = error(Worker().post(), 503)

    assert "MAILER_ALLOWED_RECIPIENTS" in refused["message"]


def test_a_mail_with_a_large_file_goes_through_a_draft(worker, queues, cloud):
    attachment = {"filename": "scan.pdf", "content": "QUFB" * 1_400_000}

    receipt = content(worker.post(members(attachments=[attachment])))
    worker.deliver(queues.main.receive_message().content)

    assert content(worker.get(receipt["id"]))["status"] == "sent"
    assert [file.size for file in cloud.control.mails()[0].attachments] == [4_200_000]
    assert cloud.control.drafts() == []


def test_even_at_debug_no_log_tells_an_address_a_token_or_where_a_draft_can_be_written(worker, queues, cloud, caplog):
    caplog.set_level(logging.DEBUG)
    file = {"filename": "ada@example.com.pdf", "content": "QUFB" * 1_400_000}
    for mail in (members(), members(attachments=[file]), members(to="ada@example.com; bob@example.com")):
        worker.post(mail)
    for message in queues.main.receive_messages():
        worker.deliver(message.content)
    worker.deliver(json.dumps(members(to="ada@@example.com")))
    worker.deliver(json.dumps(members(attachments=[{"filename": "a", "blob": "ada@example.com/7.pdf"}])))

    assert len(cloud.control.mails()) == 2
    assert "mail_failed" in caplog.text
    for said in ("ada@", "eyJ", "Bearer", "uploadSession", "AttachmentSessions", "token=", "client_secret"):
        assert said not in caplog.text


def test_a_gate_that_redirects_leaves_four_headers_to_the_caller(environ, monkeypatch):
    names = [f"x-{number}" for number in range(5)]
    settings = {"MAILER_GATE": "redirect", "MAILER_REDIRECT_TO": "t@contoso.com", "MAILER_HEADERS": ",".join(names)}
    for setting, text in (environ | settings).items():
        monkeypatch.setenv(setting, text)

    refused = error(Worker().post(members(headers=dict.fromkeys(names, "7"))), 400)

    assert refused["target"] == "headers"


def in_plain_words(environ, storage, monkeypatch, **files):
    """The app with its templates in a container of the same account."""
    container = ContainerClient.from_connection_string(storage.connection_string, f"t{uuid4().hex}")
    container.create_container()
    monkeypatch.setenv("MAILER_TEMPLATES", container.url)
    for name, text in files.items():
        container.upload_blob(f"note/{name.replace('_', '.')}", text)
    assert environ
    return container, Worker()


NOTE = members(subject=None, text=None, template={"id": "note", "variables": {"name": "Ada"}})


def test_templates_may_lie_in_a_container(environ, storage, queues, cloud, monkeypatch):
    container, worker = in_plain_words(
        environ, storage, monkeypatch, subject_txt="For {{ name }}", body_txt="Hello", sample_json='{"name": "Ada"}'
    )
    with container:
        accepted = worker.post(NOTE)
        worker.deliver(queues.main.receive_message().content)

    assert accepted.status_code == 202
    assert cloud.control.mails()[0].subject == "For Ada"


def test_a_broken_template_goes_on_in_its_last_good_version_and_health_tells(environ, storage, cloud, monkeypatch):
    """Also for a worker that starts only after it was broken."""
    assert cloud
    container, worker = in_plain_words(
        environ, storage, monkeypatch, subject_txt="For {{ name }}", body_txt="Hello", sample_json='{"name": "Ada"}'
    )
    with container:
        assert worker.post(NOTE).status_code == 202
        container.upload_blob("note/subject.txt", "For {{ name", overwrite=True)

        late = Worker()
        accepted, health = late.post(NOTE), content(late.health())

    assert accepted.status_code == 202
    assert health["parts"]["templates"]["status"] == "warning"
    assert "note/subject.txt" in health["parts"]["templates"]["problems"][0]
    assert health["status"] == "ok"


def test_a_folder_of_templates_that_is_not_there_is_named(environ, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_TEMPLATES", "nowhere")

    worker = Worker()

    assert "MAILER_TEMPLATES is wrong" in error(worker.post(NOTE), 503)["message"]
    assert content(worker.health())["parts"]["templates"]["status"] == "failing"


def test_a_request_with_several_faults_none_of_which_is_one_of_form_is_unprocessable(worker):
    refused = error(worker.post(members(from_="eve@example.com", headers={"x-new": "7"})), 422)

    assert {detail["code"] for detail in refused["details"]} == {"sender_not_allowed", "header_not_allowed"}
