"""The SQL of a page: names are quoted, and values are literals."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.connector import fingerprint_sql, page_sql
from services.connector.cursor import Key
from services.connector.data_query import PageRequest, parse_asset
from services.connector.source_table import SourceTable
from services.connector.sql_text import literal, sql_text

START = datetime(2025, 12, 5, tzinfo=UTC)
HOSTILE = "x'; DROP TABLE data; --"


def source_table(**changes: Any) -> SourceTable:
    fields: dict[str, Any] = {
        "clause": sa.table("da;ta", *[sa.column(c) for c in ("t", "a", 'p"q')], schema="s'x"),
        "time_column": "t", "is_naive": False, "zone": "Europe/Berlin",
        "asset_column": "a", "asset_kind": "text", "asset_type": sa.Text(), "order_column": None,
        "rounding": timedelta(0),
        "variables": {'p"q': "real"}, "beyond_float64": frozenset(),
        "skipped_columns": (), "is_unique": True, "indexed_by_asset": True, "has_ctid": True,
    }  # fmt: skip
    return SourceTable(**{**fields, **changes})


def request(*assets: str, after: Key | None = None, start: datetime = START) -> PageRequest:
    end = start + timedelta(days=1)
    return PageRequest(source_table(), start, end, ('p"q',), assets, 10, after)


def sql(table: SourceTable, page_request: PageRequest) -> str:
    text = sql_text(page_sql.page(replace(page_request, table=table)))
    return " ".join(text.split())


def test_identifiers_are_quoted() -> None:
    text = sql(source_table(), request())
    assert '''FROM "s'x"."da;ta"''' in text
    assert '"p""q"' in text


def test_values_are_literals() -> None:
    for page_request in (request(HOSTILE), request(HOSTILE, "b", after=Key(START, HOSTILE))):
        text = sql(source_table(), page_request)
        assert text.count("DROP") == text.count("'x''; DROP TABLE data; --'") > 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("it's 100 % \\", "'it''s 100 % \\'"),
        (-(2**63), "'-9223372036854775808'::bigint"),
        (START, "'2025-12-05T00:00:00+00:00'::timestamptz"),
        (timedelta(seconds=-0.5), "'-500000 microseconds'::interval"),
    ],
)
def test_a_literal_has_the_type_of_its_value(value: object, expected: str) -> None:
    assert literal(value) == expected


def test_a_text_with_nul_has_no_literal() -> None:
    with pytest.raises(ValueError, match="NUL"):
        literal("T01\0' OR true --")


def test_a_value_of_another_type_has_no_literal() -> None:
    with pytest.raises(TypeError, match="no SQL literal for float"):
        literal(0.5)


def test_a_name_with_a_percent_sign_is_only_a_name() -> None:
    column: sa.ColumnClause[str] = sa.column("%(param_1)s%")
    assert sql_text(sa.select(column).where(column == "%s")) == (
        'SELECT "%(param_1)s%" \nWHERE "%(param_1)s%" = \'%s\''
    )


def test_pages_of_one_asset_are_ordered_by_time_alone() -> None:
    text = sql(source_table(), request("T01", after=Key(START, "T01")))
    assert text.partition("ORDER BY ")[2].startswith('"s\'x"."da;ta".t ')


def test_a_naive_column_is_compared_as_local_time() -> None:
    text = sql(source_table(is_naive=True), request("T01", after=Key(START, "T01")))
    condition = text.partition("WHERE ")[2]
    assert condition.startswith('"s\'x"."da;ta".t >= timezone(')
    assert """timezone('Europe/Berlin', "s'x"."da;ta".t) >""" not in condition


def test_a_naive_column_is_compared_as_instants_where_clocks_change() -> None:
    text = sql(
        source_table(is_naive=True), request("T01", start=datetime(2025, 10, 26, tzinfo=UTC))
    )
    assert "WITH TIES" in text
    assert "interval '2 days'" in text


@pytest.mark.parametrize(
    ("is_unique", "has_ctid", "expected"),
    [(True, True, "LIMIT"), (False, True, "ctid"), (False, False, "row_number() OVER ()")],
)
def test_ties_are_included_unless_a_key_excludes_them(
    is_unique: bool, has_ctid: bool, expected: str
) -> None:
    text = sql(source_table(is_unique=is_unique, has_ctid=has_ctid), request())
    assert expected in text
    assert ("WITH TIES" in text) == (not is_unique)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("T01", "text", "T01"),
        ("-12", "integer", -12),
        ("9223372036854775807", "integer", 2**63 - 1),
        ("6BA7B8109DAD11D180B400C04FD430C8", "uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ],
)
def test_an_asset_is_parsed_as_a_value_of_its_column(text: str, kind: Any, expected: Any) -> None:
    assert parse_asset(text, kind) == expected


@pytest.mark.parametrize(
    ("changes", "month", "is_exact"),
    [
        ({}, 3, True),
        ({"is_unique": False}, 3, False),
        ({"is_naive": True}, 3, False),
        ({"is_naive": True}, 12, True),
    ],
    ids=["instants", "without a key", "clocks change", "clocks do not change"],
)
def test_the_source_computes_fingerprints_where_no_instant_repeats(
    changes: dict[str, bool], month: int, is_exact: bool
) -> None:
    selected = request(start=datetime(2025, month, 30, tzinfo=UTC))
    table = source_table(**changes)
    assert fingerprint_sql.is_exact(replace(selected, table=table)) is is_exact
