"""Names that are harmful if inserted unescaped into SQL, a format string, a path or a terminal."""

# Allowed for tables, columns and turbines.
HOSTILE_NAMES = (
    'data"; DROP TABLE data; --', "data'; DROP TABLE data; --", "data; DELETE FROM data", "a--b",
    "/* data */", "\\", "\\'; SELECT 1", "\N{RIGHT SINGLE QUOTATION MARK} OR 1=1", "select", "%s",
    "%(power)s", "$1", ":power", "{}", "{0!r}", '""', "a b", "$$x$$", "U&\"\\0061\"",
    "x" * 63,
)  # fmt: skip
# Also allowed for turbines.
HOSTILE_ASSETS = (
    "'; TRUNCATE etl.job CASCADE; --", "T01, T02", " blanks ", "../../etc/passwd", "{asset}",
    "<script>alert(1)</script>", "\N{RIGHT-TO-LEFT OVERRIDE}10T", "T01\N{ZERO WIDTH SPACE}",
    "e\N{COMBINING ACUTE ACCENT}", "é", "T\N{FULLWIDTH DIGIT ZERO}1",
    "\N{MATHEMATICAL BOLD FRAKTUR CAPITAL T}", "y" * 200,
)  # fmt: skip
# Allowed for turbines in the source, but not in a job request.
CONTROL_CHARACTER_NAMES = ("line\nbreak", "tab\t", "\x1b[2J", "\x7f")
# Refused in a job request: empty, with control characters, or too long.
INVALID_NAMES = ("", "nul\x00", "line\nbreak", "tab\t", "\x1b[2J", "x" * 201, "x" * 10_000)


def quote_identifier(name: str) -> str:
    """The name as a quoted SQL identifier, without the code under test."""
    return '"' + name.replace('"', '""') + '"'
