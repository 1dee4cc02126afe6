"""What becomes of an entry whose handler failed: two halves, a dead letter, or a retry.

An entry with many slices is divided before anything else, again and again, until the slice that
fails has an entry of its own. The other slices are handled as if nothing had happened.
"""

from collections.abc import Callable, Sequence

from shared import logs, metrics
from shared.errors import InvalidInput, TimedOut
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.consumer_role import ConsumerRole
from shared.streams.dead_letters import dead_letter_fields
from shared.streams.entries import Entry, Output, StreamNames
from shared.streams.lease import Lease

log = logs.get(__name__)

MAX_ERROR_CHARS = 2_000
MAX_JOB_CHARS = 20
"""An entry can claim any text as its job; the log gets this much of it."""
REASONS_OF_ONE_SLICE = {"contract", "data"}
"""Other reasons concern the whole entry."""

Settle = Callable[[Sequence[Entry], Sequence[Output]], None]


class FailureHandler:
    """Handles the failures of one consumer. `settle` publishes outputs and acknowledges entries."""

    def __init__(
        self,
        role: ConsumerRole,
        settings: RedisSettings,
        lease: Lease,
        settle: Settle,
        *,
        retry_after_s: float,
    ) -> None:
        self._role, self._settings, self._lease, self._settle = role, settings, lease, settle
        self._retry_after_s = retry_after_s
        self._dead_stream = StreamNames(settings.stream_prefix).dead

    def handle(self, entry: Entry, error: Exception) -> None:
        """The handler raised this error."""
        if not self._lease.is_ours(entry.id):
            log.warning("entry.claimed_by_another", id=entry.id, error=str(error))
        elif isinstance(error, InvalidInput):
            if error.reason not in REASONS_OF_ONE_SLICE or not self._divide(entry):
                self._dead_letter(entry, error.reason, str(error))
        elif entry.deliveries >= self._settings.max_deliveries:
            if not self._divide(entry):
                self._dead_letter(entry, *_reason_of(error))
        else:
            log.error("entry.crashed", id=entry.id, deliveries=entry.deliveries, exc_info=error)
            metrics.stage_crashes.labels(self._role.stage).inc()
            self._lease.release(entry.id, entry.deliveries, claimable_in_s=self._retry_after_s)

    def retry_later(self, entry: Entry) -> None:
        """Any consumer may claim the entry after a while; this delivery does not count. If another
        one has claimed it meanwhile, it keeps the entry.
        """
        if not self._lease.is_ours(entry.id):
            return
        deliveries = max(0, entry.deliveries - 1)
        self._lease.release(entry.id, deliveries, claimable_in_s=self._retry_after_s)

    def handle_redelivery(self, entry: Entry) -> bool:
        """Whether the entry must not be handled: it failed before and was divided now, or it was
        delivered too often. Then it is not divided: decoding it may be what kills the process.
        """
        last_division = max(2, self._settings.max_deliveries)
        if 1 < entry.deliveries <= last_division and self._divide(entry):
            return True
        if entry.deliveries <= self._settings.max_deliveries:
            return False
        times = entry.deliveries - 1
        self._dead_letter(entry, "deliveries", f"delivered {times} times without acknowledgement")
        return True

    def _divide(self, entry: Entry) -> bool:
        """Replace the entry by two entries with half of its slices each, if it has several."""
        halves = self._role.halves(entry.fields) if self._role.halves else ()
        if not halves:
            return False
        log.warning("entry.divided", id=entry.id, deliveries=entry.deliveries)
        self._settle_or_release(entry, [Output(self._role.stream, fields) for fields in halves])
        return True

    def _dead_letter(self, entry: Entry, reason: str, error: str) -> None:
        """Move the complete entry to the dead letters, with the reason and the error."""
        error = error[:MAX_ERROR_CHARS]
        fields = dead_letter_fields(
            entry, reason=reason, error=error, stage=self._role.stage, stream=self._role.stream
        )
        # Dead-lettering a dead letter would loop forever, so a bad one only stays in its stream.
        letters = [] if self._role.retain else [Output(self._dead_stream, fields)]
        if self._settle_or_release(entry, letters):
            job = entry.fields.get(b"job", b"")[:MAX_JOB_CHARS].decode(errors="replace")
            log.error("entry.dead_lettered", id=entry.id, job=job, reason=reason, error=error)
            metrics.stage_dead_letters.labels(self._role.stage, reason).inc()

    def _settle_or_release(self, entry: Entry, outputs: Sequence[Output]) -> bool:
        """Replace the entry by the outputs; if Redis has no memory for them, release it. Other
        entries can still be handled, and that frees memory for this one.
        """
        try:
            self._settle([entry], outputs)
        except redis_client.OutOfMemory:
            self._lease.release(entry.id, entry.deliveries - 1, claimable_in_s=self._retry_after_s)
            return False
        return True


def _reason_of(error: Exception) -> tuple[str, str]:
    """The reason and the text of a dead letter that was delivered too often."""
    if isinstance(error, TimedOut):
        return "timeout", str(error)
    return "crash", f"{type(error).__name__}: {error}"
