-- Run once, by the superuser, when the volume is new: the role that owns Dagster's own database.
\getenv dagster_password MINUANO_DAGSTER_PASSWORD
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
ALTER DATABASE :"DBNAME" OWNER TO dagster;
REVOKE ALL ON DATABASE :"DBNAME", postgres FROM PUBLIC;
