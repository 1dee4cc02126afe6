"""The scripts run in a child process, so that their CPU time and memory can be measured."""

import importlib
import multiprocessing
from contextlib import suppress
from multiprocessing.connection import Connection

from bench.contenders.task import Task
from shared.errors import MinuanoError

STOP_WITHIN_S = 5.0
MAX_ERROR_CHARS = 500


class ScriptProcess:
    """One process for all scripts; a script is imported when it is run for the first time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, pipe = context.Pipe()
        self._process = context.Process(target=_serve, args=(pipe,), daemon=True)
        self._process.start()
        pipe.close()
        self.pid = self._process.pid or 0

    def run(self, module: str, task: Task) -> None:
        """Call `run(task)` of a module. Raises `MinuanoError` with the text of its error."""
        self._pipe.send((module, task))
        try:
            error = self._pipe.recv()
        except EOFError:
            raise MinuanoError(f"{module} ended its process") from None
        if error:
            raise MinuanoError(f"{module}: {error}")

    def close(self) -> None:
        self._pipe.close()
        self._process.join(STOP_WITHIN_S)
        self._process.kill()


def _serve(pipe: Connection) -> None:
    with suppress(EOFError):
        while True:
            module, task = pipe.recv()
            try:
                importlib.import_module(module).run(task)
            except Exception as error:  # noqa: BLE001 - the parent raises it
                pipe.send(f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS])
            else:
                pipe.send(None)
