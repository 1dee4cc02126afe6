"""The pages of dead letters: list, inspect, replay and drop them, and the audit log."""

import re
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from services.dashboard.monitoring import dead_letter_summary
from services.dashboard.pages.dead_letters import PAGE
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import dead_letter_preview
from shared.streams.dead_letters import dead_letter_fields
from shared.streams.entries import Entry
from tests.dashboard.dashboard_client import dashboard, dependencies
from tests.dashboard.pages import get_text, post_text
from tests.integration.loader import batch, new_job, steady
from tests.unit.batches import slice_of

USER = "dashboard@testclient"


def add_dead_letter(
    client: TestClient,
    fields: dict[Any, Any],
    *,
    stage: str = "aggregator",
    reason: str = "schema",
    stream: str | None = None,
    error: str = "torn",
) -> str:
    """Add a dead letter with these fields; returns its ID."""
    deps = dependencies(client)
    entry = Entry("1-0", {str(k).encode(): v for k, v in fields.items()}, deliveries=2)
    dead_fields = dead_letter_fields(
        entry, reason=reason, error=error, stage=stage, stream=stream or deps.streams.raw
    )
    id: Any = deps.redis.xadd(deps.streams.dead, dead_fields)
    return str(id.decode())


def remaining_ids(client: TestClient) -> list[str]:
    """The IDs of all dead letters, newest first."""
    return [letter.id for letter in dependencies(client).dead_letter_actions.letters.newest(1_000)]


def sent_by_redis(client: TestClient) -> int:
    """The number of bytes that Redis has sent so far."""
    info: Any = dependencies(client).redis.info("stats")
    return int(info["total_net_output_bytes"])


def raw_entries(client: TestClient) -> list[dict[bytes, bytes]]:
    """The entries on the raw stream."""
    deps = dependencies(client)
    entries: Any = deps.redis.xrange(deps.streams.raw)
    return [fields for _, fields in entries]


def audit_entries(client: TestClient) -> list[tuple[str, str | None, str]]:
    """Action, dead letter and user, newest first."""
    return [
        (entry.action, entry.dead_letter_id, entry.actor)
        for entry in dependencies(client).dead_letter_actions.audit.newest(50, only_letters=True)
    ]


def test_the_page_without_dead_letters(client: TestClient) -> None:
    page_text = get_text(client, "/dead")
    assert "There are no failed entries." in page_text
    assert "No dead letter has been replayed or dropped." in page_text


def test_a_dead_letter_is_listed_with_its_error_and_its_job(client: TestClient) -> None:
    add_dead_letter(client, {"job": "7", "x": "y"}, error="<i>torn</i>")
    page = client.get("/dead").text
    assert 'href="/jobs/7"' in page
    assert "&lt;i&gt;torn&lt;/i&gt;" in page
    assert "<i>" not in page


def test_a_replay_reopens_the_job_and_is_audited(client: TestClient, target: Engine) -> None:
    job = new_job(target)
    Ledger(target).fail(job, reason="schema", error="torn")
    id = add_dead_letter(client, {"job": str(job)})
    page_text = post_text(client, "/dead", {"verb": "replay", "letter": [id]})
    assert "Replayed: 1. Their jobs are open again." in page_text
    assert (remaining_ids(client), raw_entries(client)) == ([], [{b"job": str(job).encode()}])
    assert Ledger(target).job(job).state == "running"
    assert audit_entries(client) == [("replay", id, USER)]
    assert f"{USER} replayed aggregator schema {job} {id}" in page_text


def test_only_selected_dead_letters_are_dropped(client: TestClient) -> None:
    ids = [add_dead_letter(client, {"n": str(n)}) for n in range(3)]
    page_text = post_text(client, "/dead", {"verb": "drop", "letter": ids[:2]})
    assert "Dropped: 2. Their jobs have not changed." in page_text
    assert remaining_ids(client) == ids[2:]
    assert {entry[:2] for entry in audit_entries(client)} == {("drop", ids[0]), ("drop", ids[1])}


def test_only_the_failure_group_is_replayed(client: TestClient) -> None:
    many = PAGE + 5
    for n in range(many):
        add_dead_letter(client, {"n": str(n)}, reason="arrow")
    others = [
        add_dead_letter(client, {"n": "x"}),
        add_dead_letter(client, {"n": "y"}, stage="loader", reason="arrow"),
    ]
    form = {"verb": "replay", "whole_group": "true", "stage": "aggregator", "reason": "arrow"}
    assert f"Replayed: {many}." in post_text(client, "/dead", form)
    assert [int(fields[b"n"]) for fields in raw_entries(client)] == [*range(many)]
    assert sorted(remaining_ids(client)) == sorted(others)


def test_each_failure_group_has_a_form_to_replay_and_one_to_drop_it(client: TestClient) -> None:
    add_dead_letter(client, {"a": "b"})
    forms = re.findall(r'<input type="hidden" name="verb" value="(\w+)">', client.get("/dead").text)
    assert forms == ["replay", "drop"]


def test_the_api_lists_dead_letters_page_by_page(client: TestClient) -> None:
    oldest, *newer = [add_dead_letter(client, {"n": str(n)}) for n in range(3)]
    first = client.get("/api/dead", params={"limit": 2}).json()
    assert [letter["id"] for letter in first["letters"]] == newer[::-1]
    second = client.get("/api/dead", params={"before": first["next"]}).json()
    assert [letter["id"] for letter in second["letters"]] == [oldest]
    assert second["next"] is None


def test_dead_letters_without_a_reason_are_a_failure_group(client: TestClient) -> None:
    add_dead_letter(client, {"n": "0"}, reason="")
    other = add_dead_letter(client, {"n": "1"})
    form = {"verb": "drop", "whole_group": "true", "stage": "aggregator", "reason": ""}
    assert "Dropped: 1." in post_text(client, "/dead", form)
    assert remaining_ids(client) == [other]


def test_missing_and_refused_dead_letters_are_counted(client: TestClient) -> None:
    unknown = add_dead_letter(client, {"n": "1"}, stream="elsewhere")
    page_text = post_text(client, "/dead", {"verb": "replay", "letter": [unknown, "1-1", add_dead_letter(client, {"a": "b"})]})  # fmt: skip  # noqa: E501
    assert "Replayed: 1." in page_text
    assert "No longer present: 1." in page_text
    assert "they come from an unknown stream: 1." in page_text
    assert remaining_ids(client) == [unknown]


def test_a_warning_of_a_replay_is_shown(client: TestClient) -> None:
    id = add_dead_letter(client, {"job": "999"})
    assert "there is no job 999" in post_text(client, "/dead", {"verb": "replay", "letter": [id]})


def test_without_a_selection_nothing_changes(client: TestClient) -> None:
    add_dead_letter(client, {"a": "b"})
    assert "Nothing was selected" in post_text(client, "/dead", {"verb": "drop"})
    assert len(remaining_ids(client)) == 1


def test_dead_letters_are_filtered_and_paged(client: TestClient) -> None:
    ids = [add_dead_letter(client, {"job": str(n % 2 + 1)}) for n in range(2 * (PAGE + 1))]
    page = client.get("/dead?job=2&page=1").text
    assert [id for id in ids if f'href="/dead/{id}"' in page] == ids[3::2]
    older = client.get("/dead?job=2&page=2").text
    assert [id for id in ids if f'href="/dead/{id}"' in older] == [ids[1]]
    assert "No dead letter matches the filter." in get_text(client, "/dead?reason=other")


def test_the_number_of_listed_dead_letters_is_limited(client: TestClient) -> None:
    ids = [
        add_dead_letter(client, {"n": str(n)}) for n in range(dead_letter_summary.MAX_LISTED + 2)
    ]
    listed = dead_letter_summary.list_letters(dependencies(client).dead_letter_actions.letters)
    assert [letter.id for letter in listed.letters] == ids[:1:-1]
    assert listed.count == dead_letter_summary.MAX_LISTED + 2


def test_dead_letters_with_a_large_payload_are_listed(client: TestClient) -> None:
    ids = [add_dead_letter(client, {"payload": bytes(300_000)}) for _ in range(7)]
    before = sent_by_redis(client)
    listed = dead_letter_summary.list_letters(dependencies(client).dead_letter_actions.letters)
    assert sent_by_redis(client) - before < 100_000  # no payload
    assert [letter.id for letter in listed.letters] == ids[::-1]
    assert {letter.payload_bytes for letter in listed.letters} == {300_000}


def test_the_fields_and_the_first_rows_are_shown(client: TestClient) -> None:
    stats = batch(7, steady(7.0))
    fields = {**stats.encode(), "payload": stats.encode()["payload"]}
    id = add_dead_letter(client, fields, stage="loader", reason="contract")
    page_text = get_text(client, f"/dead/{id}")
    assert 'slices [["","2025-12-05T00:00:00Z","2025-12-05T01:00:00Z",60]]' in page_text
    assert "wind_speed:mean" in page_text
    assert "2025-12-05 00:00:00 10 10 0 7 6 8" in page_text
    assert "6 of 6 rows" in page_text


def raw_fields(timestamps: pa.Array) -> dict[Any, Any]:
    table = pa.table(
        {"timestamp": timestamps, "wind_speed": pa.array([1.0] * len(timestamps), pa.float64())}
    )
    return RawBatch(slices=(slice_of(),), table=table, rows=(len(timestamps),)).encode()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"v": "0", "payload": b"\xff torn"}, "version: v=b'0'"),
        ({"v": "1", "payload": b""}, "checksum: the entry is not what was published"),
        (raw_fields(pa.array([2**62], pa.int64()).cast(TIMESTAMP)), "cannot be read"),
    ],
)
def test_an_unreadable_payload_is_shown_as_an_error(
    client: TestClient, fields: dict[Any, Any], error: str
) -> None:
    assert error in get_text(client, f"/dead/{add_dead_letter(client, fields)}")


def test_an_empty_payload_and_a_missing_payload_differ(client: TestClient) -> None:
    empty = add_dead_letter(client, raw_fields(pa.array([], TIMESTAMP)))
    assert "The payload has no rows" in get_text(client, f"/dead/{empty}")
    assert "No payload." in get_text(client, f"/dead/{add_dead_letter(client, {'date': 'x'})}")


def test_fields_are_limited_and_control_characters_escaped(client: TestClient) -> None:
    many = {f"n{n}": "x" for n in range(100)}
    id = add_dead_letter(client, {"long": "x" * 10**6, "control": "\x1b[2J\u202eabc", **many})
    page_text = get_text(client, f"/dead/{id}")
    assert len(page_text) < 10_000
    assert r"\x1b[2J\u202eabc" in page_text
    assert f"and {102 - dead_letter_preview.MAX_FIELDS} more" in page_text


def test_a_missing_dead_letter_has_a_page(client: TestClient) -> None:
    assert "There is no dead letter 1-1." in get_text(client, "/dead/1-1", status=404)


def test_without_redis_the_pages_show_the_outage(target_url: str) -> None:
    with dashboard(target_url, RedisSettings(redis_url="redis://127.0.0.1:9/0")) as client:
        assert "Redis does not respond, so dead letters cannot be shown." in get_text(
            client, "/dead"
        )
        assert "None is lost." in get_text(client, "/dead/1-1", status=503)
        form = {"verb": "drop", "whole_group": "true", "stage": "loader", "reason": "x"}
        assert "Nothing has changed." in post_text(client, "/dead", form)


def test_without_the_target_no_action_runs_because_it_cannot_be_audited(
    redis_settings: RedisSettings,
) -> None:
    with dashboard("postgresql://nobody@127.0.0.1:9/target", redis_settings) as client:
        ids = [add_dead_letter(client, {"a": str(n)}) for n in range(2)]
        page_text = post_text(client, "/dead", {"verb": "drop", "letter": ids})
        assert "Nothing has changed. Not processed: 2." in page_text
        assert "the audit log cannot be shown" in page_text
        assert len(remaining_ids(client)) == 2
