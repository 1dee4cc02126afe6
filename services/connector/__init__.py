"""HTTP in front of the source database: the only code that knows it."""
