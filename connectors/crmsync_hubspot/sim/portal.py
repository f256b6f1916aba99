"""One portal's state and every way a record changes, whoever changes it."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from . import activity, merging
from .associations import Associations, Types
from .clock import SimClock, from_ms
from .derived import consequences, is_overdue, readers
from .errors import ApiError, Issue, conflict, invalid_properties
from .marketing_log import MarketingLog
from .objecttypes import OBJECT_TYPES, ObjectType
from .options import Options
from .owners import Owner, Owners
from .pipelines import Pipeline, lifecycle_pipeline, sales_pipeline
from .schema import Property, Schema
from .segments import Lists
from .store import Doc, Record, Source, Table, Version
from .validation import Rules, check

WRITES_KEPT = 5_000


class Actor(NamedTuple):
    """Who makes a change: the name shown on the page, the source kept in history, whether a person did it."""

    name: str
    source: Source
    human: bool


class Write(NamedTuple):
    """One committed change; `changes` maps property to (old, new)."""

    at: datetime
    user: str
    object: str
    id: str
    action: str
    changes: dict[str, tuple[str | None, str | None]]
    human: bool


class Event(NamedTuple):
    """What a webhook subscription may want to hear."""

    type: str
    kind: ObjectType
    id: int
    at: int
    actor: Actor
    detail: dict[str, Any]


SYSTEM = Actor("HubSpot", Source("CALCULATED", "", None), False)


class Portal:
    """All state behind one lock. Every public method expects the caller to hold `lock` (an RLock)."""

    def __init__(self, clock: SimClock, options: Options) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.options = options
        self.schema = Schema()
        self.tables = {plural: Table(kind) for plural, kind in OBJECT_TYPES.items()}
        self.readers = {plural: readers(kind) for plural, kind in OBJECT_TYPES.items()}
        self.owners = Owners()
        self.associations = Associations()
        self.marketing = MarketingLog()
        self.lists = Lists()
        self.pipelines: dict[str, Pipeline] = {"default": sales_pipeline()}
        self.writes: deque[Write] = deque(maxlen=WRITES_KEPT)
        self.on_event: Callable[[Event], None] | None = None
        self._deferred: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = 0
        self.integration = Actor("integration", Source("INTEGRATION", str(options.app_id), "INTEGRATION"), False)

    # -- time -----------------------------------------------------------------------------------------------------
    def settle(self) -> int:
        """Carries out what was due, brings the search indexes up to now; returns now in epoch ms."""
        now = self.clock.ms()
        while self._deferred and self._deferred[0][0] <= now:
            at, _, work = heapq.heappop(self._deferred)
            work(at)
        for table in self.tables.values():
            table.index.settle(now)
        return now

    def defer(self, at: int, work: Callable[[int], None]) -> None:
        """Runs `work(at)` once simulated time reaches `at`."""
        self._order += 1
        heapq.heappush(self._deferred, (at, self._order, work))

    # -- reading --------------------------------------------------------------------------------------------------
    def value(self, plural: str, doc: Doc, name: str) -> str | None:
        """A property's value in a record state: text or None."""
        reader = self.readers[plural].get(name)
        if reader is not None:
            return reader(doc)
        if name == "hs_task_is_overdue" and plural == "tasks":
            return is_overdue(doc, self.clock.ms())
        return doc.props.get(name)

    def named(self, plural: str, doc: Doc, names: list[str]) -> dict[str, str | None]:
        """Values of the named properties that exist, by name in alphabetical order."""
        defined = self.schema.of(plural)
        return {n: self.value(plural, doc, n) for n in sorted(set(names)) if n in defined and not defined[n].archived}

    def everything(self, plural: str, doc: Doc) -> dict[str, str]:
        """Every non-empty property of a record state."""
        shown = dict(doc.props)
        for name, reader in self.readers[plural].items():
            value = reader(doc)
            if value is not None and name in self.schema.of(plural):
                shown[name] = value
        if plural == "tasks":
            shown["hs_task_is_overdue"] = is_overdue(doc, self.clock.ms())
        return dict(sorted(shown.items()))

    def pipelines_of(self, plural: str) -> list[Pipeline]:
        """The pipelines of a type; lifecycle stages count as one for contacts and companies."""
        if plural == "deals":
            return list(self.pipelines.values())
        stages = self.schema.of(plural).get("lifecyclestage")
        return [lifecycle_pipeline(plural, stages.options)] if stages is not None else []

    # -- checking -------------------------------------------------------------------------------------------------
    def rules(self, plural: str, read_only: str | None = None) -> Rules:
        """What values are checked against now."""
        stages: dict[str, frozenset[str]] = {}
        if plural == "deals":
            stages["pipeline"] = frozenset(self.pipelines)
            stages["dealstage"] = frozenset(s.id for p in self.pipelines.values() for s in p.stages)
        return Rules(
            properties=self.schema.of(plural),
            owner_ids=self.owners.assignable(archived=self.options.archived_owners == "accept"),
            stages=stages,
            read_only=read_only or self.options.read_only_writes,
            unlisted=frozenset({"hs_call_disposition"} if self.options.unknown_dispositions == "accept" else ()),
        )

    def taken(self, table: Table, changes: Mapping[str, str], own: int | None) -> tuple[int | None, list[Issue]]:
        """The id of another contact with the e-mail of `changes`, and issues for unique values others have."""
        issues = []
        for name, ids in table.unique.items():
            other = ids.get(changes.get(name, "").casefold()) if changes.get(name) else None
            if other is not None and other != own:
                coordinates = f"portalId={self.options.portal_id}, objectTypeId={table.kind.type_id}, propertyName={name}"
                message = f"Cannot set PropertyValueCoordinates{{{coordinates}, value={changes[name]}}} on {own or 'new'}. {other} already has that value."
                issues.append(Issue(name=name, code="CONFLICTING_UNIQUE_VALUE", message=message))
        other = table.emails.get(changes["email"]) if changes.get("email") and table.kind.plural == "contacts" else None
        return (other if other != own else None), issues

    def checked(self, table: Table, wanted: Mapping[str, Any], record: Record | None, actor: Actor) -> dict[str, str]:
        """Canonical changes for one record; raises ApiError (400 or 409) as the API would."""
        changes, issues = self.examine(table, wanted, record, actor)
        if issues:
            raise invalid_properties(issues, self.options.portal_id)
        other, issues = self.taken(table, changes, record.doc.id if record else None)
        if other is not None:
            raise conflict(table.kind.singular, other)
        if issues:
            raise invalid_properties(issues, self.options.portal_id)
        return changes

    def examine(self, table: Table, wanted: Mapping[str, Any], record: Record | None, actor: Actor) -> tuple[dict[str, str], list[Issue]]:
        """Canonical changes and value issues (not conflicts) of one wanted write."""
        plural = table.kind.plural
        current = record.doc.props if record else {}
        changes, issues = check(self.rules(plural, "allow" if actor is SYSTEM else None), wanted, current)
        if record is not None and not actor.human and actor is not SYSTEM:
            issues += self._hold_lifecycle(plural, changes, current)
        return changes, issues

    def _hold_lifecycle(self, plural: str, changes: dict[str, str], current: Mapping[str, str]) -> list[Issue]:
        new, old = changes.get("lifecyclestage"), current.get("lifecyclestage")
        if not new or not old or self.options.lifecycle_backward == "allow":
            return []
        order = list(self.schema.of(plural)["lifecyclestage"].options)
        if old in order and order.index(new) < order.index(old):
            del changes["lifecyclestage"]
            if self.options.lifecycle_backward == "reject":
                message = f"lifecyclestage cannot move backward from {old} to {new}"
                return [Issue(name="lifecyclestage", code="INVALID_LIFECYCLE_STAGE", message=message)]
        return []

    # -- writing --------------------------------------------------------------------------------------------------
    def create(self, table: Table, changes: Mapping[str, str], actor: Actor, at: int, created: int | None = None) -> Record:
        """A new record from canonical values; `created` (epoch ms) back-dates it."""
        kind = table.kind
        props = {k: v for k, v in activity.defaults(kind, self.options).items() if k not in changes}
        props.update({k: v for k, v in changes.items() if v})
        born = at if created is None else created
        props.update({k: v for k, v in self._consequences(kind, {}, props, born).items() if v})
        record = Record(Doc(table.new_id(), born, born, props, actor.source))
        table.add_many([record])
        table.enter(props, record.doc.id)
        table.index.schedule(record.doc, at + self.options.lag_ms())
        shown: dict[str, tuple[str | None, str | None]] = {name: (None, value) for name, value in props.items()}
        self._log(at, actor, kind, record.doc.id, "create", shown)
        self._emit("creation", kind, record.doc.id, at, actor, {})
        for name, value in props.items():
            self._emit("propertyChange", kind, record.doc.id, at, actor, {"propertyName": name, "propertyValue": value})
        activity.on_create(self, table, record, at)
        return record

    def write(
        self, table: Table, record: Record, changes: Mapping[str, str], actor: Actor, at: int, *, bump: bool = False, still: bool = False
    ) -> bool:
        """Applies canonical changes; False when nothing differed (a no-op leaves the modified stamp alone, unless `bump`; `still` leaves it
        alone whatever changes)."""
        old = record.doc
        changed = {k: v for k, v in changes.items() if v != old.props.get(k, "")}
        if not changed and not bump:
            return False
        changed.update(self._consequences(table.kind, old.props, changed, at))
        changed = {k: v for k, v in changed.items() if v != old.props.get(k, "")}
        props = {k: v for k, v in {**old.props, **changed}.items() if v}
        if "email" in changed and "hs_additional_emails" in props:
            rest = [e for e in props["hs_additional_emails"].split(";") if e != props.get("email")]
            props["hs_additional_emails"] = ";".join(rest)
            if not rest:
                del props["hs_additional_emails"]
        table.leave(old.props, old.id)
        table.enter(props, old.id)
        for name, value in changed.items():
            past = record.versions(name)
            record.history[name] = [Version(value, at, actor.source), *past]
        record.doc = Doc(old.id, old.created, old.modified if still else max(at, old.modified), props, old.source)
        if record.archived_at is None:
            table.index.schedule(record.doc, at + self.options.lag_ms())
        shown = {name: (old.props.get(name), value or None) for name, value in changed.items()}
        if shown:
            self._log(at, actor, table.kind, old.id, "update", shown)
        for name, value in changed.items():
            self._emit("propertyChange", table.kind, old.id, at, actor, {"propertyName": name, "propertyValue": value})
        activity.on_write(self, table, record, changed, at)
        return True

    def _consequences(self, kind: ObjectType, old: dict[str, str], changes: Mapping[str, str], at: int) -> dict[str, str]:
        extra = consequences(kind, old, dict(changes), at)
        if kind.plural == "deals" and "dealstage" in changes:
            stage = next((s for p in self.pipelines.values() for s in p.stages if s.id == changes["dealstage"]), None)
            if stage is not None:
                won = stage.closed and stage.probability == 1.0
                extra["hs_is_closed"] = "true" if stage.closed else "false"
                extra["hs_is_closed_won"] = "true" if won else "false"
                extra["hs_deal_stage_probability"] = str(stage.probability)
        defined = self.schema.of(kind.plural)
        return {name: value for name, value in extra.items() if name in defined}

    def consequences_of(self, kind: ObjectType, props: dict[str, str], at: int) -> dict[str, str]:
        """The system properties a new record with `props` also gets."""
        return {k: v for k, v in self._consequences(kind, {}, props, at).items() if v}

    def archive(self, table: Table, record: Record, actor: Actor, at: int) -> None:
        """Moves a live record to the recycle bin: search loses it at once, its modified stamp stays."""
        record_id = record.doc.id
        record.archived_at = at
        table.ids.remove(record_id)
        table.archived.add(record_id)
        table.leave(record.doc.props, record_id)
        table.index.remove(record_id)
        self._log(at, actor, table.kind, record_id, "delete", {})
        self._emit("deletion", table.kind, record_id, at, actor, {})
        activity.on_leave(self, table, record, at)

    def restore(self, table: Table, record: Record, actor: Actor, at: int) -> None:
        """Brings an archived record back; ValueError when its e-mail address is taken by now."""
        props, record_id = record.doc.props, record.doc.id
        if "email" in props and table.kind.plural == "contacts" and props["email"] in table.emails:
            raise ValueError(f"{props['email']} belongs to contact {table.emails[props['email']]} now")
        record.archived_at = None
        table.archived.remove(record_id)
        table.ids.add(record_id)
        table.enter(props, record_id)
        if self.options.restore_bumps_modified:
            record.doc = record.doc._replace(modified=at)
        table.index.schedule(record.doc, at + self.options.lag_ms())
        self._log(at, actor, table.kind, record_id, "restore", {})
        self._emit("restore", table.kind, record_id, at, actor, {})
        activity.on_leave(self, table, record, at)

    def purge(self, table: Table, record: Record, actor: Actor, at: int) -> None:
        """Deletes for good (GDPR): the record, its history, its associations and what the log of writes says of it are gone."""
        record_id = record.doc.id
        if record.archived_at is None:
            self.archive(table, record, actor, at)
        table.archived.discard(record_id)
        del table.records[record_id]
        self.marketing.forget(str(record.doc.props.get("email", "")))
        self.lists.drop(record_id)
        for other, to_id, _ in list(self.associations.neighbours(table.kind.plural, record_id)):
            self.associations.unlink(table.kind.plural, record_id, other, to_id)
        kept = [w for w in self.writes if (w.object, w.id) != (table.kind.plural, str(record_id))]
        self.writes.clear()
        self.writes.extend(kept)
        self._log(at, actor, table.kind, record_id, "privacy delete", {})
        self._emit("privacyDeletion", table.kind, record_id, at, actor, {})

    def merge(self, table: Table, winner: Record, loser: Record, actor: Actor, at: int) -> Record:
        """Merges two live records; returns the survivor, which by option has a third id."""
        survivor = merging.merge(self, table, winner, loser, actor, at)
        ids = [str(winner.doc.id), str(loser.doc.id)]
        self._log(at, actor, table.kind, survivor.doc.id, "merge", {"hs_merged_object_ids": (None, ";".join(ids))})
        detail = {
            "primaryObjectId": winner.doc.id,
            "mergedObjectIds": [loser.doc.id],
            "newObjectId": survivor.doc.id,
            "numberOfPropertiesMoved": len(loser.doc.props),
        }
        self._emit("merge", table.kind, survivor.doc.id, at, actor, detail)
        return survivor

    def associate(self, pair: tuple[str, int, str, int], types: Types, actor: Actor, at: int) -> bool:
        """Associates two records, with the echoes it has on them; True when anything is new."""
        new = self.associations.link(*pair, types)
        if new:
            activity.on_association(self, *pair, at)
            self._association_event(pair, False, actor, at)
        return new

    def dissociate(self, pair: tuple[str, int, str, int], actor: Actor, at: int, types: Types | None = None) -> bool:
        """Removes every association between two records, or only those of some types; True when there was one."""
        gone = self.associations.unlink(*pair) if types is None else self.associations.unlabel(*pair, types)
        if gone:
            activity.on_association(self, *pair, at)
            self._association_event(pair, True, actor, at)
        return gone

    def _association_event(self, pair: tuple[str, int, str, int], removed: bool, actor: Actor, at: int) -> None:
        if any(OBJECT_TYPES[plural].engagement for plural in (pair[0], pair[2])):
            return  # activities are no subscribable side of an association
        for from_type, from_id, to_type, to_id in (pair, (pair[2], pair[3], pair[0], pair[1])):
            detail = {
                "associationType": f"{OBJECT_TYPES[from_type].qualified}_TO_{OBJECT_TYPES[to_type].qualified}",
                "fromObjectId": from_id,
                "toObjectId": to_id,
                "associationRemoved": removed,
                "isPrimaryAssociation": self.associations.primary(from_type, from_id, to_type) == to_id,
            }
            self._emit("associationChange", OBJECT_TYPES[from_type], from_id, at, actor, detail)

    # -- people ---------------------------------------------------------------------------------------------------
    def actor(self, user: str | None) -> Actor:
        """A named person (owner e-mail or any name), "integration", "system", or the portal's own user for None."""
        if user == "integration":
            return self.integration
        if user == "system":
            return SYSTEM
        owner = self.owners.find(user) if user else None
        user_id = owner.user_id if owner else 76_070_000
        name = owner.name if owner else (user or "portal user")
        return Actor(name, Source("CRM_UI", f"userId:{user_id}", "CRM_UI", user_id), True)

    def owner_of(self, record: Record) -> Owner | None:
        """The owner a record is assigned to."""
        text = record.doc.props.get("hubspot_owner_id", "")
        return self.owners.by_id.get(int(text)) if text.isdigit() else None

    def set_options(self, plural: str, name: str, options: Any) -> None:
        """Replaces an enumeration's options; new lifecycle stages get their date properties."""
        self.schema.set_options(plural, name, options)
        if name == "lifecyclestage":
            for value, label in self.schema.of(plural)[name].options.items():
                for word in ("entered", "exited"):
                    target = f"hs_v2_date_{word}_{value}"
                    self.schema.of(plural).setdefault(
                        target,
                        Property(
                            name=target,
                            label=f'Date {word} "{label} (Lifecycle Stage Pipeline)"',
                            type="datetime",
                            field_type="date",
                            group="contactinformation",
                            read_only=True,
                            read_only_definition=True,
                        ),
                    )

    # -- telling --------------------------------------------------------------------------------------------------
    def _log(
        self, at: int, actor: Actor, kind: ObjectType, record_id: int, action: str, changes: dict[str, tuple[str | None, str | None]]
    ) -> None:
        self.writes.appendleft(Write(from_ms(at), actor.name, kind.plural, str(record_id), action, changes, actor.human))

    def _emit(self, what: str, kind: ObjectType, record_id: int, at: int, actor: Actor, detail: dict[str, Any]) -> None:
        if self.on_event is not None:
            self.on_event(Event(f"{kind.singular}.{what}", kind, record_id, at, actor, detail))


__all__ = ["SYSTEM", "Actor", "ApiError", "Event", "Portal", "Write"]
