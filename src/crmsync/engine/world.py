"""What a cycle works with: the store, the connected CRMs, the admin's rules, and what is known of schemas and users."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog

from crmsync.connect.protocol import Connector, Identity
from crmsync.decide import guard
from crmsync.decide.asked import asked_of
from crmsync.decide.belong import COMPANY
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.condition import lists_of
from crmsync.decide.owners import Owners
from crmsync.decide.plan import Terms
from crmsync.decide.translate import Lens, lenses_of
from crmsync.engine import schemas
from crmsync.engine.acquaint import asked_mark, asked_of_users, meet_owners, owners_told
from crmsync.engine.beliefs import SCHEMA_SECONDS, look_again, recent, waiting_for
from crmsync.engine.gate import Asked
from crmsync.engine.kinds import Kinds
from crmsync.engine.terms import ground_of, terms_of
from crmsync.engine.together import together
from crmsync.errors import ConfigError, CredentialsError, CrmsyncError, HaltError, UnreachableError
from crmsync.model.attention import Halt
from crmsync.model.fields import KEY, own_fields
from crmsync.model.record import ObjectSchema, User
from crmsync.model.rules import Playbook
from crmsync.playbook.fingerprint import of_decisions
from crmsync.store import Store

if TYPE_CHECKING:
    from crmsync.decide.twin_look import Ground
    from crmsync.engine.sweep import Listing

log = structlog.get_logger(__name__)


class AccountChangedError(HaltError):
    """The credentials lead to another account than the one the state belongs to. halt: what to store. Only a cycle stores it: a look with
    other credentials must not stop the daemon whose credentials are right."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(halt.message)
        self.halt = halt


class World:
    """Everything one engine works with. Made once per process; `refresh` keeps users and schemas fresh."""

    def __init__(
        self,
        *,
        store: Store,
        connectors: Mapping[str, Connector],
        playbook: Playbook,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        report: Callable[[str, int, int | None], None] = lambda what, done, total: None,
        credentials: Mapping[str, str] | None = None,
        asked_about: Asked | None = None,
    ) -> None:
        """credentials: side -> what changes with its credentials. The same ones lead to the same account: a new process need not ask. asked_about:
        whose answers about contact data count (None: nobody's)."""
        if not connectors:
            raise ConfigError("no CRM is connected: the settings of none were given; nothing was contacted")
        self.store = store
        self.connectors = dict(sorted(connectors.items()))
        self.playbook = playbook
        self.new_id = new_id
        self.report = report
        self.kinds = Kinds(playbook, self.connectors)
        self.lenses = {**lenses_of(playbook.person, self.connectors, playbook.signals), **self.kinds.raw}
        self.lists = lists_of(playbook)
        self._marks = {
            key: _mark({**{n: c.map.fingerprint for n, c in lens.by_name.items()}, **self.kinds.fingerprints(*key)})
            for key, lens in self.lenses.items()
        }
        self.owners = Owners()
        self.people: tuple[User, ...] = ()
        self.integration: frozenset[tuple[str, str]] = frozenset()
        self.schemas: dict[str, dict[str, ObjectSchema]] = {}
        self._told = schemas.Told()
        self.credentials = dict(credentials or {})
        self.read_at: dict[str, datetime | None] = {}
        self.stale: set[str] = set()
        self._noting = Lock()
        self.missed: set[tuple[str, str, str]] = set()
        self.turns: dict[str, int] = {}
        self.listing: Listing | None = None
        self.asked_about = asked_about or Asked()

    @cached_property
    def sides(self) -> tuple[str, ...]:
        return tuple(self.connectors)

    @cached_property
    def tasks_in(self) -> str:
        """Where first-touch tasks go: the configured side when connected, else the only one there is."""
        wanted = self.playbook.tasks_in
        return wanted if wanted in self.connectors else self.sides[0]

    def objects(self, side: str) -> tuple[str, ...]:
        return tuple(self.playbook.person.objects.get(side, ()))

    @cached_property
    def person_objects(self) -> frozenset[str]:
        """Native objects of all sides that stand for persons."""
        return frozenset(object for side in self.sides for object in self.objects(side))

    def decided(self) -> frozenset[str]:
        """Native objects whose waiting records a cycle decides about."""
        return self.person_objects | {object for side in self.sides for object in self.twin_objects(side)}

    def objects_of(self, kind: str) -> frozenset[str]:
        """Native objects of one kind that may be seen; empty when it is not mapped."""
        map = self.kinds.maps.get(kind)
        seen = {object for side in self.sides for object in self.twin_objects(side)}
        return frozenset(o for objects in map.objects.values() for o in objects if o in seen) if map is not None else frozenset()

    @cached_property
    def rules(self) -> str:
        """Changes when persons have to be decided anew."""
        return of_decisions(self.playbook)

    @cached_property
    def asked(self) -> frozenset[str]:
        """Facts that conditions and rules look at."""
        return asked_of(self.playbook)

    @cached_property
    def employable(self) -> frozenset[tuple[str, str]]:
        """(side, person object) whose records belong to a company and to deals."""
        return frozenset((side, o) for side, c in self.connectors.items() for o in c.traits.employable if o in self.objects(side))

    @property
    def employer_sides(self) -> frozenset[str]:
        """Sides to which a person's company is carried; empty when companies are only read."""
        map = self.kinds.maps.get(COMPANY)
        seen = [side for side in self.sides if map is not None and any(o in self.twin_objects(side) for o in map.objects.get(side, ()))]
        return map.to if map is not None and len(seen) > 1 else frozenset()

    def asks(self, kind: str) -> bool:
        """Whether a condition or a rule looks at facts of a person's company or deal."""
        return kind in self.kinds.maps and any(name.startswith(f"{kind}.") for name in self.asked)

    def families(self, side: str) -> list[tuple[str, ...]]:
        """Native objects whose deletes are counted together: persons, and each kind of activity, companies and deals."""
        return [self.objects(side), *((object,) for object in self.twin_objects(side))]

    def twin_objects(self, side: str) -> tuple[str, ...]:
        """Native objects of activities, companies and deals that this side lets us see and whose keys it can hold; what is only read needs none."""
        schemas, key = self.schemas.get(side, {}), self.connectors[side].own_field(KEY)
        return tuple(o for o in self.kinds.objects(side) if o in schemas and (key in schemas[o].fields or self.kinds.unmarked(side, o)))

    def own(self, side: str) -> dict[str, str]:
        connector = self.connectors[side]
        return {f.name: connector.own_field(f.name) for f in own_fields(self.playbook.frameworks) if "person" in f.on}

    def start(self, now: datetime) -> datetime:
        """The moment before which nothing has outward effects (section 9a): configured, or that of the first sync, remembered for ever."""
        if self.playbook.start_from is not None:
            return self.playbook.start_from
        known = moment(self.store.get("start_from"))
        if known is None:
            known = now
            self.store.put("start_from", stamp(now))
        return known

    def refresh(self, now: datetime, *, believe: float = SCHEMA_SECONDS) -> dict[str, CrmsyncError]:
        """Reads identity, users and schemas of the sides where they are older than `believe` seconds, were read for another mapping, or are doubted.
        Returns side -> why one could not be asked: what was known of it stays.

        Raises: AccountChangedError when the credentials lead to another account than before; the trouble of a side that was never read."""
        with self.store.reading():
            read_at: dict[str, str] = self.store.get("world_read_at") or {}
            told: dict[str, dict[str, str]] = self.store.get("world_told") or {}
            waiting = waiting_for(self.store, self.sides) if believe > SCHEMA_SECONDS else set()
        begun = bool(self.schemas)
        self.read_at = {side: moment(read_at.get(side)) for side in self.sides} | {
            s: at for s, at in self.read_at.items() if s in self.stale
        }
        new = {side: {"mapping": self._mapped(side), "credentials": self.credentials.get(side, "")} for side in self.sides}
        old = [
            side
            for side in self.sides
            if side in self.stale
            or told.get(side, {}).get("mapping") != new[side]["mapping"]
            or not recent(moment(read_at.get(side)), now, SCHEMA_SECONDS if side in waiting else believe)
        ]
        if not old and begun:
            return {}
        known: dict[str, Any] = self.store.get("world") or {}  # all schemas: not read in every cycle
        troubles: dict[str, CrmsyncError] = {}
        before, users = dict(known), self.store.users()
        asked = dict(zip(old, together(self._asked, old, "refresh"), strict=True))
        for side in self.sides:
            try:
                if side in old:
                    known[side] = self._read(side, asked[side], now)
                    read_at[side], self.read_at[side] = stamp(now), now
                    self.stale.discard(side)
                elif not begun and not (self.credentials.get(side) and told[side] == new[side]):
                    self._check(side, self.connectors[side].identity(), now)  # a new process may come with other credentials
                told[side] = new[side]
            except (CredentialsError, UnreachableError) as error:
                if side not in known:
                    raise
                troubles[side] = error
                log.warning("refresh stopped", side=side, error=type(error).__name__)
        if before and (before != known or users != self.store.users()):
            look_again(self.store)
        with self.store.begin():
            if before != known:
                self.store.put("world", known)
            self.store.put("world_read_at", read_at)
            self.store.put("world_told", told)
        self._take(known)
        for side in [] if begun else [side for side in self.sides if side not in old]:
            self.connectors[side].recall(self.schemas[side])
        meet_owners(self)
        return troubles

    def _mapped(self, side: str) -> str:
        return _mark({object: mark for (where, object), mark in self._marks.items() if where == side} | asked_mark(self.playbook, side))

    def recall(self) -> bool:
        """Takes identity, users and schemas as they were last read, however old, and contacts nothing. False when they were never read."""
        known = self.store.get("world")
        if known is None or set(known) != set(self.sides):
            return False
        self._take(known)
        return True

    def forget_schema(self, side: str | None = None) -> None:
        """Have schemas and users (of one side, or all) read again at the next refresh, in whatever process: something answered as if they had
        changed."""
        with self._noting:
            fresh = ({side} if side else set(self.sides)) - self.stale
            if fresh:
                self.stale |= fresh
                read_at = self.store.get("world_read_at") or {}
                self.store.put("world_read_at", {s: at for s, at in read_at.items() if s not in fresh})

    def doubt(self, side: str, now: datetime) -> None:
        """The same, unless they were read so lately that reading them again would tell the same."""
        if not recent(self.read_at.get(side), now):
            self.forget_schema(side)

    def doubted(self, now: datetime) -> set[str]:
        """Sides about which reading again may tell something else."""
        return {side for side in self.stale if not recent(self.read_at.get(side), now)}

    def miss(self, side: str, object: str, names: Collection[str]) -> None:
        """Notes fields that a record did not carry though the schema has them: schemas are read again, once for each of them (F45)."""
        found = {(side, object, name) for name in names} - self.missed
        if found:
            self.missed |= found
            self.forget_schema(side)

    def _check(self, side: str, identity: Identity, now: datetime) -> None:
        """Raises AccountChangedError when that is another account than the one all links belong to."""
        key = f"account:{side}"
        halted = guard.account_changed(was=self.store.get(key), now_is=identity.account, side=side, now=now)
        if halted is not None:
            raise AccountChangedError(halted)
        self.store.put(key, identity.account)

    def _asked(self, side: str) -> tuple[Identity, list[User], dict[str, ObjectSchema]] | CrmsyncError:
        """Who we are there, its users and schemas, or why it could not be asked. Touches no database: it runs beside the other side's."""
        connector = self.connectors[side]
        try:
            identity, users = connector.identity(), connector.users(**asked_of_users(self.playbook, side))
            schema = {**self.read_schemas(side, (*self.objects(side), connector.traits.task_object)), **self._twin_schemas(side)}
        except (CredentialsError, UnreachableError) as error:
            return error
        return identity, users, schema

    def _read(
        self, side: str, asked: tuple[Identity, list[User], dict[str, ObjectSchema]] | CrmsyncError, now: datetime
    ) -> dict[str, object]:
        if isinstance(asked, CrmsyncError):
            raise asked
        identity, users, schema = asked
        self._check(side, identity, now)
        self.store.save_users(side, users)
        return {
            "identity": {"account": identity.account, "user_id": identity.user_id, "label": identity.label},
            "schema": self._told.dump(side, schema),
        }

    def _twin_schemas(self, side: str) -> dict[str, ObjectSchema]:
        """Schemas of activities, companies and deals; an object that our credentials may not see is left out, and nothing of it is synced."""
        found: dict[str, ObjectSchema] = {}
        for object in self.kinds.objects(side):
            if object == self.connectors[side].traits.task_object:
                continue
            try:
                found.update(self.read_schemas(side, (object,)))
            except CredentialsError as error:
                log.warning("object not readable", side=side, object=object, error=str(error)[:200])
        return found

    def read_schemas(self, side: str, objects: Sequence[str]) -> dict[str, ObjectSchema]:
        """What the CRM tells of these objects now, with the fields of others that are mapped beside them and that it shows us."""
        connector = self.connectors[side]
        found = dict(connector.schema(objects))
        for object in objects:
            mapped = {name.partition(".")[0] for name in self.kinds.reads(side, object) if "." in name}
            for other in sorted(mapped.intersection(connector.traits.beside.get(object, ()))):
                with suppress(CredentialsError):  # out of sight like one that is not there: nothing of it is read
                    if object in found and (told := connector.schema((other,)).get(other)) is not None:
                        found[object] = schemas.joined(found[object], told)
        return found

    def _take(self, known: Mapping[str, Mapping[str, Mapping[str, object]]]) -> None:
        users = [user for user in self.store.users() if user.side in self.connectors]
        groups = [f"{side}:{prefix}" for side, c in self.connectors.items() for prefix in c.traits.group_ids]
        self.owners = owners_told(self.store, self.playbook, users, self.tasks_in, groups)
        machines = {(side, known[side]["identity"].get("user_id")) for side in self.sides}
        self.people = tuple(users)
        self.integration = frozenset((u.side, u.id) for u in users if u.kind == "integration" or (u.side, u.id) in machines)
        self.schemas = {side: self._told.load(side, known[side]["schema"]) for side in self.sides}
        self.missed = {(s, o, n) for s, o, n in self.missed if o in self.schemas[s] and n in self.schemas[s][o].fields}
        self.__dict__.pop("terms", None)

    def ground(self, kind: str, now: datetime) -> Ground:
        """What planning the twins of a kind needs and what is the same for all of them."""
        return ground_of(self, kind, now)

    @cached_property
    def terms(self) -> Terms:
        """What planning needs and what is the same for all persons of a cycle."""
        return terms_of(self)

    def fields_to_read(self, side: str, object: str) -> tuple[str, ...]:
        """Native fields to ask for: mapped ones, what signals and stages need, and our own; only those the live schema shows us."""
        if (side, object) in self.kinds.raw:
            shown = self.schemas[side][object].fields
            key = self.connectors[side].own_field(KEY)
            wanted_here = {n for n in self.kinds.reads(side, object) if n in shown or not schemas.tells(self.schemas[side][object], n)}
            return tuple(sorted(wanted_here if self.kinds.unmarked(side, object) and key not in shown else {key, *wanted_here}))
        lens: Lens = self.lenses[side, object]
        own = self.own(side)
        wanted = [*lens.natives, *self.playbook.person.reads.get((side, object), ()), *own.values()]
        if lens.extra_emails:
            wanted.append(lens.extra_emails)
        schema = self.schemas[side][object].fields if object in self.schemas.get(side, {}) else {}
        # Parent paths ("Account.Name") are not in the object's own schema; the connector knows them.
        return tuple(sorted({name for name in wanted if not schema or "." in name or name in schema}))

    def mapping_mark(self, side: str, object: str) -> str:
        """Changes when the mapping of this object means something else: what was read under another mapping is read again."""
        return self._marks[side, object]

    def missing(self, side: str, object: str) -> list[str]:
        """Mapped native fields that the live schema does not show us (F45)."""
        schema = self.schemas[side][object]
        mapped = self.lenses[side, object].natives | self.kinds.reads(side, object)
        return sorted(name for name in mapped if schemas.tells(schema, name) and name not in schema.fields)

    def require_provisioned(self) -> None:
        """Refuses to work without crmsync_key: without it a create that timed out could not be recognised."""
        for side in self.sides:
            key = self.connectors[side].own_field(KEY)
            for object in self.objects(side):
                if key not in self.schemas[side][object].fields:
                    raise ConfigError(
                        f"{side} {object} has no field {key} (or we may not see it). Nothing was read or written. Run `crmsync provision`."
                    )


def _mark(fingerprints: Mapping[str, str]) -> str:
    told = "\n".join(sorted(f"{name}={print}" for name, print in fingerprints.items()))
    return "." + hashlib.blake2b(told.encode(), digest_size=4).hexdigest()
