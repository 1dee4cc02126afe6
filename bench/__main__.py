"""`python -m bench`: measure Minuano, or test its bounds under load."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from bench import report, suite
from bench.distance import measurements as distance
from bench.distance import report as distance_report
from bench.distance.plan import Plan as DistancePlan
from bench.load import suite as load_suite
from bench.plan import Plan, Workload
from cli.console import console, error_console
from shared.errors import ConfigurationError, MinuanoError

DOCUMENT, LOAD_DOCUMENT = Path("docs/performance.md"), Path("docs/reliability.md")
FIGURES = ("<!-- figures -->", "<!-- end of figures -->")
DISTANCE_FIGURES = ("<!-- distance -->", "<!-- end of distance -->")
LOAD_FIGURES = ("<!-- load tests -->", "<!-- end of load tests -->")

Quick = Annotated[bool, typer.Option("--quick", help="Measure less: enough to compare two commits")]
Write = Annotated[bool, typer.Option("--write", help="Write the figures into docs/")]

app = typer.Typer(
    name="python -m bench",
    help="Measure Minuano, or test its bounds under load.",
    epilog="Example: python -m bench suite --quick --json bench.json",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("suite")
def run_suite(
    quick: Quick = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every run into this file")
    ] = None,
    only: Annotated[
        list[Workload] | None, typer.Option("--only", help="A workload; repeat it for more")
    ] = None,
    write: Write = False,
) -> None:
    """Measure Minuano beside scripts that do the same work.

    Starts temporary servers and stops them at the end. Takes a quarter of an hour, or four minutes
    with --quick. Ends with an error if a script writes other rows than Minuano.

    Example: python -m bench suite --quick --only year --only farm --json bench.json
    """
    if write:
        _require(DOCUMENT)
    if json_file and not json_file.absolute().parent.is_dir():
        raise ConfigurationError(f"--json: there is no folder {json_file.parent}")
    with console.status("starting …") as status:
        plan = Plan.quick() if quick else Plan()
        results = suite.run(plan, lambda step: status.update(f"{step} …"), only=only or ())
    if json_file:
        json_file.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    publish(report.markdown(results), DOCUMENT if write else None, FIGURES)


@app.command("load")
def run_load(quick: Quick = False, write: Write = False) -> None:
    """Test the bounds: full streams, many concurrent clients, slow clients.

    Starts temporary servers and stops them at the end. Takes a quarter of an hour. Exits with 1 if
    a bound does not hold.

    Example: python -m bench load --quick
    """
    if write:
        _require(LOAD_DOCUMENT)
    with console.status("starting …") as status:
        loads = load_suite.QUICK if quick else load_suite.FULL
        results = load_suite.run(loads, lambda step: status.update(f"{step} …"))
    publish(load_suite.markdown(results), LOAD_DOCUMENT if write else None, LOAD_FIGURES)
    if not all(result.held for result in results):
        raise typer.Exit(1)


@app.command("distance")
def run_distance(quick: Quick = False, write: Write = False) -> None:
    """Measure what distance costs: five hosts behind a router, 0, 5 and 50 ms apart.

    The hosts are network namespaces: needs Linux, root and /dev/net/tun. Takes a quarter of an
    hour, or less with --quick.

    Example: python -m bench distance --quick
    """
    if write:
        _require(DOCUMENT)
    with console.status("starting …") as status:
        plan = DistancePlan.quick() if quick else DistancePlan()
        results = distance.run(plan, lambda step: status.update(f"{step} …"))
    publish(distance_report.markdown(results, plan), DOCUMENT if write else None, DISTANCE_FIGURES)


def publish(text: str, document: Path | None, markers: tuple[str, str]) -> None:
    """Print a report, and write it between two marker lines of the document, if given."""
    console.print(Markdown(text))
    if document:
        begin, end = markers
        before, _, rest = document.read_text().partition(begin)
        after = rest.partition(end)[2]
        document.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
        console.print(f"written: {document}")


def _require(document: Path) -> None:
    if not document.exists():
        raise ConfigurationError(f"--write: there is no {document}: run it in a checkout")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 for a failure or a bound that does not hold, or 2 for misuse."""
    try:
        app(arguments)
    except (MinuanoError, OSError) as error:
        error_console.print(f"bench: {error}", markup=False, soft_wrap=True)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
