"""`reconcile`: is the target still what the source says?"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from cli import context
from cli.commands.jobs import TIMEOUT_S, Timeout, Variables, follow
from cli.console import console, table
from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.domain.job_request import DEFAULT_VARIABLES
from shared.ledger.reconciliation import Difference, differences
from shared.postgres import engines
from shared.setting_types import split_names
from shared.settings import SourceSettings, StatisticsSettings, TargetSettings

MAX_DAYS = 3_660
WHY = {
    "missing": "the source has samples, and nothing was loaded",
    "changed": "the source has other samples than those that were loaded",
    "partly": "not loaded as a whole, or before fingerprints were kept",
}


def reconcile(
    days: Annotated[
        int, typer.Option(help="How many, up to the source's newest", min=1, max=MAX_DAYS)
    ] = 30,
    variables: Variables = None,
    run: Annotated[bool, typer.Option("--run", help="Compute the days that differ")] = False,
    timeout_s: Timeout = TIMEOUT_S,
) -> None:
    """Compare what was loaded with what the source has now, day by day.

    Example: minuano reconcile --days 30 --run

    Ends with 0 when nothing differs, or when `--run` has put it right; with 1 otherwise.
    """
    wanted = DEFAULT_VARIABLES if variables is None else tuple(split_names(variables))
    source = context.load(SourceSettings)
    zone = ZoneInfo(source.source_timezone)
    connector = ConnectorClient(context.load(ConnectorClientSettings))
    newest = connector.extent().last
    if newest is None:
        console.print("the source is empty")
        return
    last = newest.astimezone(zone).date()
    first = last - timedelta(days=days - 1)
    target = context.load(TargetSettings).target_url.get_secret_value()
    engine = engines.connect(target, application="reconcile")
    with console.status(f"reading {days} days of the source …"):
        found = differences(
            connector, engine, first, last,
            zone=zone, window_s=context.load(StatisticsSettings).window_s, wanted=wanted,
        )  # fmt: skip
    engine.dispose()
    _show(found, f"{first} to {last}")
    if found and not (run and _run(found, timeout_s)):
        raise typer.Exit(1)


def _show(found: Sequence[Difference], period: str) -> None:
    if not found:
        console.print(f"[green]{period}: the target stands as the source says[/]")
        return
    shown = table("day", "asset", "variables", "why", free="why")
    for (day, asset, why), group in groupby(found, key=lambda d: (d.day, d.asset, d.reason)):
        variables = ", ".join(difference.variable for difference in group)
        shown.add_row(day.isoformat(), asset, variables, f"{why}: {WHY[why]}")
    console.print(shown)
    days = len({difference.day for difference in found})
    console.print(f"{period}: {days} {'day differs' if days == 1 else 'days differ'}")


def _run(found: Sequence[Difference], timeout_s: float) -> bool:
    """One job for each run of neighbouring days; whether all of them are done."""
    extractor = ExtractorClient(context.load(ExtractorClientSettings))
    done = True
    for days in _neighbours(sorted({difference.day for difference in found})):
        there = [difference for difference in found if days[0] <= difference.day <= days[-1]]
        request = {
            "start": days[0].isoformat(),
            "end": days[-1].isoformat(),
            "variables": sorted({difference.variable for difference in there}),
            "assets": sorted({difference.asset for difference in there if difference.asset}),
        }
        done &= follow(extractor, extractor.post(request)["id"], timeout_s)
    return done


def _neighbours(days: Sequence[date]) -> Iterator[list[date]]:
    for _, group in groupby(enumerate(days), key=lambda each: each[1].toordinal() - each[0]):
        yield [day for _, day in group]
