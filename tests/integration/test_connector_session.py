"""The connections with which the connector reads samples."""

from contextlib import closing
from unittest import mock

import adbc_driver_manager
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from services.connector.adbc_reader import Session
from shared.postgres.session import SessionSettings
from tests.polling import wait_until

COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closed-again'"


def test_a_connection_whose_first_query_fails_is_closed(source_url: str) -> None:
    """As behind a pooler whose connections to the server are all busy."""
    url = make_url(source_url).update_query_dict({"application_name": "closed-again"})
    error = adbc_driver_manager.OperationalError(
        "query_wait_timeout", status_code=adbc_driver_manager.AdbcStatusCode.IO
    )
    with (
        mock.patch.object(Session, "_read", side_effect=error),
        pytest.raises(adbc_driver_manager.OperationalError),
    ):
        Session(url, SessionSettings({}))
    with closing(psycopg2.connect(source_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # a transaction would see the same sessions again and again

        def is_closed() -> bool:
            cursor.execute(COUNT)
            return cursor.fetchone() == (0,)

        wait_until(is_closed)
