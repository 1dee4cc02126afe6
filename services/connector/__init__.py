"""HTTP API in front of the source database; the only service that reads it."""
