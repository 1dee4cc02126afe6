"""One fault stack for each test file. pytest-xdist gives a file to one worker, so the faults are in
four files. A file chooses the number of slices of a batch with `BATCH_SLICES`.
"""

from collections.abc import Iterator

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.stack_setup import SOME_SLICES, running_fault_stack


@pytest.fixture(scope="module")
def fault_stack(request: pytest.FixtureRequest) -> Iterator[FaultStack]:
    batch_slices = getattr(request.module, "BATCH_SLICES", SOME_SLICES)
    with running_fault_stack(batch_slices=batch_slices) as fault_stack:
        yield fault_stack
