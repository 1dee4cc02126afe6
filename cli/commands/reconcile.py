"""`reconcile`: compare the loaded data with the source."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli import clients, context
from cli.commands.run import TIMEOUT_S, Assets, Timeout, follow
from cli.console import console, table
from cli.reconcile_scope import Known, ReconcileSettings, sentence
from shared.clients.connector import ConnectorClient
from shared.clients.settings import ConnectorClientSettings
from shared.domain.job_request import MAX_ASSETS, MAX_VARIABLES
from shared.ledger.reconciliation import QUALITY, Difference, Scope, differences

MAX_DAYS = 3_660
REASONS = {
    "missing": "the source has samples, and nothing was loaded",
    "changed": "the source has other samples than those that were loaded",
    "partly": "only a part was loaded, or it was loaded before fingerprints were kept",
    "settings": "it was computed with other settings than those of now",
    "altered": "the target has other rows than those that were loaded",
}
ComparedVariables = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated, or * for all; by default those of MINUANO_VARIABLES and all that "
        "were ever loaded"
    ),
]
ComparedStatistics = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated; by default those of MINUANO_STATISTICS and, where they were loaded, "
        "others"
    ),
]


def reconcile(
    days: Annotated[
        int, typer.Option(help="How many days, up to the newest", min=1, max=MAX_DAYS)
    ] = 30,
    variables: ComparedVariables = None,
    statistics: ComparedStatistics = None,
    assets: Assets = None,
    run: Annotated[bool, typer.Option("--run", help="Compute the days that differ")] = False,
    timeout_s: Timeout = TIMEOUT_S,
) -> None:
    """Compare the loaded data with the source, day by day.

    Example: minuano reconcile --days 30 --run

    It compares values and quality, not the names and units of signals: the next load of a signal
    writes these anew.

    Ends with 0 if no day differs, or if `--run` computed all that differs; with 1 otherwise; with
    2 if a name is not known.
    """
    settings = context.load(ReconcileSettings)
    engine = clients.target("reconcile")
    connector = ConnectorClient(context.load(ConnectorClientSettings))
    with closing(connector), console.status(f"reading {days} days of source and target …"):
        known = Known.read(connector, engine, settings.window_s)
        scope = known.scope(
            settings, days, variables=variables, statistics=statistics, assets=assets
        )
        differing = differences(connector, engine, scope) if scope else []
    engine.dispose()
    if scope is None:
        console.print("the source is empty, and nothing was loaded")
        return
    _show(differing, scope)
    if differing and not (run and _run(differing, scope, known, timeout_s)):
        raise typer.Exit(1)


def _show(differing: Sequence[Difference], scope: Scope) -> None:
    if not differing:
        _print(f"{sentence(scope)}: the target agrees with the source", style="green")
        return
    _print_table(differing, scope)
    days = len({difference.day for difference in differing})
    _print(f"{sentence(scope)}: {days} {'day differs' if days == 1 else 'days differ'}")


def _print_table(differing: Sequence[Difference], scope: Scope) -> None:
    rows = table("day", "asset", "variables", "reason", wraps="reason")
    by_reason = sorted(differing, key=lambda d: (d.day, d.asset, d.reason))
    for (day, asset, reason), group in groupby(by_reason, key=lambda d: (d.day, d.asset, d.reason)):
        names = ", ".join(_names(list(group), len(scope.statistics) + 1))
        rows.add_row(day.isoformat(), escape(asset), escape(names), f"{reason}: {REASONS[reason]}")
    console.print(rows)


def _names(differing: Sequence[Difference], all_series: int) -> Iterator[str]:
    """The variables, each with its statistics if not all of them differ."""
    for variable, group in groupby(differing, key=lambda d: d.variable):
        statistics = [difference.statistic for difference in group]
        few = len(statistics) < all_series
        yield f"{variable} ({', '.join(statistics)})" if few else variable


def _run(
    differing: Sequence[Difference],
    scope: Scope,
    known: Known,
    timeout_s: float,
) -> bool:
    """Post jobs for the days that differ; return whether all are done and leave no difference."""
    extractor = clients.extractor()
    possible = [d for d in differing if _has_source(d, scope, known)]
    left = [d for d in differing if not _has_source(d, scope, known)]
    done = True
    for request, of_request in _requests(possible):
        job = extractor.post(request, by=clients.actor())
        done &= follow(extractor, job["id"], timeout_s)
        left += [d for d in of_request if d.statistic not in (*job["statistics"], QUALITY)]
    if left:
        _print(
            "These differ still, and no job computes them: the variable or the asset is not in the "
            "source, or the statistic is not in MINUANO_STATISTICS."
        )
        _print_table(left, scope)
    return done and not left


def _has_source(difference: Difference, scope: Scope, known: Known) -> bool:
    """Whether a job can have this variable and asset."""
    asset, assets = difference.asset, {*(known.assets or [""]), *known.loaded.assets}
    has_asset = bool(asset) == bool(known.assets) and asset in assets
    return has_asset and difference.variable in scope.source_variables


def _requests(
    differing: Sequence[Difference],
) -> Iterator[tuple[dict[str, Any], list[Difference]]]:
    """A job for each series of consecutive days. It is a rectangle of days, assets and variables,
    and leaves out slices that do not differ.
    """
    for days in _consecutive(sorted({difference.day for difference in differing})):
        in_days = [d for d in differing if days[0] <= d.day <= days[-1]]
        variables = sorted({difference.variable for difference in in_days})
        for first in range(0, len(variables), MAX_VARIABLES):
            names = variables[first : first + MAX_VARIABLES]
            of_job = [d for d in in_days if d.variable in names]
            assets = sorted({difference.asset for difference in of_job if difference.asset})
            yield {
                "start": days[0].isoformat(), "end": days[-1].isoformat(), "variables": names,
                "assets": assets if len(assets) <= MAX_ASSETS else [], "only": "changed",
            }, of_job  # fmt: skip


def _consecutive(days: Sequence[date]) -> Iterator[list[date]]:
    for _, group in groupby(enumerate(days), key=lambda item: item[1].toordinal() - item[0]):
        yield [day for _, day in group]


def _print(text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)
