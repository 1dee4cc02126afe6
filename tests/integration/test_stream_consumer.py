"""Consuming: everything on the stream is handled, acknowledged and gone."""

import threading
from collections.abc import Sequence

from shared.domain.batch_header import Fields
from shared.streams import stage_status, worker_registry
from shared.streams.entries import Entry, Output
from tests.integration.streaming import GROUP, Rig
from tests.polling import WITHIN_S, wait_until


def test_entries_older_than_the_group_are_handled_too(rig: Rig) -> None:
    rig.add(1, 2, 3)
    rig.run()
    wait_until(lambda: rig.numbers() == [1, 2, 3])


def test_an_acknowledged_entry_is_deleted_so_the_length_is_the_backlog(rig: Rig) -> None:
    rig.add(1, 2)
    rig.run()
    wait_until(lambda: len(rig.handled) == 2 and rig.is_empty())


def test_outputs_appear_once_for_each_entry(rig: Rig) -> None:
    def double(entries: Sequence[Entry]) -> list[Output]:
        return [Output(rig.streams.stats, _twice(entry)) for entry in entries]

    rig.add(*range(10))
    rig.run(double, batch_size=4)
    wait_until(rig.is_empty)
    outputs = [int(fields[b"n"]) for _, fields in rig.client.xrange(rig.streams.stats)]
    assert outputs == [2 * n for n in range(10)]


def test_no_more_than_a_batch_is_read_at_once(rig: Rig) -> None:
    sizes: list[int] = []

    def count(entries: Sequence[Entry]) -> list[Output]:
        sizes.append(len(entries))
        return []

    rig.add(*range(10))
    rig.run(count, batch_size=4)
    wait_until(lambda: sum(sizes) == 10)
    assert sizes == [4, 4, 2]


def test_consumers_of_one_group_share_the_entries(rig: Rig) -> None:
    rig.add(*range(40))
    both = threading.Barrier(2, timeout=WITHIN_S)
    handlers: set[int] = set()

    def together(entries: Sequence[Entry]) -> list[Output]:
        if threading.get_ident() not in handlers:
            both.wait()  # neither goes on before each has an entry
            handlers.add(threading.get_ident())
        return rig.remember(entries)

    for _ in range(2):
        rig.run(together)
    wait_until(rig.is_empty)
    assert sorted(rig.numbers()) == list(range(40))
    assert len(handlers) == 2


def test_a_deleted_stream_is_created_again_and_read_from_its_start(rig: Rig) -> None:
    rig.run()
    rig.add(1)
    wait_until(lambda: rig.numbers() == [1])
    rig.client.delete(rig.stream)
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2])


def test_a_deleted_group_is_created_again(rig: Rig) -> None:
    rig.run()
    rig.add(1)
    wait_until(rig.is_empty)
    rig.client.xgroup_destroy(rig.stream, GROUP)
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2])


def test_a_second_consumer_joins_a_group_that_exists(rig: Rig) -> None:
    rig.run()
    wait_until(lambda: rig.client.exists(rig.stream))
    second, stop = rig.consumer()
    thread = threading.Thread(target=second.run)
    thread.start()
    wait_until(lambda: second.name in worker_registry.live(rig.client, rig.stream))
    stop.set()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_a_waiting_consumer_is_seen_as_alive_and_one_that_stopped_is_not(rig: Rig) -> None:
    consumer = rig.run()
    wait_until(lambda: worker_registry.live(rig.client, rig.stream) == {consumer.name})
    rig.stop()
    assert worker_registry.live(rig.client, rig.stream) == set()


def test_the_status_of_a_stage_counts_backlog_and_pending_entries(rig: Rig) -> None:
    rig.add(1, 2, 3)
    rig.client.xgroup_create(rig.stream, "aggregator", id="0")
    rig.client.xreadgroup("aggregator", "someone", {rig.stream: ">"}, count=2)
    worker_registry.heartbeat(rig.client, rig.stream, "another")
    stage = stage_status.stages(rig.client, rig.streams)[1]
    assert (stage.stage, stage.backlog, stage.pending, stage.workers) == ("aggregator", 3, 2, 1)
    assert stage.oldest_s is not None


def test_retained_entries_stay_in_the_stream(rig: Rig) -> None:
    rig.add(1, 2)
    rig.run(retain=True)
    wait_until(lambda: rig.numbers() == [1, 2] and not rig.pending())
    assert rig.client.xlen(rig.stream) == 2


def _twice(entry: Entry) -> Fields:
    return {"n": 2 * int(entry.fields[b"n"])}
