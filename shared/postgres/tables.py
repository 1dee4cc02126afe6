"""The tables of the analysis database; `migrations/` makes them, a test compares the two."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

LEDGER = "etl"
metadata = MetaData()
_Stamp = DateTime(timezone=True)

_SIGNAL = "One statistic of one variable of one asset; windows [t, t + window) carry their start t"
_DDOF = "Delta degrees of freedom; only where the statistic is std"
_REFERENCE = "References signal (id): triggers check it once a statement, docs/decisions/0011"
_FLAGS = "Sum of 1 incomplete, 2 non_finite, 4 duplicate, 8 frozen, 16 out_of_range"
_REVISION = (
    "Also the revision: where two jobs cover one slice, the higher number stands in the target"
)
_LETTER = "The newest dead letter that was counted against the job"
_ATTEMPT = "Raised by each retry: what an earlier attempt reports changes nothing"
_FINGERPRINTS = "Of the samples, one for each variable; null where nothing was loaded yet"
_DONE = "A note of what the slices say, so that ended jobs need not be counted again"
_SUPERSEDED = (
    "A newer job had loaded these windows before; this slice changed nothing where that is so"
)

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
    Column("ddof", SmallInteger, comment=_DDOF),
    UniqueConstraint("asset", "variable", "statistic", "window_s"),
    comment=_SIGNAL,
)

data = Table(
    "data",
    metadata,
    Column("timestamp", _Stamp, primary_key=True),
    Column("signal_id", Integer, primary_key=True, autoincrement=False, comment=_REFERENCE),
    Column("value", Double, nullable=False),
)

quality = Table(
    "quality",
    metadata,
    Column("asset", Text, primary_key=True, server_default=""),
    Column("variable", Text, primary_key=True),
    Column("window_s", Integer, primary_key=True),
    Column("timestamp", _Stamp, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("flags", Integer, nullable=False, comment=_FLAGS),
    Index("quality_time", "timestamp"),
    comment="Only windows that are not perfect",
)

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment=_REVISION),
    Column("idempotency_key", Text, unique=True),
    Column("body_hash", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("variables", ARRAY(Text), nullable=False),
    Column("assets", ARRAY(Text), nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("trace", Text, nullable=False),
    Column("created_at", _Stamp, nullable=False, server_default=text("now()")),
    Column("started_at", _Stamp),
    Column("slices_total", Integer),
    Column("failed_at", _Stamp),
    Column("reason", Text),
    Column("error", Text),
    Column("cancelled_at", _Stamp),
    Column("last_letter", Text, comment=_LETTER),
    Column("done_at", _Stamp, comment=_DONE),
    Column("attempt", Integer, nullable=False, server_default=text("1"), comment=_ATTEMPT),
    Index("job_open", "id", postgresql_where=text("done_at IS NULL")),
    schema=LEDGER,
)

slice_ = Table(
    "slice",
    metadata,
    Column("job_id", BigInteger, ForeignKey(job.c.id), primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("start", _Stamp, primary_key=True),
    Column("end", _Stamp, nullable=False),
    Column("variables", ARRAY(Text), nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("published_at", _Stamp),
    Column("loaded_at", _Stamp),
    Column(
        "superseded", Boolean, nullable=False, server_default=text("false"), comment=_SUPERSEDED
    ),
    Column("rows", Integer),
    Column("windows", Integer),
    Column("present", BigInteger),
    Column("expected", BigInteger),
    Column("extract_ms", Double),
    Column("aggregate_ms", Double),
    Column("load_ms", Double),
    Column("fingerprints", ARRAY(Text), comment=_FINGERPRINTS),
    Index("slice_fence", "asset", "start", postgresql_where=text("loaded_at IS NOT NULL")),
    Index("slice_time", "start", postgresql_where=text("loaded_at IS NOT NULL")),
    schema=LEDGER,
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _Stamp, nullable=False, server_default=text("clock_timestamp()")),
    Column("action", Text, CheckConstraint("action IN ('replay', 'drop')"), nullable=False),
    Column("who", Text, nullable=False, comment="The person at the command line, as user@host"),
    Column("role", Text, nullable=False, server_default=text("SESSION_USER")),
    Column("letter", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("job", BigInteger, comment="As the entry says: there may be no such job"),
    Column("deliveries", Integer, nullable=False),
    Column("died_at", Text, nullable=False, comment="As the letter says"),
    Column("fields", JSONB, nullable=False, comment="The fields of the entry, without its payload"),
    Index("audit_job", "job", postgresql_where=text("job IS NOT NULL")),
    schema=LEDGER,
    comment="What was done with dead letters; written before it is done, and never changed",
)
