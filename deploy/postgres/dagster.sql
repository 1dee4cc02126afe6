-- The superuser runs this once, when the volume is new: a role that owns Dagster's database.
\getenv dagster_password MINUANO_DAGSTER_PASSWORD
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
ALTER DATABASE :"DBNAME" OWNER TO dagster;
REVOKE ALL ON DATABASE :"DBNAME", postgres, template1 FROM PUBLIC;
