"""The ledger of jobs and slices in the target database, and what builds on it."""
