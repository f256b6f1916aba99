"""HubSpot as crmsync sees it: the connector protocol, nothing decided here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from crmsync.connect.protocol import NOT_TOLD, Budget, Cursor, EventPage, Finding, Identity, MemberList, Page, Traits
from crmsync.model.change import Action, Outcome, TaskDraft, Write
from crmsync.model.fields import OwnField
from crmsync.model.record import FieldVersion, ObjectSchema, Record, Ref, User, Value
from crmsync_hubspot import account, settings, users, wire
from crmsync_hubspot.associate import ARCHIVE_SIZE
from crmsync_hubspot.client import Client
from crmsync_hubspot.events import KINDS, Events
from crmsync_hubspot.links import Links
from crmsync_hubspot.lists import BATCH as LIST_BATCH
from crmsync_hubspot.lists import Lists
from crmsync_hubspot.lookup import Lookup
from crmsync_hubspot.poll import Poll
from crmsync_hubspot.provision import Provision
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.writing import Writing

TASKS = "tasks"
_PRIORITY = {"high": "HIGH", "normal": "MEDIUM", "low": "LOW"}
_CHANNEL = {"call": "CALL", "email": "EMAIL", "other": "TODO"}


class HubSpotConnector:
    """One connected HubSpot account; implements crmsync.connect.Connector. `by_us` of its records is always None: HubSpot tells the
    author of a change only through property history."""

    name = wire.SIDE
    _traits = Traits(
        person_objects=(wire.CONTACTS,), task_object=TASKS, write_batch=100, reads_back=True, links_per_call=ARCHIVE_SIZE,
        restore="in HubSpot, for 90 days: the list of its object, Actions, Restore records", employable=(wire.CONTACTS,),
        events=KINDS, member_batch=LIST_BATCH, list_word="list", user_object="users",
    )  # fmt: skip

    def __init__(self, client: Client) -> None:
        self._client = client
        self._schemas = Schemas(client)
        self._lookup = Lookup(client, self._schemas)
        self._links = Links(client)
        self._events = Events(client)
        self._lists = Lists(client)
        self._poll = Poll(client, self._schemas)
        self._writing = Writing(client, self._schemas, self._lookup)

    @property
    def traits(self) -> Traits:
        untold = self._links.untold
        return replace(self._traits, untold=untold) if untold else self._traits

    def identity(self) -> Identity:
        return account.identity(self._client)

    def check(self) -> list[Finding]:
        return account.check(self._client, self._schemas)

    def schema(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        self._links.hope()
        return {object: self._schemas.fresh(object) for object in objects}

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        self._schemas.recall(schemas)

    def users(self, *, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
        return users.users(self._client, teams, away)

    def own_field(self, name: str) -> str:
        return name

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        return self._poll.pull(object, fields, cursor, now, owed=owed)

    def owes(self, object: str, cursor: Cursor, now: datetime) -> datetime | None:
        """The listing of archived records: search never shows them."""
        return self._poll.owes(cursor, now)

    def events(self, stream: str, cursor: Cursor | None, now: datetime, hints: Sequence[str]) -> Iterator[EventPage]:
        return self._events.events(stream, cursor, now, hints)

    def live_ids(self, object: str) -> Iterator[str]:
        return self._lookup.live_ids(object)

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._lookup.fetch(object, ids, fields)

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._lookup.find(object, field, values, fields)

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        return self._links.links(object, ids)

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        return self._lookup.history(object, ids, fields)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return self._writing.write(writes)

    def member_list(self, list_id: str) -> MemberList:
        return self._lists.member_list(list_id)

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        return self._lists.members(list_id, join, leave)

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        return self._lists.member_since(list_id, refs)

    def task(self, draft: TaskDraft, write_id: str) -> Write:
        """The create of a HubSpot task: due as a UTC datetime, the body as HTML (contracts 5.8)."""
        fields: dict[str, Value] = {
            "hs_timestamp": wire.iso(draft.due_at),
            "hs_task_subject": draft.subject,
            "hs_task_body": draft.html or wire.as_html(draft.body),
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": _PRIORITY.get(draft.priority, "MEDIUM"),
            "hs_task_type": _CHANNEL.get(draft.channel, "TODO"),
            "hubspot_owner_id": draft.owner_id,
        }
        if draft.remind_at is not None:
            fields["hs_task_reminders"] = str(wire.millis(draft.remind_at))
        return Write(write_id=write_id, action=Action.CREATE, object=TASKS, fields=fields, key=draft.key, about=(draft.person,))

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        return Provision(self._client, self._schemas).provision(fields, dry_run=dry_run)

    def calls(self) -> int:
        return self._client.calls()

    def budget(self) -> Budget:
        return account.budget(self._client)

    def close(self) -> None:
        self._client.close()


def connect(options: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> HubSpotConnector:
    """A connector for options named as CRMSYNC_HUBSPOT__X in lower case. Contacts nothing. A clock of simulated time brings `monotonic`, its own count of seconds: that is what
    `sleep` moves, and not the machine's.

    Raises: ConfigError naming the setting that is missing or wrong.
    """
    monotonic: Callable[[], float] = getattr(clock, "monotonic", time.monotonic)
    return HubSpotConnector(Client(settings.parse(options), sleep=sleep, clock=clock, monotonic=monotonic))
