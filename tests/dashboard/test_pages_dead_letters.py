"""The pages of dead letters: seeing them, replaying and dropping them, and who did so."""

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
from shared.streams import dead_letter_preview, epitaph
from shared.streams.entries import Entry
from tests.dashboard.dashboard_client import dashboard
from tests.dashboard.pages import after, parts, said
from tests.integration.loader import batch, new_job, steady
from tests.unit.batches import slice_of

WHO = "dashboard@testclient"


def bury(
    client: TestClient,
    fields: dict[Any, Any],
    *,
    stage: str = "aggregator",
    reason: str = "schema",
    stream: str | None = None,
    error: str = "torn",
) -> str:
    """A dead letter with these fields; its id."""
    here = parts(client)
    entry = Entry("1-0", {str(k).encode(): v for k, v in fields.items()}, deliveries=2)
    told = epitaph.dead_letter_fields(
        entry, reason=reason, error=error, stage=stage, stream=stream or here.streams.raw
    )
    id: Any = here.redis.xadd(here.streams.dead, told)
    return str(id.decode())


def left(client: TestClient) -> list[str]:
    """The ids of the letters that are still there."""
    return [letter.id for letter in parts(client).dead_letter_actions.letters.newest(1_000)]


def on_raw(client: TestClient) -> list[dict[bytes, bytes]]:
    """The entries on the stream that letters came from."""
    here = parts(client)
    entries: Any = here.redis.xrange(here.streams.raw)
    return [fields for _, fields in entries]


def deeds(client: TestClient) -> list[tuple[str, str, str]]:
    """Action, letter and who, the newest first."""
    return [
        (d.action, d.dead_letter_id, d.actor)
        for d in parts(client).dead_letter_actions.audit.newest(50)
    ]


def test_without_letters_the_page_is_content(client: TestClient) -> None:
    found = said(client, "/dead")
    assert "Everything that came could be handled." in found
    assert "No dead letter was replayed or dropped." in found


def test_a_letter_is_listed_with_its_end_and_its_job(client: TestClient) -> None:
    bury(client, {"job": "7", "x": "y"}, error="<i>torn</i>")
    page = client.get("/dead").text
    assert 'href="/jobs/7"' in page
    assert "&lt;i&gt;torn&lt;/i&gt;" in page
    assert "<i>" not in page


def test_a_letter_is_replayed_its_job_opens_and_it_is_noted_who_did_so(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target)
    Ledger(target).fail(job, reason="schema", error="torn")
    id = bury(client, {"job": str(job)})
    found = after(client, "/dead", {"verb": "replay", "letter": [id]})
    assert "Put back on their streams: 1. Their jobs are open again." in found
    assert (left(client), on_raw(client)) == ([], [{b"job": str(job).encode()}])
    assert Ledger(target).job(job).state == "running"
    assert deeds(client) == [("replay", id, WHO)]
    assert f"{WHO} replayed aggregator schema {job} {id}" in found


def test_ticked_letters_are_dropped_and_the_others_stay(client: TestClient) -> None:
    ids = [bury(client, {"n": str(n)}) for n in range(3)]
    found = after(client, "/dead", {"verb": "drop", "letter": ids[:2]})
    assert "Removed for good: 2. Their jobs stay as they are." in found
    assert left(client) == ids[2:]
    assert {deed[:2] for deed in deeds(client)} == {("drop", ids[0]), ("drop", ids[1])}


def test_all_of_a_kind_are_replayed_and_no_others(client: TestClient) -> None:
    many = PAGE + 5
    for n in range(many):
        bury(client, {"n": str(n)}, reason="arrow")
    others = [bury(client, {"n": "x"}), bury(client, {"n": "y"}, stage="loader", reason="arrow")]
    form = {"verb": "replay", "of_a_kind": "true", "stage": "aggregator", "reason": "arrow"}
    assert f"Put back on their streams: {many}." in after(client, "/dead", form)
    assert [int(fields[b"n"]) for fields in on_raw(client)] == [*range(many)]
    assert sorted(left(client)) == sorted(others)


def test_each_kind_has_a_form_to_replay_and_one_to_drop_it(client: TestClient) -> None:
    bury(client, {"a": "b"})
    forms = re.findall(r'<input type="hidden" name="verb" value="(\w+)">', client.get("/dead").text)
    assert forms == ["replay", "drop"]


def test_letters_are_listed_over_http_page_by_page(client: TestClient) -> None:
    oldest, *newer = [bury(client, {"n": str(n)}) for n in range(3)]
    first = client.get("/api/dead", params={"limit": 2}).json()
    assert [letter["id"] for letter in first["letters"]] == newer[::-1]
    second = client.get("/api/dead", params={"before": first["next"]}).json()
    assert [letter["id"] for letter in second["letters"]] == [oldest]
    assert second["next"] is None


def test_all_that_say_no_reason_are_a_kind_too(client: TestClient) -> None:
    bury(client, {"n": "0"}, reason="")
    other = bury(client, {"n": "1"})
    form = {"verb": "drop", "of_a_kind": "true", "stage": "aggregator", "reason": ""}
    assert "Removed for good: 1." in after(client, "/dead", form)
    assert left(client) == [other]


def test_what_is_gone_and_what_cannot_be_replayed_are_counted(client: TestClient) -> None:
    foreign = bury(client, {"n": "1"}, stream="elsewhere")
    found = after(client, "/dead", {"verb": "replay", "letter": [foreign, "1-1", bury(client, {"a": "b"})]})  # fmt: skip  # noqa: E501
    assert "Put back on their streams: 1." in found
    assert "Gone already: 1." in found
    assert "they can only be dropped: 1." in found
    assert left(client) == [foreign]


def test_what_is_odd_about_a_replay_is_told(client: TestClient) -> None:
    id = bury(client, {"job": "999"})
    assert "there is no job 999" in after(client, "/dead", {"verb": "replay", "letter": [id]})


def test_nothing_ticked_is_nothing_done(client: TestClient) -> None:
    bury(client, {"a": "b"})
    assert "Nothing was ticked" in after(client, "/dead", {"verb": "drop"})
    assert len(left(client)) == 1


def test_letters_are_filtered_and_paged(client: TestClient) -> None:
    ids = [bury(client, {"job": str(n % 2 + 1)}) for n in range(2 * (PAGE + 1))]
    page = client.get("/dead?job=2&page=1").text
    assert [id for id in ids if f'href="/dead/{id}"' in page] == ids[3::2]
    older = client.get("/dead?job=2&page=2").text
    assert [id for id in ids if f'href="/dead/{id}"' in older] == [ids[1]]
    assert "There is none like that." in said(client, "/dead?reason=other")


def test_only_so_many_letters_are_looked_at(client: TestClient) -> None:
    ids = [bury(client, {"n": str(n)}) for n in range(dead_letter_summary.MAX_LISTED + 2)]
    found = dead_letter_summary.list_letters(parts(client).dead_letter_actions.letters)
    assert [each.letter.id for each in found.letters] == ids[:1:-1]
    assert found.count == dead_letter_summary.MAX_LISTED + 2


def test_letters_are_looked_at_however_large(client: TestClient) -> None:
    ids = [bury(client, {"payload": bytes(300_000)}) for _ in range(7)]
    found = dead_letter_summary.list_letters(parts(client).dead_letter_actions.letters)
    assert [each.letter.id for each in found.letters] == ids[::-1]
    assert {each.payload_bytes for each in found.letters} == {300_000}


def test_a_letter_shows_its_fields_and_the_first_rows(client: TestClient) -> None:
    stats = batch(7, steady(7.0))
    fields = {**stats.encode(), "payload": stats.encode()["payload"]}
    id = bury(client, fields, stage="loader", reason="contract")
    found = said(client, f"/dead/{id}")
    assert "asset – start 2025-12-05T00:00:00Z" in found
    assert "wind_speed:mean" in found
    assert "2025-12-05 00:00:00 10 10 0 7 6 8" in found
    assert "6 of 6 rows" in found


def raw_with(stamps: pa.Array) -> dict[Any, Any]:
    part = slice_of()
    table = pa.table(
        {"timestamp": stamps, "wind_speed": pa.array([1.0] * len(stamps), pa.float64())}
    )
    return RawBatch(slice=part, table=table, rows=len(stamps)).encode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"v": "0", "payload": b"\xff torn"}, "version: v=b'0'"),
        ({"v": "1", "payload": b""}, "checksum: the entry is not what was published"),
        (raw_with(pa.array([2**62], pa.int64()).cast(TIMESTAMP)), "can't be read"),
    ],
)
def test_a_poisonous_payload_is_a_message(
    client: TestClient, fields: dict[Any, Any], says: str
) -> None:
    assert says in said(client, f"/dead/{bury(client, fields)}")


def test_a_table_without_rows_and_no_payload_are_told_apart(client: TestClient) -> None:
    empty = bury(client, raw_with(pa.array([], TIMESTAMP)))
    assert "A table without rows" in said(client, f"/dead/{empty}")
    assert "It has no payload." in said(client, f"/dead/{bury(client, {'date': 'x'})}")


def test_fields_without_end_are_cut_and_steer_nothing(client: TestClient) -> None:
    many = {f"n{n}": "x" for n in range(100)}
    id = bury(client, {"long": "x" * 10**6, "steers": "\x1b[2J\u202eabc", **many})
    found = said(client, f"/dead/{id}")
    assert len(found) < 10_000
    assert r"\x1b[2J\u202eabc" in found
    assert f"and {102 - dead_letter_preview.MAX_FIELDS} more" in found


def test_a_letter_that_is_gone_is_told_in_a_page(client: TestClient) -> None:
    assert "There is no dead letter 1-1." in said(client, "/dead/1-1", status=404)


def test_without_redis_the_page_and_the_audit_are_there(target_url: str) -> None:
    with dashboard(target_url, RedisSettings(redis_url="redis://127.0.0.1:9/0")) as client:
        assert "Redis does not answer: dead letters can't be shown." in said(client, "/dead")
        assert "None is lost." in said(client, "/dead/1-1", status=503)
        form = {"verb": "drop", "of_a_kind": "true", "stage": "loader", "reason": "x"}
        assert "Nothing was done." in after(client, "/dead", form)


def test_without_the_target_nothing_is_done_because_it_could_not_be_noted(
    redis_settings: RedisSettings,
) -> None:
    with dashboard("postgresql://nobody@127.0.0.1:9/target", redis_settings) as client:
        ids = [bury(client, {"a": str(n)}) for n in range(2)]
        found = after(client, "/dead", {"verb": "drop", "letter": ids})
        assert "Nothing was done. Left as they were: 2." in found
        assert "neither can be shown what was done" in found
        assert len(left(client)) == 2
