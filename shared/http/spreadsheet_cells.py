"""Text that a spreadsheet would run as a formula: https://owasp.org/www-community/attacks/CSV_Injection"""

import pyarrow as pa
import pyarrow.compute as pc

from shared.errors import InvalidParameter
from shared.http.content_negotiation import CSV

_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


def require_csv(*, is_asked: bool, media_type: str) -> None:
    """Raise `InvalidParameter` if the cells of another format than CSV should be quoted."""
    if is_asked and media_type != CSV:
        raise InvalidParameter("spreadsheet", "only CSV is for spreadsheets: ask for that format")


def quote_formulas(table: pa.Table) -> pa.Table:
    """The table with a quote (`'`) before each name and each text that begins with `=`, `+`, `-`,
    `@`, a tab or a carriage return. Numbers stay numbers, also where they are text, such as -1.5.
    """
    for index, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(index, column.name, table.column(index).cast(pa.string()))
        if pa.types.is_string(table.schema.field(index).type):
            table = table.set_column(index, column.name, _quote(table.column(index)))
    names = _quote(pa.array(table.column_names, pa.string()))
    return table.rename_columns(names.to_pylist())


def _quote(texts: pa.Array) -> pa.Array:
    is_formula = pc.and_not(
        pc.match_substring_regex(texts, _FORMULA), pc.match_substring_regex(texts, _NUMBER)
    )
    quoted = pc.binary_join_element_wise("'", texts, "")
    return pc.if_else(is_formula, quoted, texts)
