"""A Graph that takes every mail after a while and does nothing else, so that it is not what is measured.

python -m tests.benchmarks.slow_graph PORT MILLISECONDS CERTIFICATE
"""

import asyncio
import re
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from mailer.local import programs

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nrequest-id: 1\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def slow_graph(folder: Path, *, milliseconds: int) -> Iterator[tuple[str, str]]:
    """One in a process of its own: its URL, and the certificate to trust."""
    authority, (port,) = trustme.CA(), programs.free_ports(1)
    certificate, trusted = folder / "graph.pem", folder / "graph-ca.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(trusted))
    command = [sys.executable, "-m", "tests.benchmarks.slow_graph", str(port), str(milliseconds), str(certificate)]
    program = programs.Program(name="Graph", command=command, ports=(port,), log=folder / "graph.log")
    program.start()
    try:
        yield f"https://localhost:{port}", trusted.read_text()
    finally:
        program.stop()


async def serve(port: int, seconds: float, certificate: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                await asyncio.sleep(seconds)
                writer.write(_ACCEPTED)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "localhost", port, ssl=context, limit=2**20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, sys.argv[3]))
