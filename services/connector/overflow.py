"""Tells which samples are numbers that float64 cannot hold: they become infinite."""

import pyarrow as pa
import pyarrow.compute as pc

from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP
from shared import logs

log = logs.get(__name__)


def warn(rows: pa.Table, request: PageRequest) -> None:
    """Log the first such sample of each variable, and how many the rows have."""
    for name in request.variables:
        if name not in request.table.beyond_float64:
            continue
        is_infinite = pc.is_inf(rows[name])
        if count := pc.sum(is_infinite).as_py():
            first = pc.index(is_infinite, value=True).as_py()
            log.warning(
                "source.number_beyond_float64",
                variable=name,
                asset=rows[ASSET][first].as_py() if request.table.asset_column else None,
                timestamp=rows[TIMESTAMP][first].as_py().isoformat(),
                count=count,
            )
