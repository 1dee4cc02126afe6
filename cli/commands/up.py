"""`up`: the whole stack in the foreground."""

import time
from datetime import datetime
from typing import Annotated

import typer

from cli import context
from cli.console import console
from cli.embedded import dagster_stack
from cli.embedded.session import prepare_source, print_urls, stop_on_exit
from cli.embedded.stack import Stack
from shared.errors import Conflict

CHECK_EVERY_S = 0.25

Count = Annotated[int, typer.Option(help="How many processes", min=1, max=64)]


def up(
    aggregators: Count = 2,
    loaders: Count = 1,
    extractors: Count = 1,
    assets: Annotated[
        int,
        typer.Option(help="How many turbines the sample data have; 0: no asset column", min=0),
    ] = 0,
    with_dagster: Annotated[
        bool, typer.Option("--dagster", help="Run Dagster's web pages and daemon too")
    ] = False,
) -> None:
    """Run the stack in the foreground, with its data in .minuano/. Ctrl-C stops it.

    Example: minuano up --aggregators 4

    A service that ends is restarted. Other `minuano` commands in this folder use this stack.
    """
    if with_dagster:
        dagster_stack.require_installed()
    if running := context.running_stack():
        raise Conflict(
            f"a stack already runs in {running.folder} (pid {running.pid}): "
            "stop it with Ctrl-C first"
        )
    stack = Stack(context.FOLDER, usual_ports=True)
    try:
        with stop_on_exit(stack):
            began = time.monotonic()
            _start(stack, assets, aggregators=aggregators, loaders=loaders, extractors=extractors)
            if with_dagster:
                _start_dagster(stack)
            _announce(stack, time.monotonic() - began)
            _keep_running(stack)
    except KeyboardInterrupt:
        console.print("stopped; no process is left running")


def _start(stack: Stack, assets: int, **processes: int) -> None:
    with console.status("starting PostgreSQL and Redis …"):
        state = stack.start_servers()
    stack.add_settings(prepare_source(state, assets=assets))
    with console.status("starting the services …"):
        stack.start_services(**processes, dashboard=True)


def _start_dagster(stack: Stack) -> None:
    with console.status("starting Dagster …"):
        dagster_stack.start(stack)


def _announce(stack: Stack, took_s: float) -> None:
    stack.announce()
    console.print(f"ready after {took_s:.1f} s", style="green")
    print_urls(stack)
    console.print("\nCtrl-C stops all processes.", style="bold")


def _keep_running(stack: Stack) -> None:
    while True:
        stack.restart_dead(_print_event)
        time.sleep(CHECK_EVERY_S)


def _print_event(name: str, event: str) -> None:
    console.print(
        f"{datetime.now().astimezone():%H:%M:%S} {name} {event}",
        style="yellow",
        markup=False,
        soft_wrap=True,
    )
