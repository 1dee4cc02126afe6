"""PostgreSQL: engines, URLs, tables, binary COPY and the version of the schema."""
