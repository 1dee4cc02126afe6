"""What pytest's workers get as a whole."""

import pytest

from tests import scheduling


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/promises/test_see_it.py::test_one", "tests/promises/"),
        ("tests/promises/test_how_it_works.py::test_two", "tests/promises/"),
        ("tests/unit/test_clocks.py::test_three[tests/promises/]", "tests/unit/test_clocks.py"),
    ],
)
def test_tests_of_a_file_or_of_a_shared_stack_go_to_one_worker(nodeid: str, scope: str) -> None:
    assert scheduling.scope(nodeid) == scope
