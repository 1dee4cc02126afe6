-- Makes the role that reads one table of a production database, and nothing else of it:
--   export MINUANO_READER_PASSWORD=…
--   psql -d "$PRODUCTION_URL" -v schema=public -v table=turbine_1min -f deploy/postgres/reader.sql
-- As a superuser, or as the table's owner who may also create roles. What PUBLIC may do there the
-- reader may too (connect, make temporary tables): that is left as it is, others may live by it.
\set ON_ERROR_STOP on
\getenv reader_password MINUANO_READER_PASSWORD
BEGIN;
CREATE ROLE minuano_reader LOGIN PASSWORD :'reader_password'
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION;
ALTER ROLE minuano_reader SET default_transaction_read_only = on;
GRANT CONNECT ON DATABASE :"DBNAME" TO minuano_reader;
GRANT USAGE ON SCHEMA :"schema" TO minuano_reader;
GRANT SELECT ON :"schema".:"table" TO minuano_reader;
COMMIT;
