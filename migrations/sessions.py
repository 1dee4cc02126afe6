"""The sessions of the dashboard that were signed out; created by the first migration."""

SESSIONS = """
CREATE TABLE etl.ended_session (session text PRIMARY KEY, expires_at timestamptz NOT NULL);
COMMENT ON TABLE etl.ended_session IS
    'Sessions of the dashboard that were signed out, until their cookies expire';
"""
