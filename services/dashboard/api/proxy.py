"""Requests that the connector or the extractor answers."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.responses import Response

from shared.clients.json_client import JsonClient

FORWARDED = ("content-type", "retry-after", "minuano-next", "minuano-rows", "vary")
_TARGET = re.compile(r"<(?:https?://[^/>]+)?(/[^>]*)>")


def forward(client: JsonClient, method: str, path: str, **options: Any) -> Response:
    """Send a request with the dashboard's key and return the response; `Unavailable` if none comes.
    Paths in `Location` and `Link` become paths of this API. A 401 of the service is an error of the
    dashboard's settings, not of its client, so it is raised.
    """
    response = client.request(method, path, **options)
    return Response(response.content, response.status_code, headers=_headers(response))


def _headers(response: httpx.Response) -> Mapping[str, str]:
    headers = {name: response.headers[name] for name in FORWARDED if name in response.headers}
    if location := response.headers.get("location"):
        headers["location"] = f"/api{location}"
    if link := response.headers.get("link"):
        headers["link"] = _TARGET.sub(r"</api\1>", link)
    return headers
