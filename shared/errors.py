"""Every error Minuano raises by itself; those of client libraries are translated at their edge."""


class MinuanoError(Exception):
    """Base of all of them; its text is written for the person who reads it."""


class ConfigurationError(MinuanoError):
    """A setting is missing or wrong: the process ends with exit code 2."""


class InvalidInput(MinuanoError):
    """This input can never work, however often it is tried."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Unavailable(MinuanoError):
    """Something we need is away for now: wait and try again; nothing is lost."""


class ShutdownRequested(MinuanoError):
    """The process was asked to stop while it waited."""


class NotFound(MinuanoError):
    """There is no such thing."""


class Conflict(MinuanoError):
    """The request contradicts what is already there."""
