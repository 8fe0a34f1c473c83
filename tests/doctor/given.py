"""What doctor says."""

from azure.storage.queue import QueueClient

from tests.terminal import mailer

CHECKS = ["settings", "storage", "vault", "secret", "token", "permission", "negative", "large", "read", "templates"]
CHECKS += ["queue", "clock", "test_mail"]


def queue(storage, name):
    return QueueClient.from_connection_string(storage.connection_string, name)


def examined(*flags):
    said = mailer("doctor", "--json", *flags)
    assert [line["check"] for line in said.lines] == CHECKS
    assert [set(line) for line in said.lines] == [{"check", "status", "what", "why", "cure"}] * len(CHECKS)
    bad = [line["check"] for line in said.lines if line["status"] in {"failed", "warning"} and not line["cure"]]
    assert bad == [], "a fault without a cure"
    assert said.code == (1 if "failed" in said.statuses.values() else 0)
    return said
