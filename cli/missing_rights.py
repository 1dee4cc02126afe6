"""Which rights the roles of the services lack in the target database."""

from sqlalchemy import Connection, text

# Each role and its table, as migrations/rights.py grants them. The role without a name works for
# all services. A privilege on one column is enough, as for the locks on signals.
_MISSING = text("""
    WITH needed(role, name, privileges) AS (VALUES
        ('', 'public.data', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('', 'public.quality', '{SELECT,INSERT,DELETE}'),
        ('', 'public.signal', '{SELECT,INSERT,UPDATE}'),
        ('', 'public.alembic_version', '{SELECT}'),
        ('', 'etl.job', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('', 'etl.slice', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('', 'etl.ledger', '{SELECT,UPDATE}'),
        ('', 'etl.audit', '{SELECT,INSERT}'),
        ('', 'etl.ended_session', '{SELECT,INSERT,DELETE}'),
        ('minuano_extractor', 'public.data', '{SELECT}'),
        ('minuano_extractor', 'public.quality', '{SELECT}'),
        ('minuano_extractor', 'public.signal', '{SELECT}'),
        ('minuano_extractor', 'etl.job', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('minuano_extractor', 'etl.slice', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('minuano_extractor', 'etl.ledger', '{SELECT,UPDATE}'),
        ('minuano_extractor', 'etl.audit', '{INSERT}'),
        ('minuano_loader', 'public.data', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('minuano_loader', 'public.quality', '{SELECT,INSERT,DELETE}'),
        ('minuano_loader', 'public.signal', '{SELECT,INSERT,UPDATE}'),
        ('minuano_loader', 'etl.job', '{SELECT,UPDATE}'),
        ('minuano_loader', 'etl.slice', '{SELECT,INSERT,UPDATE}'),
        ('minuano_loader', 'etl.ledger', '{SELECT}'),
        ('minuano_dashboard', 'public.data', '{SELECT}'),
        ('minuano_dashboard', 'public.quality', '{SELECT}'),
        ('minuano_dashboard', 'public.signal', '{SELECT}'),
        ('minuano_dashboard', 'etl.job', '{SELECT,UPDATE}'),
        ('minuano_dashboard', 'etl.slice', '{SELECT}'),
        ('minuano_dashboard', 'etl.ledger', '{SELECT}'),
        ('minuano_dashboard', 'etl.audit', '{SELECT,INSERT}'),
        ('minuano_dashboard', 'etl.ended_session', '{SELECT,INSERT,DELETE}'),
        ('minuano_orchestrator', 'public.data', '{SELECT}'),
        ('minuano_orchestrator', 'public.quality', '{SELECT}'),
        ('minuano_orchestrator', 'public.signal', '{SELECT}'),
        ('minuano_orchestrator', 'etl.job', '{SELECT}'),
        ('minuano_orchestrator', 'etl.slice', '{SELECT}'),
        ('minuano_cli', 'public.data', '{SELECT}'),
        ('minuano_cli', 'public.signal', '{SELECT}'),
        ('minuano_cli', 'public.alembic_version', '{SELECT}'),
        ('minuano_cli', 'etl.job', '{SELECT,UPDATE,DELETE}'),
        ('minuano_cli', 'etl.slice', '{SELECT,DELETE}'),
        ('minuano_cli', 'etl.ledger', '{SELECT,UPDATE}'),
        ('minuano_cli', 'etl.audit', '{SELECT,INSERT}')
    ), roles AS (
        SELECT rolname, role FROM (SELECT DISTINCT role FROM needed) n
        JOIN pg_roles ON rolname = CASE
            WHEN current_user IN (SELECT role FROM needed) THEN role
            WHEN role = '' THEN current_user END
    )
    SELECT rolname AS role, privilege || ' on table ' || name AS what
    FROM roles JOIN needed USING (role)
    JOIN pg_namespace n ON n.nspname = split_part(name, '.', 1)
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = split_part(name, '.', 2),
    unnest(CAST(privileges AS text[])) AS privilege
    WHERE NOT CASE privilege WHEN 'DELETE' THEN has_table_privilege(rolname, c.oid, privilege)
              ELSE has_any_column_privilege(rolname, c.oid, privilege) END
    UNION ALL
    SELECT rolname, 'USAGE on schema etl' FROM roles, pg_namespace n
    WHERE nspname = 'etl' AND NOT has_schema_privilege(rolname, n.oid, 'USAGE')
    UNION ALL
    SELECT rolname, 'TEMPORARY on this database' FROM roles
    WHERE role IN ('', 'minuano_loader')
    AND NOT has_database_privilege(rolname, current_database(), 'TEMPORARY')
    ORDER BY role, what
""")


def missing_rights(connection: Connection) -> list[tuple[str, str]]:
    """Role and right: of all services if the command line has the role of one of them
    (deploy/postgres/target.sql), else of the role of this connection, which works for all.
    """
    return [(row.role, row.what) for row in connection.execute(_MISSING)]
