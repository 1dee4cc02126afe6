"""The tables of the target database, for queries. `migrations/` creates and explains them; a test
compares the two.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

LEDGER = "etl"
metadata = MetaData()
_Timestamp = DateTime(timezone=True)

signal = Table(
    "signal",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("asset", Text, nullable=False, server_default=""),
    Column("variable", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("unit", Text),
    Column("ddof", SmallInteger),
    UniqueConstraint("asset", "variable", "statistic", "window_s"),
)

data = Table(
    "data",
    metadata,
    Column("timestamp", _Timestamp, primary_key=True),
    Column("signal_id", Integer, primary_key=True, autoincrement=False),
    Column("value", Double, nullable=False),
)

quality = Table(
    "quality",
    metadata,
    Column("asset", Text, primary_key=True, server_default=""),
    Column("variable", Text, primary_key=True),
    Column("window_s", Integer, primary_key=True),
    Column("timestamp", _Timestamp, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("flags", Integer, nullable=False),
    Index("quality_time", "timestamp"),
)

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("idempotency_key", Text, unique=True),
    Column("body_hash", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("variables", ARRAY(Text), nullable=False),
    Column("assets", ARRAY(Text), nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("only_changed", Boolean, nullable=False, server_default=text("false")),
    Column("trace", Text, nullable=False),
    Column("created_at", _Timestamp, nullable=False, server_default=text("now()")),
    Column("started_at", _Timestamp),
    Column("slices_total", Integer),
    Column("failed_at", _Timestamp),
    Column("reason", Text),
    Column("error", Text),
    Column("cancelled_at", _Timestamp),
    Column("dead_letters", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("done_at", _Timestamp),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("republished", Integer, nullable=False, server_default=text("0")),
    Column("published", Integer, nullable=False, server_default=text("0")),
    Column("loaded", Integer, nullable=False, server_default=text("0")),
    Column("superseded", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("windows", BigInteger, nullable=False, server_default=text("0")),
    Column("present", BigInteger, nullable=False, server_default=text("0")),
    Column("expected", BigInteger, nullable=False, server_default=text("0")),
    Column("extract_ms", Double, nullable=False, server_default=text("0")),
    Column("aggregate_ms", Double, nullable=False, server_default=text("0")),
    Column("load_ms", Double, nullable=False, server_default=text("0")),
    Column("progressed_at", _Timestamp),
    Column("pruned_at", _Timestamp),
    Index("job_open", "id", postgresql_where=text("done_at IS NULL")),
    schema=LEDGER,
)

slice_ = Table(
    "slice",
    metadata,
    Column("job_id", BigInteger, ForeignKey(job.c.id), primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("start", _Timestamp, primary_key=True),
    Column("end", _Timestamp, nullable=False),
    Column("variables", ARRAY(Text), nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("published_at", _Timestamp),
    Column("loaded_at", _Timestamp),
    Column("attempt", Integer),
    Column("superseded", Boolean, nullable=False, server_default=text("false")),
    Column("unchanged", Boolean, nullable=False, server_default=text("false")),
    Column("rows", Integer),
    Column("windows", Integer),
    Column("present", BigInteger),
    Column("expected", BigInteger),
    Column("extract_ms", Double),
    Column("aggregate_ms", Double),
    Column("load_ms", Double),
    Column("fingerprints", ARRAY(Text)),
    Column("contents", ARRAY(BigInteger)),
    Index("slice_fence", "asset", "start", postgresql_where=text("loaded_at IS NOT NULL")),
    Index("slice_time", "start", postgresql_where=text("loaded_at IS NOT NULL")),
    schema=LEDGER,
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("pruned_at", _Timestamp),
    Index("ledger_one_row", text("(true)"), unique=True),
    schema=LEDGER,
)

ended_session = Table(
    "ended_session",
    metadata,
    Column("session", Text, primary_key=True),
    Column("expires_at", _Timestamp, nullable=False),
    schema=LEDGER,
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _Timestamp, nullable=False, server_default=text("clock_timestamp()")),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("role", Text, nullable=False, server_default=text("SESSION_USER")),
    Column("dead_letter_id", Text),
    Column("stage", Text),
    Column("stream", Text),
    Column("entry_id", Text),
    Column("reason", Text),
    Column("error", Text),
    Column("job_id", BigInteger),
    Column("deliveries", Integer),
    Column("dead_lettered_at", Text),
    Column("fields", JSONB),
    Index("audit_letters", "id", postgresql_where=text("dead_letter_id IS NOT NULL")),
    Index("audit_job_id", "job_id", postgresql_where=text("job_id IS NOT NULL")),
    schema=LEDGER,
)
