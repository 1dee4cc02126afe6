"""How often an entry is delivered before it is a dead letter."""

from collections.abc import Sequence

import pytest

from shared.errors import InvalidInput
from shared.streams.entries import Entry, Output, SetAside
from shared.streams.lease import RELEASED
from tests.integration.streaming import GROUP, Rig
from tests.polling import wait_until

LEASE_S = 30.0
OLD_MS = 24 * 3_600_000


@pytest.mark.parametrize(("before", "handled", "reasons"), [(2, [3], []), (3, [], [b"deliveries"])])
def test_an_unacknowledged_entry_is_retried_until_its_last_delivery(
    rig: Rig, before: int, handled: list[int], reasons: list[bytes]
) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost()
    rig.client.xclaim(rig.stream, GROUP, "lost", 0, [id], idle=OLD_MS, retrycount=before)
    assert rig.settings.max_deliveries == 3
    rig.run(settings=rig.settings.model_copy(update={"lease_s": LEASE_S}))
    wait_until(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == handled
    assert [letter[b"dead_reason"] for letter in rig.dead()] == reasons


def test_a_dead_letter_refused_by_a_full_redis_does_not_count_as_a_delivery(rig: Rig) -> None:
    refused: list[Entry] = []

    def refuse(entries: Sequence[Entry]) -> list[Output]:
        if not refused:
            rig.client.config_set("maxmemory", "1")
        refused.extend(entries)
        raise InvalidInput("schema", "no")

    def given_back() -> bool:
        return [(p["consumer"], p["times_delivered"]) for p in rig.pending()] == [
            (RELEASED.encode(), 0)
        ]

    rig.add(1)
    try:
        rig.run(refuse, settings=rig.settings.model_copy(update={"lease_s": LEASE_S}))
        wait_until(given_back)
    finally:
        rig.client.config_set("maxmemory", "0")
    wait_until(rig.is_empty)
    assert [letter[b"dead_deliveries"] for letter in rig.dead()] == [b"1"]


def test_an_entry_that_is_set_aside_is_tried_again_and_the_others_are_done(rig: Rig) -> None:
    tries: list[int] = []

    def handle(entries: Sequence[Entry]) -> list[Output]:
        tries.append(len(entries))
        busy = [entry for entry in entries if entry.fields[b"n"] == b"2" and len(tries) < 3]
        rig.remember([entry for entry in entries if entry not in busy])
        if busy:
            raise SetAside("another has its day", busy)
        return []

    rig.add(1, 2, 3)
    settings = rig.settings.model_copy(update={"lease_s": LEASE_S, "max_deliveries": 1})
    rig.run(handle, settings=settings, batch_size=3)
    wait_until(rig.is_empty)
    assert (tries, rig.numbers(), rig.dead()) == ([3, 1, 1], [1, 3, 2], [])
    assert rig.handled[-1].deliveries == 1
