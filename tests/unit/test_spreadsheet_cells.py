"""CSV for spreadsheets: no text is a formula, and every number is a number."""

import pyarrow as pa
import pytest

from shared.errors import InvalidParameter
from shared.http.content_negotiation import CSV, JSON
from shared.http.spreadsheet_cells import quote_formulas, require_csv
from shared.http.table_encoding import as_csv

FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "-1+cmd|' /C calc'!A0"]
HARMLESS = ["T01", "-1.5", "+2", "-1e-05", "1=1", "", "a-b", "Ü"]


def test_only_formulas_are_quoted() -> None:
    table = pa.table({"asset": [*FORMULAS, *HARMLESS, None]})
    column = quote_formulas(table).column("asset").to_pylist()
    assert column == [*(f"'{text}" for text in FORMULAS), *HARMLESS, None]


def test_numbers_and_names_of_columns() -> None:
    table = pa.table({"=power": [-1.5, 2.0], "@n": [-1, 1]})
    assert as_csv(quote_formulas(table)) == b"'=power,'@n\n-1.5,-1\n2,1\n"


def test_a_column_of_repeated_texts_is_quoted_too() -> None:
    table = pa.table({"asset": pa.array(["=A", "T1", "=A"]).dictionary_encode()})
    assert quote_formulas(table).column("asset").to_pylist() == ["'=A", "T1", "'=A"]


def test_other_formats_are_refused() -> None:
    require_csv(is_asked=True, media_type=CSV)
    require_csv(is_asked=False, media_type=JSON)
    with pytest.raises(InvalidParameter, match="only CSV"):
        require_csv(is_asked=True, media_type=JSON)
