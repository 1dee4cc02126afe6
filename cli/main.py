"""The `minuano` command."""

import sys

import typer

from cli.commands import (
    audit,
    dagster_cli,
    data,
    dead_letters,
    demo,
    doctor,
    jobs,
    migrate,
    prune,
    reconcile,
    run,
    seed,
    status,
    up,
)
from cli.console import error_console, use_any_encoding
from shared.errors import ConfigurationError, MinuanoError

app = typer.Typer(
    name="minuano",
    help="Exact 10-minute statistics from raw wind-turbine samples.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (
    demo.demo, up.up, seed.seed, migrate.migrate,
    run.run, run.backfill, jobs.jobs, jobs.cancel, jobs.retry,
    data.data, reconcile.reconcile, status.status, doctor.doctor, audit.audit,
    prune.prune,
):  # fmt: skip
    app.command()(command)
app.command(context_settings=dagster_cli.PASS_ARGUMENTS)(dagster_cli.dagster)
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> int:
    """Run the command and return its exit code: 0 success, 1 failure, 2 wrong setting. An error is
    one line on standard error. Ctrl-C ends with 130.
    """
    use_any_encoding()
    try:
        app()
    except ConfigurationError as error:
        _print_error(error)
        return 2
    except (MinuanoError, OSError) as error:  # OSError: a folder without write access, a full disk
        _print_error(error)
        return 1
    return 0


def _print_error(error: Exception) -> None:
    error_console.print(f"minuano: {error}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
