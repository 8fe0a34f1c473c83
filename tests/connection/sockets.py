"""A TLS server that treats each connection as it is told."""

import contextlib
import gzip
import socket
import struct
import time


def serve(listener, context, treatments):
    for treat in treatments:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        plain.settimeout(5)
        if treat is close_before_tls:
            reset(plain)
            continue
        tls = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError), tls as connection:
            connection.do_handshake()
            treat(connection)


def close_before_tls(_connection):
    """Handled by the server itself: there is no TLS yet."""


def read_request(connection):
    text = b""
    while b"\r\n\r\n" not in text:
        text += receive(connection)
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    while len(body) < length:
        body += receive(connection)
    return body


def receive(connection):
    received = connection.recv(65536)
    if not received:
        raise ConnectionAbortedError
    return received


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nrequest-id: 6f9d\r\n\r\n")


def answer_and_close(connection):
    answer(connection)
    connection.close()


def answer_twice(connection):
    answer(connection)
    answer(connection)


def reset_after_reading(connection):
    read_request(connection)
    reset(connection)


def reset_before_reading(connection):
    reset(connection)


def end_within_the_answer(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")
    reset(connection)


def hang(connection):
    read_request(connection)
    with contextlib.suppress(OSError):
        connection.recv(1)  # until the caller goes away


def drip(head, piece):
    def dripping(connection):
        read_request(connection)
        connection.sendall(head)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(0.05)

    return dripping


def endless(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def packed(connection):
    read_request(connection)
    body = gzip.compress(b"x" * 1_000_000)
    head = f"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def rubbish(connection):
    read_request(connection)
    connection.sendall(b"This is not HTTP.\r\n\r\n")
