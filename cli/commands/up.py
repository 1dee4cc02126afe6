"""`up`: the whole stack in the foreground."""

import os
import signal
import threading
import time
from datetime import datetime
from typing import Annotated

import typer

from cli import here
from cli.console import console
from cli.embedded.stack import Stack
from cli.stage import seed_if_empty, show_addresses
from shared.errors import MinuanoError

LOOK_EVERY_S = 0.25

Count = Annotated[int, typer.Option(min=1, max=64)]


def up(
    aggregators: Count = 2,
    loaders: Count = 1,
    extractors: Count = 1,
    assets: Annotated[
        int, typer.Option(help="Seed so many turbines in a column `asset`; 0: none", min=0)
    ] = 0,
) -> None:
    """Run the stack in the foreground, with its data in .minuano/; Ctrl-C ends it.

    Example: minuano up --aggregators 4

    A service that dies is started again. Other `minuano` commands in this folder find the stack.
    """
    if running := here.running():
        raise MinuanoError(f"a stack runs here already (pid {running.pid}): Ctrl-C it first")
    if assets:
        os.environ.setdefault("MINUANO_SOURCE_ASSET_COLUMN", "asset")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stack = Stack(here.FOLDER, usual_ports=True)
    try:
        with console.status("starting PostgreSQL and Redis …"):
            addresses = stack.start_servers()
        seed_if_empty(addresses, assets=assets)
        with console.status("starting the services …"):
            stack.start_services(aggregators=aggregators, loaders=loaders, extractors=extractors)
        addresses.save(stack.folder)
        show_addresses(stack)
        console.print("\nCtrl-C ends all of it.", style="bold")
        while not stop.wait(LOOK_EVERY_S):
            stack.revive(_tell)
    finally:
        started = time.monotonic()
        with console.status("ending …"):
            stack.stop()
        console.print(f"ended after {time.monotonic() - started:.1f} s; nothing is left running")


def _tell(name: str, what: str) -> None:
    console.print(f"{datetime.now().astimezone():%H:%M:%S} [yellow]{name}[/] {what}")
