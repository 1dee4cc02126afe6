"""A stack that the tests of a folder share. It stops after the last of them in a row, because
an idle stack takes a fortieth of a core.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.e2e.pipeline import Pipeline


class SharedStack:
    """Starts the stack when a test of the folder needs it.
    The conftest of the folder has its two hooks.
    """

    def __init__(self, folder: Path, start: Callable[[], AbstractContextManager[Pipeline]]) -> None:
        self._folder, self._start = folder, start
        self._until = ExitStack()
        self._pipeline: Pipeline | None = None

    def pipeline(self) -> Pipeline:
        """The running stack, with what the test before left."""
        self._pipeline = self._pipeline or self._until.enter_context(self._start())
        return self._pipeline

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """Stop it if the next test is in another folder."""
        if nextitem is None or self._folder not in nextitem.path.parents:
            self.stop()

    def pytest_sessionfinish(self) -> None:
        """Stop it, also after an interrupt."""
        self.stop()

    def stop(self) -> None:
        """Stop it, if it runs; the next test that needs one gets a new one."""
        self._until.close()
        self._pipeline = None
