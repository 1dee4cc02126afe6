"""A contender that the machine does not have is left out."""

from bench.contest import first_missing


def test_the_first_module_that_is_not_installed_is_found() -> None:
    assert first_missing(["json", "not_installed", "neither"]) == "not_installed"
    assert first_missing(["json"]) is None
