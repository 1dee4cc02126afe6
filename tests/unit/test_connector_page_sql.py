"""The SQL of a page: names are quoted, values are parameters, and keys are compared as stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.connector import page_sql
from services.connector.cursor import Key
from services.connector.data_query import PageRequest, asset_value
from services.connector.source_table import SourceTable

START = datetime(2025, 12, 5, tzinfo=UTC)
HOSTILE = "x'; DROP TABLE data; --"


def source(**changes: Any) -> SourceTable:
    given: dict[str, Any] = {
        "table": sa.table("da;ta", *[sa.column(c) for c in ("t", "a", 'p"q')], schema="s'x"),
        "time": "t", "is_naive": False, "zone": "Europe/Berlin", "asset": "a", "asset_kind": "text",
        "variables": {'p"q': "real"}, "skipped_columns": (), "unique": True,
        "indexed_by_asset": True,
        "has_ctid": True,
    }  # fmt: skip
    return SourceTable(**{**given, **changes})


def ask(*assets: str, after: Key | None = None, start: datetime = START) -> PageRequest:
    end = start + timedelta(days=1)
    return PageRequest(start, end, ('p"q',), assets, 10, after, b"")


def sql(found: SourceTable, asked: PageRequest) -> tuple[str, tuple[Any, ...]]:
    text, values = page_sql.compiled(page_sql.page(found, asked))
    return " ".join(text.split()), values


def test_identifiers_are_quoted() -> None:
    text, _ = sql(source(), ask())
    assert '''FROM "s'x"."da;ta"''' in text
    assert '"p""q"' in text


def test_values_are_parameters() -> None:
    for asked in (ask(HOSTILE), ask(HOSTILE, "b", after=Key(START, HOSTILE))):
        text, values = sql(source(), asked)
        assert "DROP" not in text
        assert HOSTILE in values


def test_one_asset_is_paged_by_stamp_alone() -> None:
    text, _ = sql(source(), ask("T01", after=Key(START, "T01")))
    assert text.partition("ORDER BY ")[2].startswith('"s\'x"."da;ta".t ')


def test_a_naive_column_is_compared_as_it_is_stored() -> None:
    text, _ = sql(source(is_naive=True), ask("T01", after=Key(START, "T01")))
    condition = text.partition("WHERE ")[2]
    assert condition.startswith('"s\'x"."da;ta".t >= timezone(')
    assert 'timezone($1, "s\'x"."da;ta".t) >' not in condition


def test_a_naive_column_is_compared_as_instants_where_clocks_change() -> None:
    text, _ = sql(source(is_naive=True), ask("T01", start=datetime(2025, 10, 26, tzinfo=UTC)))
    assert "WITH TIES" in text
    assert "interval '2 days'" in text


@pytest.mark.parametrize(
    ("unique", "stored", "expected"),
    [(True, True, "LIMIT"), (False, True, "ctid"), (False, False, "row_number() OVER ()")],
)
def test_ties_are_looked_for_where_nothing_rules_them_out(
    unique: bool, stored: bool, expected: str
) -> None:
    text, _ = sql(source(unique=unique, has_ctid=stored), ask())
    assert expected in text
    assert ("WITH TIES" in text) == (not unique)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("T01", "text", "T01"),
        ("-12", "integer", -12),
        ("9223372036854775807", "integer", 2**63 - 1),
        ("6BA7B8109DAD11D180B400C04FD430C8", "uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ],
)
def test_an_asset_becomes_a_value_of_its_column(text: str, kind: Any, expected: Any) -> None:
    assert asset_value(text, kind) == expected
