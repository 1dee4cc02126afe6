"""Hostile names from the source to the target: existing names reach the target unchanged, unknown
names are refused, and no name is executed: all tables remain, with the rows of the jobs only.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.pipeline import Pipeline, running
from tests.e2e.source_strategies import FIRST_DAY, SECOND_DAY, START
from tests.e2e.sql import Row
from tests.e2e.test_jobs import add_to_stream, job_of
from tests.hostile_names import (
    CONTROL_CHARACTER_NAMES,
    HOSTILE_ASSETS,
    HOSTILE_NAMES,
    INVALID_NAMES,
    quote_identifier,
)

ASSETS = (*HOSTILE_NAMES, *HOSTILE_ASSETS)
ALL = (*ASSETS, *CONTROL_CHARACTER_NAMES)
# In a stream entry commas separate the names, and spaces around a name are ignored.
XADD_NAMES = tuple(name for name in ASSETS if "," not in name and name == name.strip())
VALUES = {
    (asset, variable): float(n * 100 + m)
    for n, asset in enumerate(ALL)
    for m, variable in enumerate(HOSTILE_NAMES)
}
ALL_RELATIONS = "SELECT oid, relname, relkind FROM pg_class WHERE relname !~ '^pg_' ORDER BY oid"


@pytest.fixture(scope="module")
def stack() -> Iterator[Pipeline]:
    """A source whose columns and turbines have hostile names, one sample and one value of each."""
    settings = {"MINUANO_SOURCE_ASSET_COLUMN": "asset"}
    with running(settings=settings, assets=True, aggregators=1) as pipeline:
        columns = ", ".join(f"ADD COLUMN {quote_identifier(name)} float8" for name in HOSTILE_NAMES)
        pipeline.in_source(f"ALTER TABLE data {columns}")
        pipeline.fill_source([
            (asset, START, None, None, None, *(VALUES[asset, name] for name in HOSTILE_NAMES))
            for asset in ALL
        ])  # fmt: skip
        yield pipeline


@pytest.fixture
def pipeline(stack: Pipeline) -> Iterator[Pipeline]:
    """The stack with an empty target. After the test all relations must exist unchanged."""
    stack.in_target("TRUNCATE data, quality, signal")
    relations = (stack.in_source(ALL_RELATIONS), stack.in_target(ALL_RELATIONS))
    yield stack
    assert (stack.in_source(ALL_RELATIONS), stack.in_target(ALL_RELATIONS)) == relations
    assert stack.in_source("SELECT count(*) FROM data") == [(len(ALL),)]


def means(pipeline: Pipeline) -> dict[Row, float]:
    """The mean of each signal in the target, by asset, variable and name."""
    rows = pipeline.in_target(
        "SELECT asset, variable, name, value FROM signal JOIN data ON signal_id = id "
        "WHERE statistic = 'mean'"
    )
    return {row[:3]: row[3] for row in rows}


def expected(
    assets: tuple[str, ...], variables: tuple[str, ...] = HOSTILE_NAMES
) -> dict[Row, float]:
    return {
        (asset, variable, f"{asset}.{variable}_mean_10m"): value
        for (asset, variable), value in VALUES.items()
        if asset in assets and variable in variables
    }


def count_jobs(pipeline: Pipeline) -> int:
    [[count]] = pipeline.in_target("SELECT count(*) FROM etl.job")
    return int(count)


def refusal(response: Any) -> str:
    """The text of a 422 response."""
    assert (response.status_code, response.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    return str(response.text)


@pytest.mark.parametrize(
    ("assets", "variables"), [(ASSETS, HOSTILE_NAMES[:2]), (ASSETS[:2], HOSTILE_NAMES)]
)
def test_hostile_names_in_a_posted_job_reach_the_target_unchanged(
    pipeline: Pipeline, assets: tuple[str, ...], variables: tuple[str, ...]
) -> None:
    job = pipeline.run(date=FIRST_DAY, variables=variables, assets=assets)
    assert (set(job["assets"]), set(job["variables"])) == (set(assets), set(variables))
    assert means(pipeline) == expected(assets, variables)


def test_hostile_names_of_all_turbines_reach_the_target_unchanged(pipeline: Pipeline) -> None:
    pipeline.run(date=FIRST_DAY, variables=HOSTILE_NAMES[:2])
    assert means(pipeline) == expected(ALL, HOSTILE_NAMES[:2])


def test_a_too_long_turbine_name_is_reported_and_other_turbines_can_be_loaded(
    pipeline: Pipeline,
) -> None:
    row = ("INSERT INTO data (asset, timestamp) VALUES (%s, now())", ["z" * 3_000])
    try:
        pipeline.in_source(*row)
        job = pipeline.wait_until_ended(pipeline.post_job(date=FIRST_DAY, variables=HOSTILE_NAMES))
        assert (job["reason"], "of 3000 characters; 200 are" in job["error"]) == ("assets", True)
        pipeline.run(date=FIRST_DAY, variables=HOSTILE_NAMES, assets=[HOSTILE_NAMES[0]])
    finally:
        pipeline.in_source("DELETE FROM data WHERE length(asset) > 200")
    assert means(pipeline) == expected((HOSTILE_NAMES[0],))


@pytest.mark.parametrize(
    ("assets", "variables"), [(XADD_NAMES, HOSTILE_NAMES[:2]), (XADD_NAMES[:2], HOSTILE_NAMES)]
)
def test_hostile_names_in_a_stream_entry_reach_the_target_unchanged(
    pipeline: Pipeline, assets: tuple[str, ...], variables: tuple[str, ...]
) -> None:
    names = {"variables": ",".join(variables), "assets": ",".join(assets)}
    pipeline.wait_until_done(job_of(pipeline, add_to_stream(pipeline, date=FIRST_DAY, **names)))
    assert means(pipeline) == expected(assets, variables)


@pytest.mark.parametrize("field", ["variables", "assets"])
def test_an_invalid_name_is_refused_by_http(pipeline: Pipeline, field: str) -> None:
    before = count_jobs(pipeline)
    for name in INVALID_NAMES:
        names: dict[str, Any] = {field: [name]}
        assert f'"{field}.0"' in refusal(pipeline.post(date=FIRST_DAY, **names))
    assert count_jobs(pipeline) == before


@pytest.mark.parametrize("field", ["variables", "assets"])
def test_an_invalid_name_in_a_stream_entry_becomes_a_dead_letter(
    pipeline: Pipeline, field: str
) -> None:
    before = count_jobs(pipeline)
    for name in ("", "a\x00b", "a\nb", "\x1b[2J", "x" * 201, "x" * 10_000):
        letter = pipeline.dead_letter_of(add_to_stream(pipeline, date=FIRST_DAY, **{field: name}))
        assert letter[b"dead_reason"] == b"schema"
        assert f"{field}.0: ".encode() in letter[b"dead_error"]
    assert count_jobs(pipeline) == before


def test_fields_with_hostile_names_are_refused(pipeline: Pipeline) -> None:
    before = count_jobs(pipeline)
    for name in (*ASSETS, *INVALID_NAMES):
        assert "not permitted" in refusal(pipeline.post(**{"date": FIRST_DAY, name: name}))
        letter = pipeline.dead_letter_of(add_to_stream(pipeline, **{"date": FIRST_DAY, name: name}))
        assert letter[b"dead_reason"] == b"schema"
    assert count_jobs(pipeline) == before


def test_unknown_hostile_names_appear_unchanged_in_the_error(pipeline: Pipeline) -> None:
    for name in ("hostile'; DROP TABLE etl.job; --", "%s%n", "{0.__class__}", "../../etc/passwd"):
        detail = json.loads(refusal(pipeline.post(date=FIRST_DAY, variables=[name])))["detail"]
        assert detail.startswith(f"variables: the source has no {name}; it has ")
        body = {"date": FIRST_DAY, "variables": HOSTILE_NAMES[0]}
        for id in (
            pipeline.post_job(date=FIRST_DAY, variables=[HOSTILE_NAMES[0]], assets=[f"{name}?"]),
            job_of(pipeline, add_to_stream(pipeline, **body, assets=f"{name}?")),
        ):
            job = pipeline.wait_until_ended(id)
            assert (job["reason"], job["error"]) == ("assets", f"the source has no {name}?")
        job = pipeline.wait_until_ended(
            job_of(pipeline, add_to_stream(pipeline, date=FIRST_DAY, variables=name))
        )
        assert (job["reason"], f"has no {name}; it has" in job["error"]) == ("variables", True)
    assert means(pipeline) == {}


def test_a_hostile_idempotency_key_identifies_one_job(pipeline: Pipeline) -> None:
    for name in (key for key in ASSETS if key.isascii() and " " not in key):
        body: dict[str, Any] = {
            "date": SECOND_DAY,
            "variables": HOSTILE_NAMES[:1],
            "assets": HOSTILE_NAMES[:1],
        }
        first, repeated = pipeline.post(key=name, **body), pipeline.post(key=name, **body)
        assert (first.status_code, repeated.status_code) == (202, 200), name
        assert first.json()["id"] == repeated.json()["id"]
        count = "SELECT count(*) FROM etl.job WHERE idempotency_key = %s"
        assert pipeline.in_target(count, [f"http:{name}"]) == [(1,)]
    pipeline.wait_until_idle()


@pytest.mark.parametrize("key", ["a b", "'; DROP TABLE etl.job; --", "é".encode(), "x" * 201])
def test_an_invalid_idempotency_key_is_refused(pipeline: Pipeline, key: Any) -> None:
    response = pipeline.http.post(
        "/jobs", json={"date": FIRST_DAY}, headers=[(b"Idempotency-Key", key)]
    )
    assert "dempotency-" in refusal(response)


def test_a_hostile_request_id_is_replaced(pipeline: Pipeline) -> None:
    for name in ("'; DROP TABLE etl.job; --", "%s", "{}", "x" * 65, "../..", "é".encode()):
        headers: Any = [(b"X-Request-ID", name)]
        body = {"date": SECOND_DAY, "variables": [HOSTILE_NAMES[0]], "assets": [HOSTILE_NAMES[0]]}
        id = pipeline.http.post("/jobs", json=body, headers=headers).json()["id"]
        [[trace]] = pipeline.in_target("SELECT trace FROM etl.job WHERE id = %s", [id])
        assert (len(trace), trace.isalnum()) == (32, True), name
    pipeline.wait_until_idle()
