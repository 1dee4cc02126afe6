"""What each role of PostgreSQL may do, and what it may not."""

FORBIDDEN_TO_ALL = (
    "CREATE TABLE own (a int)", "CREATE SCHEMA own",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE ROLE own",
    "CREATE DATABASE own", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY data FROM PROGRAM 'true'",
    "COPY data TO '/tmp/own'", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('/')",
    "SELECT * FROM pg_authid", "SELECT lo_import('/etc/passwd')", "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET port = 1", "SET ROLE minuano_owner", "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE minuano_owner PASSWORD 'own'", "DROP TABLE data", "TRUNCATE data",
    "ALTER TABLE data ADD COLUMN own int", "CREATE INDEX ON data (timestamp)",
)  # fmt: skip
LARGE_OBJECTS = ("SELECT lo_create(0)", "SELECT lo_creat(-1)", "SELECT lo_from_bytea(0, 'own')")
"""Every role of a database may make them, unless its owner has revoked that from all."""
FORBIDDEN_TO_READER = (
    "INSERT INTO data VALUES (now(), 1, 1)", "UPDATE data SET power = 0", "DELETE FROM data",
    "SELECT 1 FROM data FOR UPDATE", "SELECT * FROM secret", "CREATE TEMPORARY TABLE own (a int)",
)  # fmt: skip
FORBIDDEN_TO_WRITER = (
    "INSERT INTO alembic_version VALUES ('9')", "UPDATE alembic_version SET version_num = '9'",
    "DELETE FROM alembic_version", "TRUNCATE alembic_version", "UPDATE etl.audit SET actor = 'x'",
    "DELETE FROM etl.audit", "TRUNCATE etl.audit", "DROP SCHEMA etl", "CREATE TABLE etl.x (a int)",
    "DROP VIEW signal_data", "CREATE OR REPLACE VIEW signal_data AS SELECT 1",
    "ALTER TABLE etl.job DISABLE TRIGGER ALL", "DROP FUNCTION etl.refuse_change",
    "SELECT setval('etl.job_id_seq', 1)", "UPDATE etl.ledger SET id = gen_random_uuid()",
    "DELETE FROM signal", "UPDATE signal SET name = 'x'", "UPDATE quality SET flags = 0",
    "TRUNCATE signal, data", "TRUNCATE quality", "TRUNCATE etl.job, etl.slice",
)  # fmt: skip
NEEDED_BY_WRITER = (
    "INSERT INTO signal (name, variable, statistic, window_s) VALUES ('a', 'b', 'c', 1)",
    "INSERT INTO data SELECT now(), id, 1 FROM signal", "UPDATE data SET value = 2",
    "DELETE FROM data", "CREATE TEMPORARY TABLE staged (a int)", "SELECT * FROM alembic_version",
    "SELECT 1 FROM signal FOR KEY SHARE", "DELETE FROM quality",
    "UPDATE etl.job SET done_at = now()", "UPDATE etl.slice SET loaded_at = now()",
    "SELECT * FROM etl.job_status, signal_data", "DELETE FROM etl.slice", "DELETE FROM etl.job",
    "UPDATE etl.ledger SET pruned_at = now()", "SELECT etl.prune_audit('1 day', 1)",
)  # fmt: skip


ENDED_SESSIONS = {"etl.ended_session": "SELECT INSERT DELETE"}
# All rights of the writer. A new table has to be added here.
WRITER_RIGHTS = {
    "alembic_version": "SELECT", "data": "SELECT INSERT UPDATE DELETE", "signal_data": "SELECT",
    "quality": "SELECT INSERT DELETE", "signal": "SELECT INSERT", "etl.audit": "SELECT INSERT",
    "etl.job": "SELECT INSERT UPDATE DELETE", "etl.slice": "SELECT INSERT UPDATE DELETE",
    "etl.job_status": "SELECT", "etl.ledger": "SELECT", **ENDED_SESSIONS,
}  # fmt: skip
READ_ALL = {name: "SELECT" for name in WRITER_RIGHTS if name not in ENDED_SESSIONS}
PRUNE = {"etl.job": "SELECT DELETE", "etl.slice": "SELECT DELETE"}
# All rights of the role of each service, and the columns that it may change in other tables.
SERVICE_RIGHTS = {
    "minuano_extractor": {
        **READ_ALL, "etl.audit": "SELECT INSERT", "etl.job": "SELECT INSERT UPDATE DELETE",
        "etl.slice": "SELECT INSERT UPDATE DELETE",
    },
    "minuano_loader": {
        **READ_ALL, "data": "SELECT INSERT UPDATE DELETE", "quality": "SELECT INSERT DELETE",
        "signal": "SELECT INSERT", "etl.job": "SELECT UPDATE", "etl.slice": "SELECT INSERT UPDATE",
    },
    "minuano_dashboard": {**READ_ALL, **ENDED_SESSIONS, "etl.audit": "SELECT INSERT"},
    "minuano_orchestrator": READ_ALL,
    "minuano_cli": {**READ_ALL, **PRUNE, "etl.audit": "SELECT INSERT"},
}  # fmt: skip
REOPENED = {"attempt", "cancelled_at", "error", "failed_at", "reason", "republished"}
SERVICE_COLUMNS = {
    "minuano_extractor": {"etl.ledger": {"pruned_at"}},
    "minuano_loader": {"signal": {"unit"}},
    "minuano_dashboard": {"etl.job": REOPENED},
    "minuano_orchestrator": {},
    "minuano_cli": {"etl.job": REOPENED | {"pruned_at"}, "etl.ledger": {"pruned_at"}},
}
COLUMNS = """
    SELECT attrelid::regclass::text, string_agg(attname, ' ') FROM pg_attribute a
    WHERE attacl IS NOT NULL AND has_column_privilege(current_user, attrelid, attname, 'UPDATE')
    AND NOT has_table_privilege(current_user, attrelid, 'UPDATE') GROUP BY 1
"""
GRANTED = """
    SELECT c.oid::regclass::text, string_agg(p, ' ' ORDER BY n)
    FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                                  'TRIGGER']) WITH ORDINALITY AS a(p, n)
    WHERE relkind IN ('r', 'v', 'm', 'p') AND relnamespace IN ('public'::regnamespace,
    'etl'::regnamespace) AND has_table_privilege(current_user, c.oid, p) GROUP BY c.oid
"""
