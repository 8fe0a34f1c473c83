"""JSON that anybody may read, such as the keys that Entra signs tokens with; the whole answer has its time."""

from typing import Any

from mailer.errors import TryLater
from mailer.graph.whole_answer import WholeAnswerAdapter
from mailer.http_session import requests

CONNECT_WITHIN, ANSWER_WITHIN = 4.0, 8.0  # seconds


def read_public_json(url: str) -> Any:  # noqa: ANN401 - whatever stands there
    """What stands at this URL. Raises TryLater."""
    try:
        with requests.Session() as session:
            session.mount("https://", WholeAnswerAdapter())
            reply = session.get(url, timeout=(CONNECT_WITHIN, ANSWER_WITHIN), allow_redirects=False)
            if reply.status_code == requests.codes.ok:
                return reply.json()
            reason = f"status {reply.status_code}"
    except (requests.RequestException, ValueError) as error:
        reason = type(error).__name__
    raise TryLater(f"Entra's keys cannot be read now ({reason}), by which a token is checked.", code="keys_unavailable")
