"""The job form: what can be asked for, and how a job is spelled elsewhere."""
