"""What a session on PostgreSQL is set to."""

import pytest
import sqlalchemy as sa

from shared.database import connect

OURS = {"TimeZone": "UTC", "lock_timeout": "30s"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", OURS),
        ("?options=-csearch_path%3Detl", {**OURS, "search_path": "etl"}),
        ("?options=-csearch_path%3Detl%20-c%20work_mem%3D5MB",
         {**OURS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-csearch_path%3Detl&options=-cwork_mem%3D5MB",
         {**OURS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-ctimezone%3DAsia/Tokyo", OURS),
    ],
)  # fmt: skip
def test_a_session_has_our_options_and_those_of_the_url(
    source_url: str, query: str, expected: dict[str, str]
) -> None:
    engine = connect(source_url + query, application="test")
    with engine.connect() as connection:
        shown = {name: connection.scalar(sa.text(f"SHOW {name}")) for name in expected}
    engine.dispose()
    assert shown == expected
