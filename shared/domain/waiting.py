"""Why an open job makes no progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Reason = Literal["redis", "server", "handler", "busy", "no_worker", "room", "turn", "lost"]
TEXTS: Mapping[Reason, str] = {
    "redis": "the pipeline waits for Redis",
    "server": "the {stage} waits for {server}",
    "handler": "the {stage} handles its entries and makes no progress",
    "busy": "another {stage} works on the same days",
    "no_worker": "no {stage} reads {stream}: start one",
    "room": "the {stage} waits until {stream} has room",
    "turn": "entries on {stream}: {entries}, in progress: {pending}",
    "lost": "no stream has an entry of it: the extractor publishes it again",
}
"""English, and the keys of the dashboard's translations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The reason and the names in its text, since when, the last error, and how often it was tried;
    0 if nothing is tried.
    """

    reason: Reason
    names: Mapping[str, str]
    since: datetime
    error: str | None = None
    tries: int = 0

    @property
    def text(self) -> str:
        """English, with the names of its names in braces."""
        return TEXTS[self.reason]

    def __str__(self) -> str:
        return self.text.format(**self.names)
