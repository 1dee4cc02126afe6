"""The sessions that were signed out: the table `etl.ended_session`, which all dashboards share."""

import threading
from collections.abc import Sequence

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from services.dashboard.web.sessions import Sessions
from shared import logs
from shared.errors import Unavailable
from shared.postgres.engines import postgres_errors
from shared.postgres.tables import ended_session

log = logs.get(__name__)

REFRESH_S = 2.0
"""After this time a session that was signed out at one dashboard has ended at all of them."""
MAX_ENDED = 100_000
"""Sessions in memory: those that were signed out last, and whose cookie would still be valid."""


class EndedSessions:
    """Ends sessions at this dashboard at once, and at the others through the target."""

    def __init__(self, engine: Engine, sessions: Sessions) -> None:
        self._engine, self._sessions = engine, sessions
        self._unwritten: list[str] = []
        self._lock = threading.Lock()

    def end(self, cookie: str | None) -> None:
        """End the session of this cookie. While the target is unavailable it ends only here; the
        other dashboards are told later.
        """
        with self._lock:
            session = self._sessions.end(cookie)
            self._unwritten += [session] if session else []
        if session:
            self._try_refresh()

    def run(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        while not stop.wait(REFRESH_S):
            self._try_refresh()

    def refresh(self) -> None:
        """Write what this dashboard has ended, and read what all have. Raises `Unavailable`."""
        with self._lock:
            self._sessions.ended = self._exchange(self._unwritten)
            self._unwritten.clear()

    def _exchange(self, unwritten: Sequence[str]) -> set[str]:
        expiry = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, self._sessions.max_age_s)
        with postgres_errors(), self._engine.begin() as connection:
            if unwritten:
                connection.execute(
                    delete(ended_session).where(ended_session.c.expires_at < func.now())
                )
                connection.execute(
                    insert(ended_session)
                    .values([{"session": session, "expires_at": expiry} for session in unwritten])
                    .on_conflict_do_nothing()
                )
            newest = select(ended_session.c.session).order_by(ended_session.c.expires_at.desc())
            return set(connection.scalars(newest.limit(MAX_ENDED)))

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except Unavailable as outage:
            log.warning("sessions.refresh_deferred", error=str(outage))
