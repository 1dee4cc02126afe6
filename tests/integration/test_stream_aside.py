"""Entries that are set aside by a consumer that was frozen for longer than its lease."""

from shared.streams.backoff import Heartbeat
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry
from shared.streams.failure_handler import FailureHandler
from shared.streams.lease import Lease
from tests.integration.streaming import GROUP, LEASE_S, Rig


def test_an_entry_that_another_consumer_claimed_meanwhile_is_not_given_back(rig: Rig) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost("we")
    rig.client.xclaim(rig.stream, GROUP, "another", 0, [id], retrycount=2)
    lease = Lease(
        rig.client, (rig.stream, GROUP), "we", Heartbeat(),
        lease_s=LEASE_S, progress_timeout_s=LEASE_S,
    )  # fmt: skip
    role = ConsumerRole(stage="test", stream=rig.stream, group=GROUP)
    failures = FailureHandler(role, rig.settings, lease, lambda *_: None, retry_after_s=0.0)
    failures.retry_later(Entry(id, {}))
    (pending,) = rig.client.xpending_range(rig.stream, GROUP, "-", "+", 10)
    assert (pending["consumer"], pending["times_delivered"]) == (b"another", 2)
