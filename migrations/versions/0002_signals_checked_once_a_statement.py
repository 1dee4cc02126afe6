"""The reference from data to signal is checked once a statement, not once a row."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The functions run as the tables' owner, as PostgreSQL's own checks of foreign keys do: who fills
# `data` needs no rights on `signal`.
CHECKED_ONCE = """
ALTER TABLE data DROP CONSTRAINT data_signal_id_fkey;
COMMENT ON COLUMN data.signal_id IS
    'References signal (id): triggers check it once a statement, docs/decisions/0011';

CREATE FUNCTION require_signals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    unknown integer;
BEGIN
    WITH wanted AS (
        SELECT DISTINCT signal_id AS id FROM written
    ), locked AS (
        SELECT s.id FROM signal s WHERE s.id IN (SELECT id FROM wanted) ORDER BY s.id FOR KEY SHARE
    )
    SELECT id INTO unknown FROM wanted WHERE id NOT IN (SELECT id FROM locked) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('table "data": there is no signal %s', unknown),
            TABLE = 'data', COLUMN = 'signal_id';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER signals_of_inserted AFTER INSERT ON data
REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION require_signals();
CREATE TRIGGER signals_of_updated AFTER UPDATE ON data
REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION require_signals();

CREATE FUNCTION require_current_view() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Who reads from one snapshot does not see what was committed since.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE feature_not_supported USING
            MESSAGE = 'signals are removed in a transaction that is READ COMMITTED';
    END IF;
END $$;

CREATE FUNCTION require_no_data() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM require_current_view();
    IF EXISTS (SELECT FROM data d WHERE d.signal_id = OLD.id) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('signal %s still has rows in table "data"', OLD.id),
            TABLE = 'data', COLUMN = 'signal_id';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER data_of_deleted AFTER DELETE ON signal
FOR EACH ROW EXECUTE FUNCTION require_no_data();
CREATE TRIGGER data_of_renumbered AFTER UPDATE OF id ON signal
FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION require_no_data();

CREATE FUNCTION require_empty_data() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM require_current_view();
    IF EXISTS (SELECT FROM data) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'the signals still have rows in table "data": truncate both at once';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER data_of_truncated AFTER TRUNCATE ON signal
FOR EACH STATEMENT EXECUTE FUNCTION require_empty_data();

-- They see the tables beside them, and nobody's temporary ones of the same name.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['require_signals', 'require_no_data', 'require_empty_data'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $$;
"""

CHECKED_BY_ROW = """
DROP TRIGGER data_of_truncated ON signal;
DROP TRIGGER data_of_renumbered ON signal;
DROP TRIGGER data_of_deleted ON signal;
DROP TRIGGER signals_of_updated ON data;
DROP TRIGGER signals_of_inserted ON data;
DROP FUNCTION require_empty_data, require_no_data, require_current_view, require_signals;
ALTER TABLE data ADD CONSTRAINT data_signal_id_fkey FOREIGN KEY (signal_id) REFERENCES signal (id);
COMMENT ON COLUMN data.signal_id IS NULL;
"""


def upgrade() -> None:
    op.execute(CHECKED_ONCE)


def downgrade() -> None:
    op.execute(CHECKED_BY_ROW)
