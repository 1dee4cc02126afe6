"""A retry begins a new attempt at a job, and lanes of the attempt before may still be at work."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from services.extractor.dead_letter_handler import DeadLetterHandler
from services.extractor.job_handler import JobHandler
from services.extractor.job_intake import JobIntake, job_fields
from services.extractor.sample_page import SamplePage
from services.extractor.settings import ExtractorSettings
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, InvalidInput
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams.backoff import Heartbeat
from shared.streams.dead_letters import DeadLetter
from shared.streams.entries import Entry, Output
from tests.actors import TESTER
from tests.polling import wait_until

ASSETS, VARIABLES = ("T01", "T02", "T03"), ("wind_speed", "power")
LANES = 2


class Source:
    """A connector that does what it is told to while pages are read, and has no samples."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def variables(self) -> list[str]:
        return ["wind_speed", "power"]

    def assets(self) -> list[str]:
        return list(ASSETS)

    def pages(self, *, assets: Sequence[str], **_: Any) -> Iterator[SamplePage]:
        self.read += assets
        self.meanwhile()
        return iter(())


class Streams:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.entries: list[dict[bytes, bytes]] = []

    def publish(self, output: Output) -> None:
        self.entries.append(as_read(output))

    def add(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self.publish(output)


class Kept:
    """Dead letters and the audit of what is done with them: nothing happens."""

    def require_replayable(self, letter: DeadLetter) -> None:
        pass

    def require_owner(self, _: object) -> None:
        pass

    def replay(self, letter: DeadLetter) -> None:
        pass

    def record(self, *_: Any, **__: Any) -> None:
        pass


def as_read(output: Output) -> dict[bytes, bytes]:
    """The fields as Redis gives them back."""
    return {
        str(name).encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in output.fields.items()
    }


class Extractor:
    """The handler of the jobs stream over a real ledger, without Redis."""

    def __init__(self, target: Engine, redis_settings: RedisSettings) -> None:
        settings = ExtractorSettings(
            port=0, target_url=target.url.render_as_string(hide_password=False),
            connector_url="http://127.0.0.1:1", source_asset_column="asset", job_parallelism=LANES,
            chunk_slices=1, **redis_settings.model_dump(),
        )  # fmt: skip
        self.ledger, self.source, self.streams = Ledger(target), Source(), Streams()
        connector, streams = cast(Any, self.source), cast(Any, self.streams)
        self._intake = JobIntake(settings, self.ledger, streams, connector)
        self._handle = JobHandler(
            settings, self.ledger, connector, streams, self._intake, Heartbeat()
        )

    def job(self) -> Job:
        """A new job of one day."""
        request = JobRequest(date="2025-12-05", variables=VARIABLES)
        return self.ledger.add(request, spec=StatisticsSpec(), timezone="UTC", trace="", by=TESTER)[
            0
        ]

    def take(self, fields: dict[bytes, bytes]) -> list[dict[bytes, bytes]]:
        """Handle one entry; return those that follow it on the stream of jobs."""
        return [as_read(output) for output in self._handle([Entry("1-1", fields)])]

    def entry(self, job: Job) -> dict[bytes, bytes]:
        """What stands for the job on the stream of jobs."""
        return as_read(Output("minuano:jobs", job_fields(job)))

    def batch(self, job: Job) -> dict[bytes, bytes]:
        """Extract the job; return the fields of its only batch."""
        self.take(self.entry(job))
        [batch] = [fields for fields in self.streams.entries if b"payload" in fields]
        return batch

    def retry_after_failure(self, id: int) -> Job:
        """What another lane and a person do."""
        self.ledger.fail(id, reason="contract", error="", attempt=self.ledger.job(id).attempt)
        return self.ledger.retry(id, by=TESTER)


@pytest.fixture
def extractor(target: Engine, redis_settings: RedisSettings) -> Extractor:
    return Extractor(target, redis_settings)


def test_a_lane_that_fails_after_a_retry_does_not_fail_the_new_attempt(
    extractor: Extractor,
) -> None:
    job = extractor.job()

    def retried_and_broken() -> None:
        extractor.retry_after_failure(job.id)
        raise InvalidInput("contract", "the connector's pages do not move on")

    extractor.source.meanwhile = retried_and_broken
    assert extractor.take(extractor.entry(job)) == []
    # The lane may see the failure, and end, before the page has retried the job.
    wait_until(lambda: extractor.ledger.job(job.id).attempt == 2, what="the retry")
    now = extractor.ledger.job(job.id)
    assert (now.state, now.reason) in (("queued", None), ("running", None))


def test_a_lane_that_fails_in_the_newest_attempt_fails_the_job(extractor: Extractor) -> None:
    job = extractor.retry_after_failure(extractor.job().id)

    def broken() -> None:
        raise InvalidInput("contract", "the connector's pages do not move on")

    extractor.source.meanwhile = broken
    extractor.take(extractor.entry(job))
    assert extractor.ledger.job(job.id).reason == "contract"


def test_entries_of_an_earlier_attempt_are_dropped(extractor: Extractor) -> None:
    job = extractor.job()
    following = extractor.take(extractor.entry(job))
    [lane] = [fields for fields in extractor.streams.entries if b"chunk" in fields]
    extractor.retry_after_failure(job.id)
    extractor.source.read.clear()
    assert [extractor.take(fields) for fields in [lane, *following]] == [[], []]
    assert extractor.source.read == []


def test_an_entry_without_attempt_belongs_to_the_newest(extractor: Extractor) -> None:
    job = extractor.retry_after_failure(extractor.job().id)
    extractor.take({b"job": str(job.id).encode()})
    assert extractor.source.read == ["T01"]


@pytest.mark.parametrize("attempt", [b"", b"-1", b"second"])
def test_an_attempt_is_a_whole_number(extractor: Extractor, attempt: bytes) -> None:
    fields = {**extractor.entry(extractor.job()), b"attempt": attempt}
    with pytest.raises(InvalidInput, match="whole numbers"):
        extractor.take(fields)


def test_batches_carry_the_attempt_that_published_them(extractor: Extractor) -> None:
    job = extractor.retry_after_failure(extractor.job().id)
    extractor.take(extractor.entry(job))
    assert {fields[b"attempt"] for fields in extractor.streams.entries} == {b"2"}


def test_a_dead_batch_of_an_earlier_attempt_does_not_fail_the_new_one(
    extractor: Extractor,
) -> None:
    job = extractor.job()
    batch = extractor.batch(job)
    again = extractor.retry_after_failure(job.id)
    letters = DeadLetterHandler(extractor.ledger)
    letters([Entry("1000-1", {**batch, b"dead_reason": b"crash"})])
    assert extractor.ledger.job(job.id).state == "running"
    newer = {**batch, b"attempt": str(again.attempt).encode(), b"dead_reason": b"crash"}
    letters([Entry("1000-2", newer)])
    assert extractor.ledger.job(job.id).reason == "crash"


def test_a_replayed_entry_that_is_dead_lettered_again_fails_its_job_again(
    extractor: Extractor,
) -> None:
    job = extractor.job()
    batch = extractor.batch(job)
    died = {**batch, b"dead_reason": b"crash", b"dead_stream": b"raw"}
    letters = DeadLetterHandler(extractor.ledger)
    letters([Entry("1000-1", died)])
    kept = cast(Any, Kept())
    DeadLetterActions(kept, extractor.ledger, kept).replay(
        DeadLetter.from_entry(b"1000-1", died), by=TESTER
    )
    assert extractor.ledger.job(job.id).state == "running"
    letters([Entry("1000-2", died)])
    assert extractor.ledger.job(job.id).reason == "crash"


OTHER_LEDGER = b"0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"


def test_an_entry_of_another_ledger_is_skipped(extractor: Extractor) -> None:
    job = extractor.job()
    for number in (job.id, 4711):
        fields = {**extractor.entry(job), b"job": b"%d" % number, b"ledger": OTHER_LEDGER}
        assert extractor.take(fields) == []
    assert extractor.ledger.job(job.id).state == "queued"


def test_a_lane_of_a_job_that_was_retried_while_it_started_ends(extractor: Extractor) -> None:
    job = extractor.job()
    extractor.source.meanwhile = lambda: extractor.retry_after_failure(job.id)
    assert extractor.take(extractor.entry(job)) == []


def test_a_dead_letter_of_another_ledger_fails_no_job_and_is_not_replayed(
    extractor: Extractor,
) -> None:
    job = extractor.job()
    died = {**extractor.batch(job), b"ledger": OTHER_LEDGER, b"dead_reason": b"crash"}
    DeadLetterHandler(extractor.ledger)([Entry("1000-1", died)])
    assert extractor.ledger.job(job.id).state == "running"
    kept = cast(Any, Kept())
    with pytest.raises(Conflict, match="another ledger"):
        DeadLetterActions(kept, extractor.ledger, kept).replay(
            DeadLetter.from_entry(b"1000-1", died), by=TESTER
        )


def test_a_dead_letter_of_an_earlier_attempt_is_not_replayed(extractor: Extractor) -> None:
    job = extractor.job()
    died = {**extractor.batch(job), b"dead_reason": b"crash"}
    extractor.retry_after_failure(job.id)
    kept = cast(Any, Kept())
    with pytest.raises(Conflict, match="of attempt 1 at job"):
        DeadLetterActions(kept, extractor.ledger, kept).replay(
            DeadLetter.from_entry(b"1000-1", died), by=TESTER
        )


def loaded_job(ledger: Ledger, target: Engine, request: JobRequest) -> Job:
    """A job that is done, as if its only slice had been loaded."""
    job, _ = ledger.add(request, spec=StatisticsSpec(), timezone="UTC", trace="", by=TESTER)
    ledger.mark_started(job.id, assets=["T01"], slices_total=1)
    with target.begin() as connection:
        connection.execute(
            text("UPDATE etl.job SET loaded = 1, done_at = now() WHERE id = :id"), {"id": job.id}
        )
    return job


@pytest.mark.parametrize(
    ("newer", "is_refused"),
    [
        ({"start": "2025-12-01", "end": "2025-12-31", "variables": VARIABLES}, True),
        ({"date": "2025-12-05", "variables": ("power", "wind_speed", "pitch")}, True),
        ({"date": "2025-12-06", "variables": VARIABLES}, False),
        ({"date": "2025-12-05", "variables": ("power",)}, False),
    ],
)
def test_a_retry_that_newer_jobs_would_undo_is_refused(
    extractor: Extractor, target: Engine, newer: dict[str, Any], is_refused: bool
) -> None:
    ledger, job = extractor.ledger, extractor.job()
    ledger.mark_started(job.id, assets=["T01"], slices_total=1)
    ledger.cancel(job.id, by=TESTER)
    later = loaded_job(ledger, target, JobRequest(**newer))
    if is_refused:
        with pytest.raises(Conflict, match=f"job {later.id} is newer"):
            ledger.retry(job.id, by=TESTER)
    else:
        assert ledger.retry(job.id, by=TESTER).attempt == 2
