-- Creates a role that can read one table of a production database and nothing else:
--   export MINUANO_READER_PASSWORD=…
--   psql -d "$PRODUCTION_URL" -v schema=public -v table=turbine_1min -f deploy/postgres/reader.sql
-- Run it as a superuser, or as an owner of the table who may create roles. The reader also has the
-- rights of PUBLIC (connect, create temporary tables and large objects): other programs may depend
-- on those.
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
