"""The size guard names what is too large, and exceptions that are no longer needed."""

from tools.size_guard import problems

LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 40
LONG_FILE = "x = 1\n" * 301


def test_a_file_and_a_function_over_their_limits_are_named() -> None:
    files = {"a.py": LONG_FILE, "b.py": LONG_FUNCTION, "c.py": "x = 1\n" * 300}
    assert problems(files, {}) == [
        "a.py: 301 lines; at most 300", "b.py::long: 41 lines; at most 40",
    ]  # fmt: skip


def test_an_exception_is_accepted_while_it_is_needed() -> None:
    exceptions = {"b.py::long": "a table of options"}
    assert problems({"b.py": LONG_FUNCTION}, exceptions) == []
    assert problems({"b.py": "x = 1\n"}, exceptions) == [
        "b.py::long: the exception is no longer needed"
    ]
