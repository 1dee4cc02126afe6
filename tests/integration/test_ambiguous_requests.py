"""A request whose length is ambiguous gets 400, and nothing after it is taken for a request."""

import socket
from collections.abc import Iterator

import pytest

from tests.integration.serving import Address, served

TIMEOUT_S = 20.0
NEXT = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Address]:
    with served() as address:
        yield address


def _responses(service: Address, data: bytes) -> bytes:
    """All that the service sends until it closes the connection."""
    received = b""
    with socket.create_connection(service, TIMEOUT_S) as client:
        client.sendall(data)
        while part := client.recv(2**16):
            received += part
    return received


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        (b"1.1", LENGTH % 5 + CHUNKED),
        (b"1.1", CHUNKED + LENGTH % 5),
        (b"1.1", b"content-length: 5\r\nTRANSFER-ENCODING: chunked\r\n"),
        (b"1.0", CHUNKED),
        (b"1.1", LENGTH % 5 + LENGTH % 6),
        (b"1.1", b"Content-Length: +5\r\n"),
        (b"1.1", b"Content-Length : 5\r\n"),
    ],
)
def test_an_ambiguous_request_closes_the_connection(
    service: Address, version: bytes, headers: bytes
) -> None:
    head = b"POST /jobs HTTP/%s\r\nHost: localhost\r\n%s\r\n" % (version, headers)
    received = _responses(service, head + b"0\r\n\r\n" + NEXT)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_request_in_chunks_is_read_as_one(service: Address) -> None:
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + CHUNKED
    received = _responses(service, head + b"\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"abc")
