"""All errors that Minuano raises. Errors of client libraries are translated where the client is."""


class MinuanoError(Exception):
    """Base class. The text says what is wrong and what to do; a person reads it."""


class ConfigurationError(MinuanoError):
    """A setting is missing or wrong. The process exits with code 2."""


class InvalidInput(MinuanoError):
    """This input can never work. Trying again does not help; `reason` names the kind of error."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class InvalidParameter(InvalidInput):
    """One field of a request has a value that is not allowed; `message` says what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("parameter", f"{field}: {message}")
        self.field, self.message = field, message


class Unavailable(MinuanoError):
    """A server is unavailable, full or busy. Wait and try again; nothing is lost."""


class TimedOut(MinuanoError):
    """A statement took longer than its limit. Trying again helps if the server was only busy."""


class ShutdownRequested(MinuanoError):
    """SIGTERM or SIGINT arrived during a wait."""


class NotFound(MinuanoError):
    """The requested job, dead letter or other object does not exist."""


class Conflict(MinuanoError):
    """The request contradicts the current state, for example a retry of a running job."""
