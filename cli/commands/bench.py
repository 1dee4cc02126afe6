"""`bench`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from cli.console import console
from shared.errors import Misconfigured

DOCUMENT = Path("docs/performance.md")
PICTURE = Path("docs/images/performance")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


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
) -> None:
    """Measure Minuano beside a plain script and beside what the machine can do.

    Example: minuano bench --quick --json bench.json

    Runs on servers of its own and leaves nothing running. It takes four minutes, with --quick
    a minute and a half.
    """
    try:
        from bench import plot, report
        from bench.run import Plan, run
    except ModuleNotFoundError as error:
        raise Misconfigured(f"bench: {error}: run it in a checkout of Minuano's code") from None
    if write and not DOCUMENT.exists():
        raise Misconfigured(f"--write: there is no {DOCUMENT} here: run it where Minuano's code is")
    if json_file and not json_file.absolute().parent.is_dir():
        raise Misconfigured(f"--json: there is no folder {json_file.parent}")
    if write:
        plot.require()
    plan = Plan.quick() if quick else Plan()
    with console.status("starting …") as status:
        results = run(plan, lambda what: status.update(f"{what} …"))
    text = report.markdown(results)
    console.print(Markdown(text))
    if json_file:
        json_file.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if write:
        plot.draw(results, PICTURE)
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
        console.print(f"written: {DOCUMENT}, {PICTURE}.png, {PICTURE}.svg")
