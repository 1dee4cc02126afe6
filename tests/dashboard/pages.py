"""Reads the pages of a dashboard in this process as plain text."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine

from shared.ledger.ledger import Ledger
from tests.integration.loader import ONE_DAY, new_job, sliced

_TAG, _SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s+")


def text_of(response: Response) -> str:
    """The visible text of the main part of a page, or of a fragment."""
    html = response.text.partition("<main")[2] or response.text
    return _SPACE.sub(" ", unescape(_TAG.sub(" ", html)))


def get_text(client: TestClient, path: str, *, status: int = 200) -> str:
    """The text of a page."""
    response = client.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def post_text(client: TestClient, path: str, data: Mapping[str, Any]) -> str:
    """The text of the page to which an action redirects."""
    response = client.post(path, data=data)
    assert response.status_code == 303, response.text
    return get_text(client, response.headers["location"])


def job_of_days(target: Engine, *assets: str, days: int = 1) -> int:
    """The ID of a started job for whole days of these assets."""
    job = new_job(target, days=days, spec=sliced(ONE_DAY), started=False)
    Ledger(target).mark_started(job, assets=assets, slices_total=days * len(assets))
    return job
