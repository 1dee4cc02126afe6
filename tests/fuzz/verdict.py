"""Pass an entry to the handler of its stage; tell whether it is accepted or why it is refused."""

import random
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import text

from services.aggregator.handler import handle as aggregate
from services.extractor.dead_letter_handler import DeadLetterHandler
from services.extractor.job_handler import JobHandler
from services.extractor.job_intake import JobIntake
from services.extractor.sample_page import SamplePage
from services.extractor.settings import ExtractorSettings
from services.loader.handler import BatchHandler
from shared.domain.batches import RawBatch, StatsBatch
from shared.errors import InvalidInput
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Handler
from shared.streams.dead_letters import DeadLetter
from shared.streams.entries import Entry, Output
from tests.actors import TESTER
from tests.fuzz import valid_entries
from tests.fuzz.entries import Example

ACCEPTED = "accepted"
PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
CONSUMER_REASONS = {"crash", "deliveries"}
DEAD_LETTER_ID, ENTRY_ID = "9-1", "1-1"
BATCHES: dict[str, type[RawBatch | StatsBatch]] = {"aggregator": RawBatch, "loader": StatsBatch}


def documented_reasons() -> set[str]:
    """The dead-letter reasons that docs/protocol.md lists."""
    table = PROTOCOL.read_text().split("| Reason |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


class Judge:
    """The handlers of the three stages with a real target database and without streams."""

    def __init__(self, target_url: str) -> None:
        self._engine = engines.connect(target_url, application="fuzz")
        self._ledger, self._audit = Ledger(self._engine), AuditLog(self._engine)
        self._dead_letter_handler = DeadLetterHandler(self._ledger)
        self.valid_entries = valid_entries.entries_by_stage(
            valid_entries.create_jobs(self._ledger), random.Random(0)
        )
        loader = BatchHandler(
            self._engine, signal_name="{variable}_{statistic}_{window}", units={},
            values_per_transaction=200_000, slices_per_transaction=256,
        )  # fmt: skip
        self._handlers: dict[str, Handler] = {
            "extractor": self._job_handler(target_url),
            "aggregator": partial(aggregate, stats_stream="stats"),
            "loader": loader,
        }
        self._allowed_reasons = documented_reasons() - CONSUMER_REASONS

    def __call__(self, example: Example) -> str:
        """The reason why the handler refuses the entry, or ACCEPTED.

        Raise AssertionError for a reason that is not documented, and any other error of a handler
        or of the halves of the entry.
        """
        if example.stage == "loader":
            # The loader skips slices that are loaded already.
            self._delete_loaded_slices()
        if batch := BATCHES.get(example.stage):
            for half in batch.halves(example.fields):
                batch.decode({name.encode(): value for name, value in half.items()})
        try:
            self._handlers[example.stage]([Entry(ENTRY_ID, example.fields)])
        except InvalidInput as error:
            if error.reason not in self._allowed_reasons:
                raise AssertionError(f"the reason {error.reason!r} is not documented") from None
            self._handle_dead_letter(example, error)
            return error.reason
        return ACCEPTED

    def _handle_dead_letter(self, example: Example, error: InvalidInput) -> None:
        """A dead letter must fail its job and can be dropped, for any fields."""
        details = {"reason": error.reason, "error": str(error), "stage": example.stage}
        fields = {
            f"dead_{name}".encode(): value.encode(errors="replace")
            for name, value in details.items()
        }
        letter = {**example.fields, **fields}
        self._dead_letter_handler([Entry(DEAD_LETTER_ID, letter)])
        self._audit.record(
            "drop", [DeadLetter.from_entry(DEAD_LETTER_ID.encode(), letter)], by=TESTER
        )

    def _delete_loaded_slices(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("DELETE FROM etl.slice"))
            connection.execute(text("UPDATE etl.job SET loaded = 0, done_at = NULL"))

    def _job_handler(self, target_url: str) -> JobHandler:
        settings = ExtractorSettings(
            port=0, redis_url="redis://127.0.0.1:1/0", target_url=target_url,
            connector_url="http://127.0.0.1:1", source_asset_column="turbine",
        )  # fmt: skip
        connector, publisher = cast(Any, EmptyConnector()), cast(Any, NullPublisher())
        intake = JobIntake(settings, self._ledger, publisher, connector)
        return JobHandler(settings, self._ledger, connector, publisher, intake, Heartbeat())


class EmptyConnector:
    """A connector whose source is empty."""

    def variables(self) -> list[str]:
        return list(valid_entries.VARIABLES)

    def assets(self) -> list[str]:
        return ["T01", "T02"]

    def pages(self, **_: Any) -> Iterator[SamplePage]:
        return iter(())


class NullPublisher:
    """Discards everything that is published."""

    def publish(self, output: Output) -> None:
        pass

    def add(self, outputs: Iterable[Output]) -> None:
        pass
