"""What a materialisation says about itself, for each of its days."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dagster import MetadataValue
from sqlalchemy import Connection

from services.orchestrator import day_plot
from services.orchestrator.load_summary import DaySummary, Signal, by_day, curve, signals
from shared.clients.extractor import Job
from shared.domain.time_range import DateRange

MAX_LINES = 40
MAX_PANELS = 4
HEADER = "| signal | unit | windows | min | mean | max |\n|:--|:--|--:|--:|--:|--:|\n"

Metadata = dict[str, Any]


def of_job(job: Job, link: str) -> Metadata:
    """What is the same for each day of the job."""
    note = {"note": job["note"]} if job["note"] else {}
    return {"job": job["id"], "job_link": MetadataValue.url(link), **note}


def of_days(
    connection: Connection, job: Job, days: DateRange, zone: ZoneInfo
) -> Iterator[tuple[date, Metadata]]:
    """Each day's own; the last one has a plot as well, so that a year does not bring 365."""
    ledger = by_day(connection, job["id"], zone)
    for day in days:
        found = signals(connection, job["id"], day, zone)
        of_day = _of_day(ledger.get(day, DaySummary()), found)
        if found and day == days.last:
            of_day["plot"] = _plot(connection, found, day, job["window_s"], zone)
        yield day, of_day


def _of_day(loaded: DaySummary, found: Sequence[Signal]) -> Metadata:
    table = _table(found) if found else "The source has no samples on this day."
    return {
        "dagster/partition_row_count": sum(signal.values for signal in found),
        "rows": loaded.rows,
        "windows": loaded.windows,
        "coverage": loaded.coverage,
        "extract_ms": loaded.extract_ms,
        "aggregate_ms": loaded.aggregate_ms,
        "load_ms": loaded.load_ms,
        "statistics": MetadataValue.md(table),
    }


def _table(found: Sequence[Signal]) -> str:
    lines = "".join(map(_line, found[:MAX_LINES]))
    more = f"\n\n{len(found) - MAX_LINES} more signals" if len(found) > MAX_LINES else ""
    return HEADER + lines + more


def _line(signal: Signal) -> str:
    # The mean of two directions is not their arithmetic one.
    shown = (None,) * 3 if signal.circular else (signal.low, signal.mean, signal.high)
    values = " | ".join("–" if value is None else f"{value:,.2f}" for value in shown)
    return f"| {signal.name} | {signal.unit or ''} | {signal.windows} | {values} |\n"


def _plot(
    connection: Connection, found: Sequence[Signal], day: date, window_s: int, zone: ZoneInfo
) -> MetadataValue[Any]:
    """Of the first asset; a person who wants another finds it in the dashboards."""
    first = [signal for signal in found if signal.asset == found[0].asset][:MAX_PANELS]
    curves: Mapping[Signal, Any] = {
        signal: curve(connection, signal, window_s, day, zone) for signal in first
    }
    return MetadataValue.md(day_plot.markdown(curves, day, window_s, zone))
