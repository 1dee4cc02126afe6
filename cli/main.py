"""The `minuano` command."""

import sys

import typer

from cli.commands import (
    dagster_cli,
    dead_letters,
    demo,
    doctor,
    jobs,
    reconcile,
    seed_and_migrate,
    status,
    up,
)
from cli.console import complaints
from shared.errors import ConfigurationError, MinuanoError

app = typer.Typer(
    name="minuano",
    help="Exact 10-minute statistics from raw wind-turbine samples.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (
    demo.demo, up.up, seed_and_migrate.seed, seed_and_migrate.migrate,
    jobs.run, jobs.backfill, jobs.jobs, jobs.cancel, jobs.retry,
    reconcile.reconcile, status.status, doctor.doctor,
):  # fmt: skip
    app.command()(command)
app.command(context_settings=dagster_cli.PASSED_ON)(dagster_cli.dagster)
app.add_typer(dead_letters.app, name="dead")


def main() -> int:
    """Run the command; 0 is success, 1 a failure that one line explains, 2 a wrong setting, 130
    Ctrl-C.
    """
    try:
        app()
    except ConfigurationError as error:
        complaints.print(f"minuano: {error}", markup=False, soft_wrap=True)
        return 2
    except MinuanoError as error:
        complaints.print(f"minuano: {error}", markup=False, soft_wrap=True)
        return 1
    except OSError as error:  # a folder that may not be written, a full disk
        complaints.print(f"minuano: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
