"""What all parts of the benchmark stand on: services, the app's settings, and the one mail of 15 KB."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.local.stack import Ports, Stack
from tests.benchmarks.slow_graph import slow_graph

ROWS = 95  # of the report: about 15 KB

# The same mail twice: as a template of mailer's, whose CSS it inlines, and as a script's author writes it out.
BODY = """<html><head><style>td { padding: 4px } .n { color: #333 } p { margin: 0 }</style></head><body>
<p>{{ greeting }}</p><table><tbody>{% for row in rows %}<tr><td class="n">{{ row.name }}</td><td>{{ row.count }}</td>
<td>{{ row.share }}</td></tr>{% endfor %}</tbody></table></body></html>"""
SCRIPTS_BODY = """<html><head></head><body>
<p style="margin: 0;">{{ greeting }}</p><table><tbody>{% for row in rows %}<tr>\
<td class="n" style="padding: 4px;color: #333;">{{ row.name }}</td><td style="padding: 4px;">{{ row.count }}</td>
<td style="padding: 4px;">{{ row.share }}</td></tr>{% endfor %}</tbody></table></body></html>"""
SUBJECT = "Report of {{ day }}"


def variables(greeting: str = "Good morning, Ada") -> dict:
    """Those of one mail; a real one greets somebody else."""
    rows = [{"name": f"Article {number} of the catalogue", "count": number, "share": "1.7 %"} for number in range(ROWS)]
    return {"day": "Monday", "greeting": greeting, "rows": rows}


def request(greeting: str = "Good morning, Ada", sender: str = "shop@contoso.com", **members: object) -> bytes:
    """The one mail, as it is asked for."""
    template = {"id": "report", "variables": variables(greeting)}
    return json.dumps({"to": "Ada <ada@example.com>", "from": sender, "template": template, **members}).encode()


@contextmanager
def services(*, host: bool = False, **settings: str) -> Iterator[Stack]:
    """All services, and the app's settings in the environment; nothing is paced, so that nothing waits."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = {
            "MAILER_TEMPLATES": str(templates(Path(folder))),
            "MAILER_MAILBOX_RATE": "off",
            "MAILER_MAILBOX_DAILY": "off",
            "NO_PROXY": "localhost,127.0.0.1",
            **settings,
        }
        stack = Stack(Path(folder), ports=Ports.free(), host=host)
        stack.host.env = {**(stack.host.env or {}), **wanted}
        with stack:
            os.environ |= stack.settings() | wanted
            yield stack


@contextmanager
def beside_slow_graph(milliseconds: int, **settings: str) -> Iterator[Stack]:
    """The same with a Graph of its own, which takes every mail after so long."""
    with (
        tempfile.TemporaryDirectory() as folder,
        slow_graph(Path(folder), milliseconds=milliseconds) as (url, trusted),
        services(**settings, MAILER_GRAPH_URL=url) as stack,
    ):
        both = Path(folder) / "trusted.pem"
        both.write_text((stack.folder / "ca.pem").read_text() + trusted)
        os.environ["REQUESTS_CA_BUNDLE"] = str(both)
        yield stack


def templates(folder: Path) -> Path:
    """A folder with the one template."""
    report = folder / "templates" / "report"
    report.mkdir(parents=True)
    (report / "subject.txt").write_text(SUBJECT)
    (report / "body.html").write_text(BODY)
    (report / "sample.json").write_text(json.dumps(variables()))
    return report.parent
