"""The metadata of a materialization, for each of its days."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dagster import MetadataValue
from sqlalchemy import Connection

from services.orchestrator import day_plot
from services.orchestrator.load_summary import DaySignal, DaySummary, by_day, curve, signals
from shared.clients.extractor import Job
from shared.domain.time_range import DateRange

MAX_LINES = 40
MAX_PANELS = 4
HEADER = "| signal | unit | windows | min | mean | max |\n|:--|:--|--:|--:|--:|--:|\n"

Metadata = dict[str, Any]


def of_job(job: Job, link: str) -> Metadata:
    """The metadata that all days of the job share."""
    note = {"note": job["note"]} if job["note"] else {}
    return {"job": job["id"], "job_link": MetadataValue.url(link), **note}


def of_days(
    connection: Connection, job: Job, days: DateRange, zone: ZoneInfo
) -> Iterator[tuple[date, Metadata]]:
    """The metadata of each day. Only the last day has a plot, so that a year has one, not 365."""
    ledger = by_day(connection, job["id"], zone)
    for day in days:
        day_signals = signals(connection, job["id"], day, zone)
        table = _table(day_signals) if day_signals else "The source has no samples on this day."
        metadata: Metadata = {
            "dagster/partition_row_count": sum(signal.values for signal in day_signals),
            **ledger.get(day, DaySummary())._asdict(),
            "statistics": MetadataValue.md(table),
        }
        if day_signals and day == days.last:
            metadata["plot"] = _plot(connection, day_signals, day, job["window_s"], zone)
        yield day, metadata


def _table(day_signals: Sequence[DaySignal]) -> str:
    lines = "".join(map(_line, day_signals[:MAX_LINES]))
    hidden = len(day_signals) - MAX_LINES
    return HEADER + lines + (f"\n\n{hidden} more signals" if hidden > 0 else "")


def _line(signal: DaySignal) -> str:
    # The arithmetic mean of directions has no meaning.
    figures = (None,) * 3 if signal.circular else (signal.low, signal.mean, signal.high)
    values = " | ".join("–" if figure is None else f"{figure:,.2f}" for figure in figures)
    return f"| {signal.name} | {signal.unit or ''} | {signal.windows} | {values} |\n"


def _plot(
    connection: Connection,
    day_signals: Sequence[DaySignal],
    day: date,
    window_s: int,
    zone: ZoneInfo,
) -> MetadataValue[Any]:
    """The plot of the first asset; the dashboard shows the others."""
    asset = day_signals[0].asset
    panels = [signal for signal in day_signals if signal.asset == asset][:MAX_PANELS]
    curves = {signal: curve(connection, signal, window_s, day, zone) for signal in panels}
    return MetadataValue.md(day_plot.markdown(curves, day, window_s, zone))
