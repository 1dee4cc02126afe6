"""What becomes of an entry whose handler failed. The lease is a stub; no Redis is needed."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from shared.domain.batch_header import Fields
from shared.errors import InvalidInput
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry, Output
from shared.streams.failure_handler import FailureHandler

HALVES: list[Fields] = [{"half": b"1"}, {"half": b"2"}]
RAW, DEAD = "minuano:raw", "minuano:dead"
BAD_SLICE = InvalidInput("contract", "a row is outside its slice")


class Case:
    """A handler of failures with what it published, released and divided."""

    def __init__(
        self, *, halves: Sequence[Fields] = HALVES, max_deliveries: int = 5, ours: bool = True,
        is_full: bool = False, retain: bool = False,
    ) -> None:  # fmt: skip
        self.halves, self.ours, self.is_full = halves, ours, is_full
        self.settled: list[tuple[str, list[Output]]] = []
        self.released: list[tuple[str, int, float]] = []
        self.divided = 0
        role = ConsumerRole(
            stage="aggregator", stream=RAW, group="aggregator", halves=self.divide, retain=retain
        )
        settings = RedisSettings(redis_url="redis://127.0.0.1:1", max_deliveries=max_deliveries)
        self.handler = FailureHandler(
            role, settings, cast(Any, self), self.settle, retry_after_s=1.0
        )

    def divide(self, _: Mapping[bytes, bytes]) -> Sequence[Fields]:
        self.divided += 1
        return self.halves

    def settle(self, entries: Sequence[Entry], outputs: Sequence[Output]) -> None:
        if self.is_full:
            raise redis_client.OutOfMemory("no memory")
        self.settled += [(entry.id, list(outputs)) for entry in entries]

    def is_ours(self, _: str) -> bool:
        return self.ours

    def release(self, id: str, deliveries: int, *, claimable_in_s: float) -> None:
        self.released.append((id, deliveries, claimable_in_s))

    @property
    def streams(self) -> list[str]:
        return [output.stream for _, outputs in self.settled for output in outputs]

    @property
    def dead_reason(self) -> str:
        [(_, [output])] = self.settled
        assert output.stream == DEAD
        return cast(str, output.fields["dead_reason"])


def entry(deliveries: int = 1) -> Entry:
    return Entry("1-1", {b"job": b"7"}, deliveries)


@pytest.mark.parametrize("reason", ["contract", "data"])
def test_an_entry_with_a_bad_slice_is_replaced_by_its_halves(reason: str) -> None:
    case = Case()
    case.handler.handle(entry(), InvalidInput(reason, "one slice is wrong"))
    assert case.settled == [("1-1", [Output(RAW, half) for half in HALVES])]
    assert case.released == []


def test_a_bad_slice_alone_becomes_a_dead_letter() -> None:
    case = Case(halves=[])
    case.handler.handle(entry(), BAD_SLICE)
    assert case.dead_reason == "contract"


@pytest.mark.parametrize("reason", ["schema", "checksum", "version", "arrow", "unknown_job"])
def test_an_entry_that_is_wrong_as_a_whole_is_not_divided(reason: str) -> None:
    case = Case()
    case.handler.handle(entry(), InvalidInput(reason, "the entry is wrong"))
    assert case.dead_reason == reason
    assert case.divided == 0


def test_a_crash_is_retried() -> None:
    case = Case()
    case.handler.handle(entry(), RuntimeError("a bug"))
    assert case.released == [("1-1", 1, 1.0)]
    assert case.settled == []


def test_after_the_last_delivery_a_crash_divides_the_entry_or_makes_it_a_dead_letter() -> None:
    many, single = Case(max_deliveries=1), Case(max_deliveries=1, halves=[])
    for case in (many, single):
        case.handler.handle(entry(), RuntimeError("a bug"))
    assert many.streams == [RAW, RAW]
    assert single.dead_reason == "crash"


@pytest.mark.parametrize(
    ("deliveries", "max_deliveries"), [(2, 5), (5, 5), (2, 2), (2, 1)], ids=str
)
def test_an_entry_that_comes_again_is_divided_first(deliveries: int, max_deliveries: int) -> None:
    case = Case(max_deliveries=max_deliveries)
    assert case.handler.handle_redelivery(entry(deliveries))
    assert case.streams == [RAW, RAW]


def test_the_first_delivery_is_handled_as_a_whole() -> None:
    case = Case()
    assert not case.handler.handle_redelivery(entry())
    assert (case.divided, case.settled) == (0, [])


def test_one_slice_is_handled_until_its_last_delivery() -> None:
    case = Case(halves=[], max_deliveries=3)
    assert [case.handler.handle_redelivery(entry(n)) for n in (2, 3, 4)] == [False, False, True]
    assert case.dead_reason == "deliveries"


@pytest.mark.parametrize(("deliveries", "max_deliveries"), [(6, 5), (3, 2), (3, 1)], ids=str)
def test_an_entry_that_was_delivered_too_often_is_not_divided(
    deliveries: int, max_deliveries: int
) -> None:
    """Decoding it, in order to divide it, may be what kills the process."""
    case = Case(max_deliveries=max_deliveries)
    assert case.handler.handle_redelivery(entry(deliveries))
    assert case.dead_reason == "deliveries"
    assert case.divided == 0


def test_an_entry_that_another_consumer_has_is_left_to_it() -> None:
    case = Case(ours=False)
    case.handler.handle(entry(), BAD_SLICE)
    assert (case.divided, case.settled, case.released) == (0, [], [])


@pytest.mark.parametrize("halves", [HALVES, []], ids=["halves", "dead letter"])
def test_without_memory_in_redis_the_entry_is_released_without_a_delivery(
    halves: list[Fields],
) -> None:
    case = Case(is_full=True, halves=halves)
    case.handler.handle(entry(deliveries=2), BAD_SLICE)
    assert case.released == [("1-1", 1, 1.0)]


def test_a_bad_dead_letter_makes_no_other() -> None:
    case = Case(halves=[], retain=True)
    case.handler.handle(entry(), BAD_SLICE)
    assert case.settled == [("1-1", [])]
