"""Job requests: the source's names and days, the form, and commands to copy."""
