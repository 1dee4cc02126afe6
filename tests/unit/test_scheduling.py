"""Which tests pytest-xdist gives to one worker, and in which order."""

import pytest

from tests import scheduling


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/promises/test_run_jobs.py::test_one", "tests/promises/"),
        ("tests/promises/test_how_it_works.py::test_two", "tests/promises/"),
        (
            "tests/unit/test_local_time.py::test_three[tests/promises/]",
            "tests/unit/test_local_time.py",
        ),
    ],
)
def test_tests_of_a_file_or_of_a_shared_stack_go_to_one_worker(nodeid: str, scope: str) -> None:
    assert scheduling.scope(nodeid) == scope


def test_the_folders_of_long_tests_come_first() -> None:
    nodeids = ["tests/browser/a", "tests/dashboard/b", "tests/faults/c", "tests/unit/d"]
    assert sorted(nodeids, key=scheduling.rank) == [
        "tests/faults/c", "tests/browser/a", "tests/dashboard/b", "tests/unit/d",
    ]  # fmt: skip
