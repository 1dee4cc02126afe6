"""Names that do harm if pasted unescaped into SQL, a format, a path or a terminal."""

# What a table or a column may be called.
HOSTILE_NAMES = (
    'data"; DROP TABLE data; --', "data'; DROP TABLE data; --", "data; DELETE FROM data", "a--b",
    "/* data */", "\\", "\\'; SELECT 1", "\N{RIGHT SINGLE QUOTATION MARK} OR 1=1", "select", "%s",
    "%(power)s", "$1", ":power", "{}", "{0!r}", '""', "a b", "$$x$$", "U&\"\\0061\"",
    "x" * 63,
)  # fmt: skip
# What a turbine may be called besides.
HOSTILE_ASSETS = (
    "'; TRUNCATE etl.job CASCADE; --", "T01, T02", " blanks ", "../../etc/passwd", "{asset}",
    "<script>alert(1)</script>", "\N{RIGHT-TO-LEFT OVERRIDE}10T", "T01\N{ZERO WIDTH SPACE}",
    "e\N{COMBINING ACUTE ACCENT}", "é", "T\N{FULLWIDTH DIGIT ZERO}1",
    "\N{MATHEMATICAL BOLD FRAKTUR CAPITAL T}", "y" * 200,
)  # fmt: skip
# What it may be called where nobody has to type it.
UNTYPED = ("line\nbreak", "tab\t", "\x1b[2J", "\x7f")
# What nothing in a job may be called: no letters, or too many.
NO_NAMES = ("", "nul\x00", "line\nbreak", "tab\t", "\x1b[2J", "x" * 201, "x" * 10_000)


def quoted(name: str) -> str:
    """The name as an identifier, by a rule of our own: in quotes, each of its own twice."""
    return '"' + name.replace('"', '""') + '"'
