"""Read-only queries of the target database, one module for each question."""
