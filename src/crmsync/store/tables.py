"""The tables, as the newest migration leaves them. Moments are integer microseconds since 1970 UTC; blobs are orjson.

Text compares byte by byte on both databases (collation "C" on PostgreSQL), so that orders and keyset pages agree.
Partial indexes are in crmsync.store.indexes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text

metadata = MetaData()

WORD = Text().with_variant(Text(collation="C"), "postgresql")
MOMENT = BigInteger()
SERIAL = BigInteger().with_variant(Integer(), "sqlite")

snapshots = Table(
    "snapshots",
    metadata,
    Column("side", WORD, primary_key=True),
    Column("object", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    Column("state", WORD, nullable=False),
    Column("person_id", WORD),
    Column("hash", WORD, nullable=False),
    Column("key", WORD),
    Column("emails", Text, nullable=False),
    Column("modified_at", MOMENT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("dirty", SmallInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
# The state first: with (side, object) first, PostgreSQL without statistics took this index for single records and read the whole object.
Index("snapshots_state", snapshots.c.state, snapshots.c.side, snapshots.c.object)

emails = Table(
    "emails",
    metadata,
    Column("email", WORD, primary_key=True),
    Column("side", WORD, primary_key=True),
    Column("object", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    sqlite_with_rowid=False,
)
Index("emails_record", emails.c.side, emails.c.object, emails.c.id)

persons = Table(
    "persons",
    metadata,
    Column("person_id", WORD, primary_key=True),
    Column("next_due_at", MOMENT),
    Column("owner", WORD),
    Column("stage", WORD),
    Column("data", LargeBinary, nullable=False),
    Column("account", WORD),
    Column("engagement", Double),
    Column("segment", WORD),
    Column("score", Double),
)
Index("persons_stage", persons.c.stage)
Index("persons_owner", persons.c.owner, persons.c.stage)
Index("persons_score", persons.c.segment, persons.c.score)

signals = Table(
    "signals",
    metadata,
    Column("event_id", WORD, primary_key=True),
    Column("person_id", WORD, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("type", WORD, nullable=False),
    Column("detail", Text, nullable=False),
    Column("source", WORD, nullable=False),
)
Index("signals_person", signals.c.person_id, signals.c.at)
Index("signals_type", signals.c.type)

journal = Table(
    "journal",
    metadata,
    Column("seq", SERIAL, primary_key=True),
    Column("write_id", WORD, nullable=False),
    Column("side", WORD, nullable=False),
    Column("person_id", WORD),
    Column("kind", WORD, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("record_id", WORD),
    Column("outcome", WORD),
    Column("cause", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("settled_at", MOMENT),
    Column("data", LargeBinary, nullable=False),
)
Index("journal_write", journal.c.write_id, unique=True)
Index("journal_person", journal.c.person_id, journal.c.seq)

problems = Table(
    "problems",
    metadata,
    Column("problem_id", SERIAL, primary_key=True),
    Column("cause", WORD, nullable=False),
    Column("side", WORD, nullable=False),
    Column("object", WORD, nullable=False),
    Column("record_id", WORD, nullable=False),
    Column("person_id", WORD, nullable=False),
    Column("field", WORD, nullable=False),
    Column("message", Text, nullable=False),
    Column("data_hash", WORD, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("first_at", MOMENT, nullable=False),
    Column("last_at", MOMENT, nullable=False),
    Column("retry_at", MOMENT),
)
Index("problems_once", problems.c.cause, problems.c.side, problems.c.object, problems.c.record_id, problems.c.person_id,
      problems.c.field, unique=True)  # fmt: skip
Index("problems_person", problems.c.person_id)

conflicts = Table(
    "conflicts",
    metadata,
    Column("conflict_id", SERIAL, primary_key=True),
    Column("person_id", WORD, nullable=False),
    Column("field", WORD, nullable=False),
    Column("shown", LargeBinary, nullable=False),
    Column("opened_at", MOMENT, nullable=False),
    Column("resolution", WORD),
)
Index("conflicts_once", conflicts.c.person_id, conflicts.c.field, unique=True)

effects = Table(
    "effects",
    metadata,
    Column("rule", WORD, primary_key=True),
    Column("person_id", WORD, primary_key=True),
    Column("due_at", MOMENT, primary_key=True),
    sqlite_with_rowid=False,
)

tasks = Table(
    "tasks",
    metadata,
    Column("key", WORD, primary_key=True),
    Column("person_id", WORD, nullable=False),
    Column("side", WORD, nullable=False),
    Column("record_id", WORD),
    Column("kind", WORD, nullable=False),
    Column("owner", WORD),
    Column("due_at", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("draft", LargeBinary, nullable=False),
    Column("state", WORD),
    Column("state_at", MOMENT),
)
Index("tasks_person", tasks.c.person_id)

assignments = Table(
    "assignments",
    metadata,
    Column("seq", SERIAL, primary_key=True),
    Column("person_id", WORD, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("owner", WORD, nullable=False),
    Column("previous", WORD),
    Column("cause", WORD, nullable=False),
    Column("rule", WORD, nullable=False),
    Column("pool", WORD, nullable=False),
    Column("reason", Text, nullable=False),
    Column("mql_type", WORD, nullable=False),
    Column("source", Text, nullable=False),
)
Index("assignments_person", assignments.c.person_id, assignments.c.at)
Index("assignments_at", assignments.c.at)

obligations = Table(
    "obligations",
    metadata,
    Column("person_id", WORD, primary_key=True),
    Column("kind", WORD, primary_key=True),
    Column("started_at", MOMENT, primary_key=True),
    Column("owner", WORD),
    Column("pool", WORD, nullable=False),
    Column("mql_type", WORD, nullable=False),
    Column("source", Text, nullable=False),
    Column("minutes", Double, nullable=False),
    Column("working", SmallInteger, nullable=False),
    Column("due_at", MOMENT),
    Column("breached_at", MOMENT),
    Column("late", SmallInteger, nullable=False),
    Column("met_at", MOMENT),
    Column("ended_at", MOMENT),
    Column("ended", WORD, nullable=False),
    Column("used", Double),
    Column("at_risk", SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
Index("obligations_started", obligations.c.started_at)

touches = Table(
    "touches",
    metadata,
    Column("person_id", WORD, primary_key=True),
    Column("twin_id", WORD, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("channel", WORD, nullable=False),
    Column("owner", WORD),
    Column("outcome", WORD, nullable=False),
    Column("task_key", WORD, nullable=False),
    sqlite_with_rowid=False,
)
Index("touches_at", touches.c.at)
Index("touches_twin", touches.c.twin_id)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", SERIAL, primary_key=True),
    Column("person_id", WORD, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("address", WORD, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("not_before", MOMENT, nullable=False),
    Column("sent_at", MOMENT),
    Column("tries", SmallInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("alerts_once", alerts.c.person_id, alerts.c.kind, alerts.c.at, alerts.c.address, unique=True)

company_words = Table(
    "company_words",
    metadata,
    Column("word", WORD, primary_key=True),
    Column("twin_id", WORD, primary_key=True),
    sqlite_with_rowid=False,
)
Index("company_words_twin", company_words.c.twin_id)

twins = Table(
    "twins",
    metadata,
    Column("twin_id", WORD, primary_key=True),
    Column("kind", WORD, nullable=False),
    Column("waiting", WORD, nullable=False),
    Column("retry_at", MOMENT),
    Column("data", LargeBinary, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("side", WORD, primary_key=True),
    Column("object", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    Column("to_object", WORD, primary_key=True),
    Column("to_id", WORD, primary_key=True),
    Column("place", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("links_to", links.c.side, links.c.to_object, links.c.to_id)

forgotten = Table(
    "forgotten",
    metadata,
    Column("mark", WORD, primary_key=True),
    Column("at", MOMENT, nullable=False),
    sqlite_with_rowid=False,
)

answers = Table(
    "answers",
    metadata,
    Column("mark", WORD, primary_key=True),
    Column("word", WORD),
    Column("asked_at", MOMENT, nullable=False),
    Column("until", MOMENT, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

lookups = Table(
    "lookups",
    metadata,
    Column("person_id", WORD, primary_key=True),
    Column("domain", WORD, nullable=False),
    Column("address", WORD, nullable=False),
    Column("domain_at", MOMENT),
    Column("address_at", MOMENT),
    Column("domain_told", WORD, nullable=False),
    Column("address_told", WORD, nullable=False),
    Column("stale", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("lookups_domain", lookups.c.domain)
Index("lookups_address", lookups.c.address)

users = Table(
    "users",
    metadata,
    Column("side", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("side", WORD, primary_key=True),
    Column("object", WORD, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("key", WORD, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("holder", WORD, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("event_id", SERIAL, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("text", Text, nullable=False),
)
