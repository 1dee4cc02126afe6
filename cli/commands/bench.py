"""`bench`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markdown import Markdown

from cli.console import console
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from bench.results import Results

DOCUMENT, LIMITS_DOCUMENT = Path("docs/performance.md"), Path("docs/reliability.md")
PICTURE = Path("docs/images/performance")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
LIMITS_BEGIN, LIMITS_END = "<!-- limits -->", "<!-- /limits -->"
NO_CODE = "there is no {} here: run it where Minuano's code is"


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="One round of less: to see whether a change helps")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every run into this file, for machines")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help=f"Put the figures into {DOCUMENT} and draw them")
    ] = False,
    limits: Annotated[
        bool,
        typer.Option("--limits", help=f"Try the bounds under load instead; {LIMITS_DOCUMENT}"),
    ] = False,
) -> None:
    """Measure Minuano beside a plain script and beside what the machine can do.

    Example: minuano bench --quick --json bench.json

    Runs on servers of its own and leaves nothing running. It takes four minutes, with --quick
    a minute and a half. With --limits it takes a quarter of an hour, and exits with 1 if a bound
    does not hold.
    """
    document = LIMITS_DOCUMENT if limits else DOCUMENT
    if write and not document.exists():
        raise ConfigurationError(f"--write: {NO_CODE.format(document)}")
    if limits:
        _limits(quick=quick, write=write)
    else:
        _performance(quick=quick, json_file=json_file, write=write)


def _limits(*, quick: bool, write: bool) -> None:
    try:
        from bench.load.suite import Scale, markdown, run
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"bench: {error}: run it in a checkout of Minuano's code"
        ) from None
    with console.status("starting …") as status:
        found = run(Scale.quick() if quick else Scale(), lambda what: status.update(f"{what} …"))
    text = markdown(found)
    console.print(Markdown(text))
    if write:
        _replace(LIMITS_DOCUMENT, LIMITS_BEGIN, LIMITS_END, text)
        console.print(f"written: {LIMITS_DOCUMENT}")
    if not all(limit.held for limit in found):
        raise typer.Exit(1)


def _performance(*, quick: bool, json_file: Path | None, write: bool) -> None:
    try:
        from bench import plot
        from bench.plan import Plan
        from bench.suite import run
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"bench: {error}: run it in a checkout of Minuano's code"
        ) from None
    if json_file and not json_file.absolute().parent.is_dir():
        raise ConfigurationError(f"--json: there is no folder {json_file.parent}")
    if write:
        plot.require()
    plan = Plan.quick() if quick else Plan()
    with console.status("starting …") as status:
        results = run(plan, lambda what: status.update(f"{what} …"))
    publish(results, json_file=json_file, document=DOCUMENT if write else None, picture=PICTURE)


def publish(
    results: "Results", *, json_file: Path | None, document: Path | None, picture: Path
) -> None:
    """Print the report; write the JSON file, and the document with its picture, where given."""
    from bench import plot, report

    text = report.markdown(results)
    console.print(Markdown(text))
    if json_file:
        json_file.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if document:
        plot.draw(results, picture)
        _replace(document, BEGIN, END, text)
        console.print(f"written: {document}, {picture}.png, {picture}.svg")


def _replace(document: Path, begin: str, end: str, text: str) -> None:
    """Put the text between two lines of a document."""
    before, _, rest = document.read_text().partition(begin)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{begin}\n{text}{end}{after}")
