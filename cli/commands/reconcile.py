"""`reconcile`: compare the loaded data with the source."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Annotated

import typer

from cli import clients, context
from cli.commands.run import TIMEOUT_S, Timeout, Variables, follow
from cli.console import console, table
from shared.clients.connector import ConnectorClient
from shared.clients.settings import ConnectorClientSettings
from shared.domain.job_request import DEFAULT_VARIABLES
from shared.domain.time_range import ONE_DAY, DateRange
from shared.ledger.reconciliation import Difference, differences
from shared.setting_types import split_names
from shared.settings import SourceSettings, StatisticsSettings

MAX_DAYS = 3_660
REASONS = {
    "missing": "the source has samples, and nothing was loaded",
    "changed": "the source has other samples than those that were loaded",
    "partly": "only a part was loaded, or it was loaded before fingerprints were kept",
}


def reconcile(
    days: Annotated[
        int, typer.Option(help="How many days, up to the source's newest", min=1, max=MAX_DAYS)
    ] = 30,
    variables: Variables = None,
    run: Annotated[bool, typer.Option("--run", help="Compute the days that differ")] = False,
    timeout_s: Timeout = TIMEOUT_S,
) -> None:
    """Compare the loaded data with the source, day by day.

    Example: minuano reconcile --days 30 --run

    Ends with 0 if no day differs, or if `--run` computed all days that differ; with 1 otherwise.
    """
    source = context.load(SourceSettings)
    zone = source.zone
    connector = ConnectorClient(context.load(ConnectorClientSettings))
    newest = connector.extent().last
    if newest is None:
        console.print("the source is empty")
        return
    last = newest.astimezone(zone).date()
    period = DateRange(last - (days - 1) * ONE_DAY, last)
    engine = clients.target("reconcile")
    with console.status(f"reading {days} days of the source …"):
        differing = differences(
            connector, engine, period.first, period.last,
            zone=zone, window_s=context.load(StatisticsSettings).window_s,
            variables=DEFAULT_VARIABLES if variables is None else tuple(split_names(variables)),
        )  # fmt: skip
    engine.dispose()
    _show(differing, f"{period.first} to {period.last}")
    if differing and not (run and _run(differing, timeout_s)):
        raise typer.Exit(1)


def _show(differing: Sequence[Difference], period: str) -> None:
    if not differing:
        console.print(f"[green]{period}: the target agrees with the source[/]")
        return
    rows = table("day", "asset", "variables", "reason", wraps="reason")
    for (day, asset, reason), group in groupby(differing, key=lambda d: (d.day, d.asset, d.reason)):
        variables = ", ".join(difference.variable for difference in group)
        rows.add_row(day.isoformat(), asset, variables, f"{reason}: {REASONS[reason]}")
    console.print(rows)
    days = len({difference.day for difference in differing})
    console.print(f"{period}: {days} {'day differs' if days == 1 else 'days differ'}")


def _run(differing: Sequence[Difference], timeout_s: float) -> bool:
    """Post one job for each series of consecutive days; return whether all jobs are done. A job is
    a rectangle of days, assets and variables, so it leaves out slices that do not differ.
    """
    extractor = clients.extractor()
    done = True
    for days in _consecutive(sorted({difference.day for difference in differing})):
        in_days = [d for d in differing if days[0] <= d.day <= days[-1]]
        request = {
            "start": days[0].isoformat(),
            "end": days[-1].isoformat(),
            "variables": sorted({difference.variable for difference in in_days}),
            "assets": sorted({difference.asset for difference in in_days if difference.asset}),
            "only": "changed",
        }
        done &= follow(extractor, extractor.post(request)["id"], timeout_s)
    return done


def _consecutive(days: Sequence[date]) -> Iterator[list[date]]:
    for _, group in groupby(enumerate(days), key=lambda item: item[1].toordinal() - item[0]):
        yield [day for _, day in group]
