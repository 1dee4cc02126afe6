"""Headers of dead letters: what a list needs, and no payload is sent for it."""

from typing import Any

from shared.streams.dead_letters import (
    MAX_HEADER_FIELD_BYTES,
    DeadLetter,
    DeadLetters,
    dead_letter_fields,
)
from shared.streams.entries import Entry
from tests.integration.streaming import Rig

PAYLOAD = bytes(1_000_000)


def add_letter(rig: Rig, *, reason: str = "arrow", error: str = "torn", **fields: Any) -> str:
    """A dead letter of an entry with these fields; its id."""
    entry = Entry("7-1", {name.encode(): value for name, value in fields.items()}, deliveries=2)
    letter = dead_letter_fields(
        entry, reason=reason, error=error, stage="aggregator", stream=rig.stream
    )
    id: bytes = rig.client.xadd(rig.streams.dead, letter)
    return id.decode()


def headers(rig: Rig, limit: int = 1_000, **bounds: int) -> list[DeadLetter]:
    return DeadLetters(rig.client, rig.streams).headers(limit, **bounds)


def sent_bytes(rig: Rig) -> int:
    """The bytes that the server has sent so far."""
    return int(rig.client.info("stats")["total_net_output_bytes"])


def test_no_payload_is_sent_for_headers(rig: Rig) -> None:
    ids = [add_letter(rig, payload=PAYLOAD) for _ in range(5)]
    before = sent_bytes(rig)
    letters = headers(rig)
    assert sent_bytes(rig) - before < 50_000
    assert [letter.id for letter in letters] == ids[::-1]
    assert [letter.payload_bytes for letter in letters] == [len(PAYLOAD)] * 5


def test_a_header_is_the_letter_without_the_fields_that_only_its_handler_needs(rig: Rig) -> None:
    id = add_letter(rig, job=b"12", asset=b"T01", payload=b"\x00\xff")
    (header,) = headers(rig)
    letter = DeadLetters(rig.client, rig.streams).letter(id)
    assert (header.id, header.reason, header.error) == (id, "arrow", "torn")
    assert (header.stage, header.stream, header.entry_id) == ("aggregator", rig.stream, "7-1")
    assert (header.deliveries, header.dead_lettered_at, header.job) == (
        2,
        letter.dead_lettered_at,
        12,
    )
    assert header.fields == {b"job": b"12"}
    assert header.payload_bytes == letter.payload_bytes == 2


def scripts_run(rig: Rig) -> int:
    """How many scripts the server has run so far."""
    return int(rig.client.info("commandstats")["cmdstat_eval"]["calls"])


def test_headers_are_read_in_pages(rig: Rig) -> None:
    ids = [add_letter(rig) for _ in range(5)]
    assert [letter.id for letter in headers(rig, page_letters=2)] == ids[::-1]
    assert [letter.id for letter in headers(rig, limit=3, page_letters=2)] == ids[:1:-1]


def test_one_script_reads_a_bounded_number_of_bytes(rig: Rig) -> None:
    ids = [add_letter(rig, payload=PAYLOAD) for _ in range(3)]
    headers(rig, page_bytes=1)
    before = scripts_run(rig)
    assert [letter.id for letter in headers(rig, page_bytes=1)] == ids[::-1]
    assert scripts_run(rig) - before == len(ids) + 1  # the last one reads no letter


def test_older_letters_are_left_out_when_redis_has_read_enough(rig: Rig) -> None:
    ids = [add_letter(rig, payload=PAYLOAD) for _ in range(3)]
    letters = headers(rig, page_bytes=1, max_bytes=len(PAYLOAD) + 1_000)
    assert [letter.id for letter in letters] == ids[:0:-1]


def test_letters_added_or_removed_by_hand_are_seen(rig: Rig) -> None:
    ids = [add_letter(rig) for _ in range(3)]
    rig.client.xdel(rig.streams.dead, ids[1])
    by_hand = rig.client.xadd(rig.streams.dead, {"note": "x" * 1_000_000}).decode()
    letters = headers(rig)
    assert [letter.id for letter in letters] == [by_hand, ids[2], ids[0]]
    assert (letters[0].reason, letters[0].job, letters[0].payload_bytes) == ("", None, None)


def test_a_field_of_a_header_is_cut(rig: Rig) -> None:
    rig.client.xadd(rig.streams.dead, {"dead_error": "x" * 1_000_000})
    (header,) = headers(rig)
    assert header.error == "x" * MAX_HEADER_FIELD_BYTES


def test_without_letters_there_are_no_headers(rig: Rig) -> None:
    assert headers(rig) == []


def test_a_full_redis_still_lists_its_dead_letters(rig: Rig) -> None:
    id = add_letter(rig)
    rig.client.config_set("maxmemory", "1")
    try:
        assert [letter.id for letter in headers(rig)] == [id]
    finally:
        rig.client.config_set("maxmemory", "0")
