"""A renewal concerns the entries that are still ours, and no others."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from shared.streams.backoff import Heartbeat
from shared.streams.lease import RELEASED, Lease
from tests.integration.streaming import GROUP, Rig

LEASE_S, CAP_S = 30.0, 60.0
OLD_MS = 24 * 3_600_000
RELEASED_WITHIN_S = 0.2
"""More than a release takes that does not wait."""


class Rounds(threading.Event):
    """An event that is set after so many waits, none of which takes any time."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    def wait(self, timeout: float | None = None) -> bool:
        if not self._left:
            self.set()
        self._left -= 1
        return self.is_set()


class Silent(Heartbeat):
    """A heart that last beat so long ago."""

    def __init__(self, age_s: float) -> None:
        self._age_s = age_s

    @property
    def age_s(self) -> float:
        return self._age_s


def hold(rig: Rig, count: int) -> list[str]:
    """Entries that were delivered to us, a day ago."""
    ids = rig.add(*range(count))
    rig.deliver_to_lost("we")
    rig.client.xclaim(rig.stream, GROUP, "we", 0, ids, idle=OLD_MS, justid=True)
    return ids


def renew_once(rig: Rig, ids: Sequence[str], *, silent_s: float = 0) -> None:
    lease = Lease(
        rig.client,
        (rig.stream, GROUP),
        "we",
        Silent(silent_s),
        lease_s=LEASE_S,
        progress_timeout_s=CAP_S,
    )
    lease.renew(ids, Rounds(1))


def renewed(rig: Rig) -> list[bool]:
    """Which entries were renewed, in the order of their ids."""
    return [entry["time_since_delivered"] < OLD_MS for entry in rig.pending()]


def test_all_entries_being_handled_are_renewed(rig: Rig) -> None:
    renew_once(rig, hold(rig, 3))
    assert renewed(rig) == [True, True, True]


def test_an_entry_that_another_consumer_claimed_is_not_claimed_back(rig: Rig) -> None:
    ids = hold(rig, 3)
    rig.client.xclaim(rig.stream, GROUP, "another", 0, ids[1:2])
    renew_once(rig, ids)
    assert [entry["consumer"] for entry in rig.pending()] == [b"we", b"another", b"we"]


def test_other_entries_are_not_renewed(rig: Rig) -> None:
    ids = hold(rig, 4)
    renew_once(rig, ids[1:3])
    assert renewed(rig) == [False, True, True, False]


def test_a_renewal_does_not_count_as_a_delivery(rig: Rig) -> None:
    renew_once(rig, hold(rig, 1))
    assert [entry["times_delivered"] for entry in rig.pending()] == [1]


class Interrupted:
    """A client whose first query of pending entries is followed by something else."""

    def __init__(self, client: Any, meanwhile: Callable[[], None]) -> None:
        self._client, self._meanwhile = client, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def xpending_range(self, *arguments: Any) -> Any:
        pending = self._client.xpending_range(*arguments)
        self._meanwhile()
        return pending


def test_an_entry_that_is_released_during_a_renewal_is_not_taken_back(rig: Rig) -> None:
    [id] = ids = hold(rig, 1)
    releasing = threading.Thread(target=lambda: lease.release(id, 1))

    def release() -> None:
        releasing.start()
        releasing.join(RELEASED_WITHIN_S)

    client: Any = Interrupted(rig.client, release)
    lease = Lease(
        client, (rig.stream, GROUP), "we", Silent(0), lease_s=LEASE_S, progress_timeout_s=CAP_S
    )
    lease.renew(ids, Rounds(1))
    releasing.join()
    assert rig.holders() == [RELEASED.encode()]


@pytest.mark.parametrize(("silent_s", "expected"), [(CAP_S, True), (CAP_S + 1, False)])
def test_a_handler_without_progress_for_longer_than_the_timeout_is_not_renewed(
    rig: Rig, silent_s: float, expected: bool
) -> None:
    renew_once(rig, hold(rig, 1), silent_s=silent_s)
    assert renewed(rig) == [expected]
