"""Read-only queries of the target database, one module per question."""
