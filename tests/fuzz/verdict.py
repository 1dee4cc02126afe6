"""What becomes of an entry in the handlers of the three stages: an effect, or a reason."""

import random
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from sqlalchemy import text

from services.aggregator.handler import handle as aggregate
from services.extractor.dead_letter_handler import DeadLetterHandler
from services.extractor.job_handler import JobHandler
from services.extractor.job_intake import JobIntake
from services.extractor.settings import ExtractorSettings
from services.loader.handler import BatchHandler
from shared.errors import InvalidInput
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Handler
from shared.streams.dead_letters import DeadLetter
from shared.streams.entries import Entry, Output
from tests.fuzz import valid_entries
from tests.fuzz.entries import Example

VALID = "no harm"
PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
NOT_OF_HANDLERS = {"crash", "deliveries"}
LETTER, ENTRY = "9-1", "1-1"


def documented_reasons() -> set[str]:
    """The reasons of dead letters that docs/protocol.md has."""
    table = PROTOCOL.read_text().split("| Reason |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


class Judge:
    """The stages over a target database, without streams between them."""

    def __init__(self, target_url: str) -> None:
        self._engine = engines.connect(target_url, application="fuzz")
        self._ledger, self._audit = Ledger(self._engine), AuditLog(self._engine)
        self._deaths = DeadLetterHandler(self._ledger)
        self.genuine = valid_entries.entries(valid_entries.jobs_in(self._ledger), random.Random(0))
        loader = BatchHandler(
            self._engine, signal_name="{variable}_{statistic}_{window}", units={},
            values_per_transaction=200_000,
        )  # fmt: skip
        self._handlers: dict[str, Handler] = {
            "extractor": self._extraction(target_url),
            "aggregator": partial(aggregate, stats_stream="stats"),
            "loader": loader,
        }
        self._allowed = documented_reasons() - NOT_OF_HANDLERS

    def __call__(self, example: Example) -> str:
        """The reason why the entry is refused, or that it was taken. Whatever else comes out of a
        handler is raised, and so is a reason that nobody has written down.
        """
        if example.stage == "loader":
            # What was loaded before is skipped: here everything is to be new.
            self._forget()
        try:
            self._handlers[example.stage]([Entry(ENTRY, example.fields)])
        except InvalidInput as rejected:
            if rejected.reason not in self._allowed:
                raise AssertionError(f"the reason {rejected.reason!r} is not documented") from None
            self._dead_letter(example, rejected)
            return rejected.reason
        return VALID

    def _dead_letter(self, example: Example, rejected: InvalidInput) -> None:
        """A dead letter is counted against its job, and can be dropped, whatever it holds."""
        told = {"reason": rejected.reason, "error": str(rejected), "stage": example.stage}
        fields = {
            f"dead_{name}".encode(): value.encode(errors="replace") for name, value in told.items()
        }
        letter = {**example.fields, **fields}
        self._deaths([Entry(LETTER, letter)])
        self._audit.record("drop", [DeadLetter.from_entry(LETTER.encode(), letter)])

    def _forget(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("DELETE FROM etl.slice"))

    def _extraction(self, target_url: str) -> JobHandler:
        settings = ExtractorSettings(
            port=0, redis_url="redis://127.0.0.1:1/0", target_url=target_url,
            connector_url="http://127.0.0.1:1", source_asset_column="turbine",
        )  # fmt: skip
        connector, nowhere = cast(Any, Source()), cast(Any, Nowhere())
        intake = JobIntake(settings, self._ledger, nowhere, connector)
        return JobHandler(settings, self._ledger, connector, nowhere, intake, Heartbeat())


class Source:
    """A connector to a source that is empty."""

    def variables(self) -> list[str]:
        return list(valid_entries.VARIABLES)

    def assets(self) -> list[str]:
        return ["T01", "T02"]

    def pages(self, **_: Any) -> Iterator[pa.Table]:
        return iter(())


class Nowhere:
    """Takes what is published, and forgets it."""

    def publish(self, output: Output) -> None:
        pass

    def add(self, output: Output) -> None:
        pass
