"""The certificates that HTTP clients trust."""

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """One for all clients of the process: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)
