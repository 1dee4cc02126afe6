"""PostgreSQL: engines, URLs, tables, binary COPY, the schema's version."""
