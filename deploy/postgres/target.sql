-- The superuser runs this once, when the volume is new. The owner creates tables (`minuano migrate`).
-- The migration gives each other role the rights that its service needs: migrations/rights.py.
\set ON_ERROR_STOP on
\getenv owner_password MINUANO_OWNER_PASSWORD
\getenv extractor_password MINUANO_EXTRACTOR_PASSWORD
\getenv loader_password MINUANO_LOADER_PASSWORD
\getenv dashboard_password MINUANO_DASHBOARD_PASSWORD
\getenv orchestrator_password MINUANO_DAGSTER_PASSWORD
\getenv cli_password MINUANO_CLI_PASSWORD
CREATE ROLE minuano_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE minuano_extractor LOGIN PASSWORD :'extractor_password';
CREATE ROLE minuano_loader LOGIN PASSWORD :'loader_password';
CREATE ROLE minuano_dashboard LOGIN PASSWORD :'dashboard_password';
CREATE ROLE minuano_orchestrator LOGIN PASSWORD :'orchestrator_password';
CREATE ROLE minuano_cli LOGIN PASSWORD :'cli_password';
ALTER DATABASE :"DBNAME" OWNER TO minuano_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE :"DBNAME", postgres, template1 FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_create, lo_creat, lo_from_bytea FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME"
    TO minuano_extractor, minuano_loader, minuano_dashboard, minuano_orchestrator, minuano_cli;
GRANT TEMPORARY ON DATABASE :"DBNAME" TO minuano_loader;
