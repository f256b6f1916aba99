"""The Salesforce connector: carries, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from crmsync.connect.protocol import NOT_TOLD, Budget, Cursor, Finding, Identity, MemberList, Page, Traits
from crmsync.model.change import Outcome, TaskDraft, Write
from crmsync.model.fields import OwnField
from crmsync.model.record import FieldVersion, ObjectSchema, Record, RecordState, Ref, User
from crmsync_salesforce import soql, wire
from crmsync_salesforce.auth import SIDE
from crmsync_salesforce.check import check
from crmsync_salesforce.client import Client
from crmsync_salesforce.mails import MESSAGE, Mails, as_read, own
from crmsync_salesforce.members import BATCH as MEMBER_BATCH
from crmsync_salesforce.members import Members
from crmsync_salesforce.people import People
from crmsync_salesforce.poll import Poller
from crmsync_salesforce.provision import Provisioner
from crmsync_salesforce.relations import MOST_PEOPLE, Relations
from crmsync_salesforce.roles import OF
from crmsync_salesforce.schema import Describes
from crmsync_salesforce.settings import Settings
from crmsync_salesforce.task import OBJECT as TASK
from crmsync_salesforce.task import task_write
from crmsync_salesforce.writer import BATCH, Writer


class SalesforceConnector:
    """One org, as one integration user. Implements crmsync.connect.Connector; see there for what the methods promise."""

    name = SIDE
    traits = Traits(
        person_objects=("Contact", "Lead"),
        task_object=TASK,
        write_batch=BATCH,
        restore="in Salesforce, for 15 days: App Launcher, Recycle Bin, Restore",
        forward={"Lead": "Contact"},
        reads_back=False,
        people_per_activity=1,
        employable=("Contact",),
        beside={TASK: (MESSAGE,)},
        member_batch=MEMBER_BATCH,
        leave_calls=2,
        list_word="campaign",
        user_object="User",
        group_ids=("00G",),
    )

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> None:
        self._client = Client(settings, sleep=sleep, clock=clock)
        self._people = People(self._client)
        self._describes = Describes(self._client)
        self._mails = Mails(self._client)
        self._relations = Relations(self._client, self._describes, self._learn_shared)
        self._poller = Poller(
            self._client,
            self._describes,
            lambda: self._people.identity().user_id,
            self._relations.shared,
            lambda: self._relations.junction(OF) is not None,
        )
        self._writer = Writer(self._client, self._relations)
        self._members = Members(self._client, self._describes)

    def _learn_shared(self, shared: bool) -> None:
        """With Shared Activities one activity takes many people; known once activities were read or written."""
        self.traits = replace(self.traits, people_per_activity=MOST_PEOPLE if shared else 1)

    def identity(self) -> Identity:
        """account: the org id (18 characters where Salesforce gives them)."""
        return self._people.identity()

    def check(self) -> list[Finding]:
        return check(self._client, self._describes, self._people)

    def schema(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        """Asks the org anew; objects that do not exist for our user are absent. With an object comes the one that ties people to it."""
        self._describes.forget()
        found = {name: self._describes.schema(name) for name in objects}
        seen = {name: as_read(schema) if name == MESSAGE else schema for name, schema in found.items() if schema is not None}
        return self._relations.with_rights(seen | self._relations.schemas(objects))

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """Only whether there are objects that tie people to others: describes tell more than a schema, and are asked for when needed."""
        self._relations.recall(schemas)

    def users(self, *, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
        return self._people.users(teams, away)

    def own_field(self, name: str) -> str:
        return f"{name}__c"

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        return self._poller.pull(object, fields, cursor, now, owed=owed)

    def owes(self, object: str, cursor: Cursor, now: datetime) -> datetime | None:
        """The delete log, and for opportunities the look at contact roles: whichever was made earlier."""
        return self._poller.owes(object, cursor, now)

    def live_ids(self, object: str) -> Iterator[str]:
        """Ids of rows that are neither deleted nor merged nor converted."""
        return self._poller.live_ids(object)

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By query with the recycle bin: about 700 ids per call, against 200 of the collection read, and deleted rows say so."""
        return self._select(object, "Id", [i for i in ids if soql.is_id(i)], fields, deleted=True)

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Queries read the database itself, not a search index. Salesforce compares e-mails without case."""
        records = self._select(object, field, [v for v in values if v], fields, deleted=False)
        return [r for r in records if r.state is RecordState.LIVE]

    def _select(self, object: str, field: str, values: Sequence[str], fields: Sequence[str], *, deleted: bool) -> list[Record]:
        if not values:
            return []
        shared = self._relations.shared(object)
        decoder = wire.Decoder(object, tuple(fields), me=self._people.identity().user_id, shared=shared)
        columns = (*wire.system_fields(object), *own(fields))
        found: dict[str, Record] = {}
        for text in soql.in_lists(columns, object, field, values):
            for page in self._client.query(soql.path(text, deleted=deleted)):
                self._mails.add(object, fields, page["records"])
                found.update({record.ref.id: record for record in decoder.records(page["records"])})
        return list(found.values())

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        """Needed for activities in orgs with Shared Activities, and for the contact roles of opportunities."""
        return self._relations.links(object, ids)

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        """Always empty: Salesforce keeps field history only for the (at most 20) fields an admin picked per object, without times of
        changes before tracking began, so nothing may depend on it."""
        return []

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return self._writer.write(writes)

    def member_list(self, list_id: str) -> MemberList:
        return self._members.member_list(list_id)

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        return self._members.members(list_id, join, leave)

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        return self._members.member_since(list_id, refs)

    def task(self, draft: TaskDraft, write_id: str) -> Write:
        return task_write(draft, write_id)

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        return Provisioner(self._client, self._describes, self._people).run(fields, dry_run=dry_run)

    def calls(self) -> int:
        """Requests to billed REST resources; logins and userinfo are not billed."""
        return self._client.meter.count

    def budget(self) -> Budget:
        return self._client.budget()

    def close(self) -> None:
        self._client.close()
