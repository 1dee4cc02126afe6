"""Requests that another service answers: passed on with our key, and its answer handed back."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.responses import Response

from shared.clients.json_client import JsonClient

KEPT = ("content-type", "retry-after", "minuano-next", "minuano-rows", "vary")
_TARGET = re.compile(r"<(?:https?://[^/>]+)?(/[^>]*)>")


def forward(client: JsonClient, method: str, path: str, **options: Any) -> Response:
    """Ask a service; `Outage` if it does not answer. Where it names a place of its own, in
    `Location` and `Link`, the answer names ours. Our key is nobody else's concern: that it is
    refused is an error of ours.
    """
    answer = client.request(method, path, **options)
    return Response(answer.content, answer.status_code, headers=_headers(answer))


def _headers(answer: httpx.Response) -> Mapping[str, str]:
    kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
    if location := answer.headers.get("location"):
        kept["location"] = f"/api{location}"
    if link := answer.headers.get("link"):
        kept["link"] = _TARGET.sub(r"</api\1>", link)
    return kept
