"""Signals during start-up, before a service is ready to shut down in order."""

import os
import signal


def exit_on_signals() -> None:
    """Until start-up has finished there is no work in flight, so SIGTERM and SIGINT exit at once
    with 0. Without a handler the first process of a container would ignore both.

    `shared.service.main` replaces the handlers.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
