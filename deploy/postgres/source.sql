-- The superuser runs this once, when the volume is new. The roles are those of the embedded stack:
-- the owner creates tables (`minuano seed`), the reader (connector) may only SELECT.
\getenv owner_password MINUANO_OWNER_PASSWORD
\getenv reader_password MINUANO_READER_PASSWORD
CREATE ROLE minuano_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE minuano_reader LOGIN PASSWORD :'reader_password';
ALTER DATABASE :"DBNAME" OWNER TO minuano_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE :"DBNAME", postgres, template1 FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_create, lo_creat, lo_from_bytea FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO minuano_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE minuano_owner GRANT SELECT ON TABLES TO minuano_reader;
