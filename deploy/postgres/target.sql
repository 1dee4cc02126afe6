-- The superuser runs this once, when the volume is new. The roles are those of the embedded stack:
-- the owner creates tables (`minuano migrate`), the writer (extractor, loader) writes rows. The
-- migration revokes the rights that the writer does not need.
\getenv owner_password MINUANO_OWNER_PASSWORD
\getenv writer_password MINUANO_WRITER_PASSWORD
CREATE ROLE minuano_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE minuano_writer LOGIN PASSWORD :'writer_password';
ALTER DATABASE :"DBNAME" OWNER TO minuano_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE :"DBNAME", postgres FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO minuano_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE minuano_owner GRANT USAGE ON SCHEMAS TO minuano_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE minuano_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO minuano_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE minuano_owner GRANT USAGE ON SEQUENCES TO minuano_writer;
