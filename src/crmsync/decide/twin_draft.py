"""The write of an activity, company or deal: days become moments, bodies are cut with a mark, and what a CRM demands is filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from crmsync.decide.bodies import MARK, cut, fit
from crmsync.decide.canonical import moment, stamp
from crmsync.decide.days import day_of, moment_of
from crmsync.decide.plan import Draft, Parked, PlannedWrite, data_hash
from crmsync.decide.reconcile import Reconciled
from crmsync.decide.twin_look import Ground, when_of
from crmsync.model.change import Action
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Fields, Ref, Value
from crmsync.model.rules import FieldType

DEFAULT_MEETING = timedelta(minutes=30)
"""How long a meeting is taken to be in a CRM that wants an end when the other does not say one."""
FIRST_LINE = 80
DUE = "due"
"""The house field with the day of an activity."""
REMINDER = "reminder"
"""The house field with the moment of a task's reminder."""
_SIGN = re.compile(r"\{(\w+)\}")


def refusal_mark(fields: Fields, about: Sequence[Ref], unlink: Sequence[Ref]) -> str:
    """What a refusal of a whole activity is held against: its fields and whom it belongs to. For another person it is tried again."""
    return data_hash({**fields, " about": ";".join(map(str, about)), " unlink": ";".join(map(str, unlink))})


class TwinDraft(Draft):
    """A twin's write: days become moments, bodies are cut with a mark, and what a CRM demands is filled in."""

    ownerless_is_settled = False

    def __init__(
        self, state: PersonState, ref: Ref, snapshot: Snapshot | None, ground: Ground, parked: Parked, reconciled: Reconciled
    ) -> None:
        super().__init__(state, ref, snapshot, ground.terms, parked)
        self.ground, self.reconciled = ground, reconciled
        self.about: tuple[Ref, ...] = ()
        self.unlink: tuple[Ref, ...] = ()
        self.due_at: datetime | None = None
        """When it is due (UTC), where more is known than the day."""

    def native(self, name: str, value: Value) -> Value:
        """As for persons; a day becomes a moment where the field keeps moments."""
        column = self.lens.by_name[name]
        kept = self.schema.get(column.place.field)
        if column.map.type is FieldType.DAY and isinstance(value, str) and kept is not None and kept.type == "datetime":
            zone = self.terms.owners.zone(self.ref.side, self._owner(), self.ground.zone)
            like = self.snapshot.extra.get(column.place.field) if self.snapshot is not None else None
            if self.due_at is not None and day_of(exact := stamp(self.due_at), zone) == value:
                return exact
            at = moment_of(value, zone, like=like if isinstance(like, str) else None, default=self.ground.due_time)
            return at if like is not None else self._not_before_reminder(at, value, zone)
        return super().native(name, value)

    def _not_before_reminder(self, at: str, day: str, zone: str) -> str:
        """The moment of that day; the reminder's where that comes later on it: nobody is reminded of what is overdue (C8)."""
        reminder = self.reconciled.facts.get(REMINDER)
        return max(at, reminder) if isinstance(reminder, str) and day_of(reminder, zone) == day else at

    def _owner(self) -> Value:
        """Who owns the record once this is written, in house terms: days are read by that owner's clock."""
        if "owner" in self.merged:
            return self.merged["owner"]
        return self.reconciled.facts.get("owner") if self.snapshot is None else self.snapshot.fields.get("owner")

    def take_day(self, day: str | None, because: str) -> None:
        """Moves what is there to another day (ISO date; None: it stays)."""
        column = self.lens.by_name.get(DUE)
        if day is None or column is None or self.snapshot is None or column.place.read_only or self.ref.side not in column.map.to:
            return
        shown = self.snapshot.fields.get(DUE)
        if shown != day and self._put_mapped(DUE, day, shown, because):
            self.base[DUE] = dict.fromkeys(self.terms.sides, day)

    def keep_days(self) -> None:
        """Moments of days once it is known who owns the record: another owner's clock may show another day."""
        for name, column in self.lens.by_name.items():
            native, kept = column.place.field, self.schema.get(column.place.field)
            if column.map.type is not FieldType.DAY or kept is None or kept.type != "datetime":
                continue
            day = self.merged.get(name, self.reconciled.facts.get(name))
            if name in self.merged:
                self.fields[native] = self.native(name, day)
                continue
            ours = not column.place.read_only and self.ref.side in column.map.to
            if self.snapshot is None or "owner" not in self.merged or day is None or not ours:
                continue
            if self.native(name, day) != self.snapshot.extra.get(native):
                self._put_mapped(name, day, None, "the same day by the new owner's clock")

    def before(self, name: str, old: Value) -> Value:
        return None if self.snapshot is None else self.snapshot.extra.get(self.lens.by_name[name].place.field)

    def shorten(self, name: str, value: Value, sent: str, limit: int) -> tuple[Value, Value]:
        """As for persons; a body is cut with a mark, and counts as what it was meant to be."""
        column = self.lens.by_name[name]
        if column.map.type is not FieldType.RICH_TEXT or not isinstance(value, str):
            return super().shorten(name, value, sent, limit)
        if limit <= len(MARK):
            return value, None  # no room to say that it was cut
        sent = fit(value, limit) if column.place.html else cut(value, limit)
        return value, sent  # what was meant counts as shown: the cut never goes back

    def twinless(self, owner: Value) -> tuple[Value, str | None]:
        """An owner who has no active user here (F48): the fallback owner, else whoever has it; told until that owner has a user."""
        if self.snapshot is not None and "owner" in self.state.base:
            return super().twinless(owner)
        if self.terms.owners.machine(owner):
            return owner, None
        fallback = self.terms.person.fallback_owner
        native = self.terms.owners.native(self.ref.side, fallback)
        what = f"it was left to {self.ref.side}'s own choice" if native is None else f"{fallback} was set"
        self.problem("owner_without_twin", "owner", owner, f"owner {owner} has no active user in {self.ref.side}; {what}")
        return fallback, native

    def mark(self) -> str:
        return refusal_mark(self.fields, self.about, self.unlink)

    def follow(self) -> None:
        """Native fields that stand for another one ("{start}") move with it."""
        for native, template in self.ground.map.fixed.get(self.ref.side, {}).items():
            found = _SIGN.fullmatch(str(template))
            if found and found[1] in self.merged and found[1] in self.lens.by_name:
                self.fields[native] = self.native(found[1], self.merged[found[1]])
                self.rules[native] = f"follows {found[1]}"
                if self.snapshot is not None:
                    self.old[native] = self.snapshot.extra.get(native, self.old[self.lens.by_name[found[1]].place.field])

    def complete(self, source: Snapshot) -> None:
        """What the admin fixed for new records, and moments that the CRM demands though the other side has none."""
        for native, template in self.ground.map.fixed.get(self.ref.side, {}).items():
            value = self._filled(template)
            if value is not None and self.fields.get(native) is None and (not self.schema or native in self.schema):
                self.fields[native], self.rules[native] = value, "fixed for new records"
        start = moment(self.reconciled.facts.get("start"))
        column = self.lens.by_name.get("end")
        if start is not None and column is not None and self.fields.get(column.place.field) is None:
            self._put(column.place.field, stamp(start + DEFAULT_MEETING), "the other side says no end")
        column = self.lens.by_name.get("due")
        rule = self.schema.get(column.place.field) if column is not None else None
        if column is not None and rule is not None and rule.required and self.fields.get(column.place.field) is None:
            self._put(
                column.place.field,
                stamp(when_of(source, self.terms.lenses[source.ref.side, source.ref.object])),
                "required, the other side says no day",
            )

    def _put(self, native: str, value: Value, because: str) -> None:
        self.fields[native], self.rules[native] = value, because

    def _filled(self, template: Value) -> Value:
        if not isinstance(template, str):
            return template
        whole = _SIGN.fullmatch(template)
        if whole and whole[1] in self.lens.by_name:
            return self.native(whole[1], self.reconciled.facts.get(whole[1]))
        facts = self.reconciled.facts
        first = next((line.strip() for line in str(facts.get("body") or "").splitlines() if line.strip()), "")
        said = {**facts, "first_line": first[:FIRST_LINE]}
        return _SIGN.sub(lambda found: str(said.get(found[1]) or ""), template) or None

    def finish(self) -> PlannedWrite | None:
        """As for persons; whom it belongs to may be all that changes."""
        planned = super().finish()
        if planned is None and self.snapshot is not None and (self.about or self.unlink):
            planned = PlannedWrite(
                side=self.ref.side, object=self.ref.object, action=Action.UPDATE, id=self.ref.id, fields={}, old={}, names={},
                rules={"": "whom it belongs to"}, base={}, own={}, merged={},
            )  # fmt: skip
        return None if planned is None else replace(planned, about=self.about, unlink=self.unlink)
