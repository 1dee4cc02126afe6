"""Hooks for Schemathesis: use names that the source has in some requests; count the responses."""

import atexit
import json
import os
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response

COUNTS_FILE = "MINUANO_TEST_COUNTS"
VARIABLES = ["wind_speed", "power", "ambient_temperature"]
ASSETS = ["T01", "T02"]
JOB_DATES = {"date": "2025-12-05", "start": "2025-12-04", "end": "2025-12-06"}
TIME_RANGE_OPERATIONS = (
    "GET /data", "GET /api/data", "GET /api/signals/data", "GET /api/series", "GET /api/quality",
)  # fmt: skip
DAYS_OPERATIONS = ("POST /api/run-etl", "POST /api/generate-data")
SOME_DAYS = 7
"""Ten years would be accepted too, and then the services work for a minute."""
TIME_RANGE = {"start": "2025-12-05", "end": "2025-12-05T12:00:00Z"}
_counts: Counter[str] = Counter()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Use names and dates that the source has in every second valid request. The schema does not
    contain them, so the services would refuse almost every generated request. Limit the days.
    """
    if not (case.meta and case.meta.generation.mode.is_positive):
        return
    if case.operation.label in TIME_RANGE_OPERATIONS and _is_selected(case.query):
        case.query = _with_known_names(case.query, TIME_RANGE)
        for name in ("cursor", "signals"):
            case.query.pop(name, None)
        case.query.pop("asset" if "assets" in case.query else "assets", None)
    if case.operation.label in DAYS_OPERATIONS and isinstance(case.body, dict):
        case.body = _with_few_days(case.body)
    if (
        case.operation.label in ("POST /jobs", "POST /api/jobs")
        and isinstance(case.body, dict)
        and _is_selected(case.body)
    ):
        case.body = _with_known_names(case.body, JOB_DATES)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Count the response."""
    _counts[f"{case.operation.label} {response.status_code}"] += 1


def _is_selected(request: Any) -> bool:
    """Whether to change this request; deterministic, so that a finding can be reproduced."""
    return zlib.crc32(repr(request).encode()) % 2 == 0


def _with_known_names(request: dict[str, Any], dates: dict[str, str]) -> dict[str, Any]:
    """The request with names and dates that the source has."""
    names = {
        "variables": VARIABLES, "assets": ASSETS, "asset": ASSETS,
    }  # fmt: skip
    known = {name: value for name, value in request.items() if value is not None}
    for name, value in known.items():
        if name in dates:
            known[name] = dates[name]
        if name in names:
            known[name] = names[name][0] if isinstance(value, str) else names[name][: len(value)]
    return known


def _with_few_days(request: dict[str, Any]) -> dict[str, Any]:
    return {**request, "days": min(request["days"], SOME_DAYS)}


@atexit.register
def _write_counts() -> None:
    if path := os.environ.get(COUNTS_FILE):
        Path(path).write_text(json.dumps(_counts))
