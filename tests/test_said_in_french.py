"""What the app says in English, the console says in French: every sentence about a failure, and of health."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mailer.delivery import cures, decide, event, opening, suppression
from mailer.delivery.record import Status
from mailer.errors import Suppressed, WrongStatus
from mailer.graph import verdicts
from mailer.health import clock, permission
from mailer.health.permission import Answer, fault_of
from mailer.identity import entra, tokens
from mailer.local import programs
from mailer.local.programs import ROOT
from mailer.pace.pace import Pace
from mailer.storage import suppression_rows
from mailer.wiring import health_parts
from tests.builders import a_record
from tests.post import Post

TABLE = (ROOT / "mailer/console/said.fr.js").read_text()
NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
SHOP = "shop@contoso.com"


def in_french(texts):
    """Of each text what the console would leave in English."""
    module = TABLE.replace("export function", "function")
    ask = "import { readFileSync } from 'node:fs'; const texts = JSON.parse(readFileSync(0, 'utf8'));"
    show = "console.log(JSON.stringify(texts.map((text) => inFrench(text))));"
    command = [programs.node(), "--input-type=module", "-e", ask + module + show]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def refusals():
    """What Graph may refuse a mail with."""
    codes = [*verdicts.MEND, *verdicts._PERMANENT, *verdicts._TRANSIENT, *verdicts._UNCLEAR, "ErrorOfNoKind"]
    for code in codes:
        status = int(code[5:]) if code.startswith("http_") else 429 if code in verdicts._TRANSIENT else 400
        own = "" if code.startswith("http_") else f" {code}"
        for request in ("", " (request-id 457d7baf-7df1-486d-9608-d0c6bf7d0a61)"):
            yield verdicts.refusal_of(status, own.strip(), None, f"Graph answered {status}{own}{request}")
    yield verdicts.refusal_of(500, "ErrorInternalServerError", None, "Graph answered 500 ErrorInternalServerError")
    for status in (400, 403, 404, 408, 413, 421, 429, 500, 502, 503, 504, 509):
        yield verdicts.not_graphs(status, None, "")
        yield verdicts.not_graphs(status, None, "457d7baf")


def failures():
    """Messages and cures of failed, doubtful and hindered mails."""
    remedies = {*verdicts.MEND.values(), verdicts.PROXY, *entra.MEND.values()}
    told = [(refusal.code, str(refusal)) for refusal in refusals()]
    told += [(code, f"Entra refuses a token ({code}). {mend}") for code, mend in entra.MEND.items()]
    told += [(code, decide.NEVER_BACK) for code in cures._BY_CODE]
    for code, message in told:
        for status in (Status.FAILED, Status.UNCERTAIN, Status.QUEUED):
            record = a_record(status=status, mending=True, error_code=code, error_message=message)
            yield from cures.explained(record, remedies)
    yield f"{decide.NEVER_LEFT} Nothing was sent."
    yield f"{decide.NEVER_BACK} It is sent again."
    yield f"{decide.NEVER_BACK} It is not in Sent Items, and is not sent again."
    yield f"{decide.NEVER_BACK} It is not in Sent Items and is sent again."
    yield f"Given up after {timedelta(days=2)}: {decide.NEVER_BACK}"
    yield f"Given up after {timedelta(hours=3)}: {decide.NEVER_BACK}"
    yield event.GAVE_UP.text
    yield opening._GONE
    with pytest.raises(Suppressed) as nobody:
        suppression.check_somebody_is_left(SimpleNamespace(recipients=0))
    yield str(nobody.value)
    yield suppression_rows._KEY_LOST.format(table="emailskeys")
    yield "The connection to Microsoft Graph ended without an answer (ReadTimeout)."
    yield "Microsoft Graph cannot be reached (ConnectTimeout)."


def findings():
    """What health may say of Graph, of the pace, of clocks and of secrets."""
    kinds = [
        Answer(404, "ErrorInvalidUser"),
        Answer(401, "InvalidAuthenticationToken"),
        Answer(403, "ErrorAccessDenied"),
    ]
    kinds += [Answer(503, ""), Answer(0, "")]
    for answer in kinds:
        for roles in ((), ("Mail.Send",), ("Mail.Read", "User.Read.All")):
            yield str(fault_of({SHOP: answer}, roles))
            yield str(fault_of({SHOP: answer, "alerts@contoso.com": Answer(permission.MAY, "")}, roles))
    for ahead in (timedelta(seconds=40), timedelta(seconds=-40)):
        yield f"{clock.told(ahead, 'Graph')} {clock.WHY} {clock.CURE}"
    quota = SimpleNamespace(used=lambda _: 0.83)
    yield from Pace(pauses=None, quota=quota, clock=lambda: NOW).warnings([SHOP])
    secret = tokens.Secret(name="mailer-secret", value="x", version="1", expires_on=NOW)
    yield from (tokens._expiry(secret, left) for left in (20, 0))
    alarm = SimpleNamespace(mailbox=SHOP, since=NOW)
    yield health_parts._alarmed(f"Graph answered 403 ErrorAccessDenied. {verdicts.GRANT}", [alarm])
    yield health_parts._alarmed("see `permission`", [alarm])
    yield health_parts._held(SimpleNamespace(caller="shop", mails=7, since=NOW))


def refused_deeds():
    """Why something cannot be done for a mail, and what keeps storage from answering."""
    post = Post()
    post.accept()
    mail, amendment = post.record.id, post.amendment()
    deeds = [amendment.replay, amendment.release, amendment.retry, amendment.cancel]
    deeds.append(lambda mail: amendment.reschedule(mail, NOW))
    post.run()
    for deed in deeds:
        with pytest.raises(WrongStatus) as refused:
            deed(mail)
        yield str(refused.value)
    post.ledger.write(post.record.moved(Status.FAILED, now=NOW))
    post.requests.delete(mail)
    with pytest.raises(WrongStatus) as refused:
        amendment.replay(mail)
    yield str(refused.value)
    yield event.surplus_of("shop").text
    for service in ("Table", "Queue", "Blob"):
        yield f"{service} Storage does not answer as it should (ServiceRequestError, status None)."


@pytest.mark.parametrize("texts", [failures, findings, refused_deeds])
def test_nothing_that_the_app_says_of_it_stays_in_english(texts):
    said = sorted(set(texts()))
    left = {}
    for text, pieces in zip(said, in_french(said), strict=True):
        if english := [piece["text"] for piece in pieces if piece["lang"] == "en"]:
            left[text] = english

    assert left == {}


def test_what_is_not_known_in_french_is_marked_as_english():
    (pieces,) = in_french(["Nothing was sent. The frobnicator is cold."])

    assert pieces[0] == {"text": "Rien n\u2019a été envoyé.", "lang": "fr"}
    assert pieces[1:] == [{"text": " The frobnicator is cold.", "lang": "en"}]


def test_no_sentence_stands_there_that_the_app_does_not_say():
    """A text that is changed in English is changed here, too."""
    rooms = ("delivery", "graph", "health", "identity", "pace", "storage", "wiring")
    files = [path for room in rooms for path in (ROOT / "mailer" / room).rglob("*.py")]
    # Strings that stand one after the other are one.
    code = re.sub(r'"\s+f?"', "", "\n".join(path.read_text() for path in files))
    sentences = [json.loads(f'"{text}"') for text in re.findall(r'^  \["(.+?)", "', TABLE, re.MULTILINE)]

    assert len(sentences) > 60
    assert [text for text in sentences if text not in code.replace('\\"', '"')] == []
