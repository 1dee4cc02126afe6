"""How often an entry is delivered before it is a dead letter."""

import pytest

from tests.integration.streaming import GROUP, Rig, eventually

LEASE_S = 30.0
OLD_MS = 24 * 3_600_000


@pytest.mark.parametrize(("before", "handled", "reasons"), [(2, [3], []), (3, [], [b"deliveries"])])
def test_an_entry_that_consumers_left_behind_is_tried_up_to_its_last_delivery(
    rig: Rig, before: int, handled: list[int], reasons: list[bytes]
) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost()
    rig.client.xclaim(rig.stream, GROUP, "lost", 0, [id], idle=OLD_MS, retrycount=before)
    assert rig.settings.max_deliveries == 3
    rig.run(settings=rig.settings.model_copy(update={"lease_s": LEASE_S}))
    eventually(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == handled
    assert [letter[b"dead_reason"] for letter in rig.dead()] == reasons
