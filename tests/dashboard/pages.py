"""The dashboard's pages in this process, read as a person would: by their text."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine

from services.dashboard.dependencies import Dependencies
from shared.ledger.ledger import Ledger
from tests.integration.loader import ONE_DAY, new_job, sliced

_TAG, _SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s+")


def parts(client: TestClient) -> Dependencies:
    """The parts of a dashboard that runs in this process."""
    found: Dependencies = client.app.state.deps  # type: ignore[attr-defined]
    return found


def words(answer: Response) -> str:
    """What the answer's page says, without its marks."""
    body = answer.text.partition("<main")[2] or answer.text
    return _SPACE.sub(" ", unescape(_TAG.sub(" ", body)))


def said(client: TestClient, path: str, *, status: int = 200) -> str:
    """What a page says."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return words(answer)


def after(client: TestClient, path: str, data: Mapping[str, Any]) -> str:
    """What the page says to which an action leads."""
    answer = client.post(path, data=data)
    assert answer.status_code == 303, answer.text
    return said(client, answer.headers["location"])


def days_job(target: Engine, *assets: str, days: int = 1) -> int:
    """A job of whole days of these assets."""
    job = new_job(target, days=days, spec=sliced(ONE_DAY), started=False)
    Ledger(target).mark_started(job, assets=assets, slices_total=days * len(assets))
    return job
