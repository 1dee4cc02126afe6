"""Which tests pytest-xdist gives to one worker: those of a file, and those that share a stack."""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

SHARED_STACKS = ("tests/promises/",)
"""Folders whose tests use one stack: two workers would start it twice."""


def scope(nodeid: str) -> str:
    """What is given to a worker as a whole: a file, or a folder with a shared stack."""
    path = nodeid.split("::", 1)[0]
    return next((folder for folder in SHARED_STACKS if path.startswith(folder)), path)


class StackScheduling(LoadFileScheduling):  # type: ignore[misc]
    """As `--dist=loadfile`, with these scopes."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """For `--dist=loadfile`; None leaves other ways of distributing tests to pytest-xdist."""
    return StackScheduling(config, log) if config.getvalue("dist") == "loadfile" else None
