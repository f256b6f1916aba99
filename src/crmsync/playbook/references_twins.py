"""What the shapes of activities.yaml and companies.yaml cannot tell: names that must be known elsewhere, and keys that exclude each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from crmsync.model.rules import ASK, FILL, LATEST, OPT_OUT
from crmsync.playbook.problems import Path, one_of, quoted
from crmsync.playbook.schema_activities import (
    KINDS,
    PARTIES,
    ActivitiesFile,
    ActivityFile,
    CompaniesFile,
    PartyFile,
    TwinField,
    TwinFile,
    TwinPlace,
)

ACTIVITIES, COMPANIES = "mappings/activities.yaml", "mappings/companies.yaml"
TYPES = {"owner": ("owner",), "body": ("rich_text",), "due": ("day",), "start": ("datetime",), "end": ("datetime",), "status": ("picklist",),
         "subject": ("text",), "closed": ("bool",)}  # fmt: skip
"""House fields that the engine itself reads, and the types they must have."""
FIRST_LINE = "first_line"
READ_ONLY = ("campaign_member",)
_SIGN = re.compile(r"\{(\w+)\}")
_TEXTS = ("text", "long_text", "rich_text")

Add = Callable[..., None]
"""add(file, path, message, key=False)."""


def twins_of(activities: ActivitiesFile | None, companies: CompaniesFile | None) -> Iterator[tuple[str, str, TwinFile]]:
    """(file, kind, what stands there) of every kind that the files name."""
    for file, kinds, models in ((ACTIVITIES, KINDS, activities), (COMPANIES, PARTIES, companies)):
        for kind in kinds:
            found: TwinFile | None = getattr(models, kind, None)
            if found is not None:
                yield file, kind, found


def activity_signals(activities: ActivitiesFile | None) -> list[str]:
    """Every signal that an activity can be."""
    return [s.type for _, _, twin in twins_of(activities, None) if isinstance(twin, ActivityFile) and twin.on for s in twin.signals]


class TwinReferences:
    """Checks one kind. sides: the CRMs that person.yaml names."""

    def __init__(self, file: str, kind: str, twin: TwinFile, sides: list[str], add: Add) -> None:
        self.file, self.kind, self.twin, self.sides, self.add = file, kind, twin, sides, add

    def run(self) -> None:
        twin = self.twin
        for side in twin.objects:
            self.known(("objects", side), side, self.sides, "unknown CRM", key=True)
        for side in twin.when:
            self.known(("when", side), side, twin.objects, "unknown CRM", key=True)
        for name, field in twin.fields.items():
            self.field(name, field)
        self.one_name_per_place()
        if isinstance(twin, ActivityFile):
            self.activity(twin)
        if isinstance(twin, PartyFile):
            for i, name in enumerate(twin.match):
                self.known(("match", i), name, twin.fields, "unknown field")
            if twin.create and not twin.two_way:
                self.tell(("create",), "nothing is created without two_way; write two_way: true or remove create")

    def tell(self, path: Path, message: str, *, key: bool = False) -> None:
        self.add(self.file, (self.kind, *path), message, key=key)

    def known(self, path: Path, word: str, among: Iterable[str], what: str, *, key: bool = False) -> bool:
        names = list(among)
        if word in names:
            return True
        self.tell(path, f"{what} {quoted(word)}; {one_of(word, names)}", key=key)
        return False

    def directions(self) -> list[str]:
        return ["both", *(f"to_{side}" for side in self.twin.objects), "none"]

    def activity(self, twin: ActivityFile) -> None:
        known = self.known(("direction",), twin.direction, self.directions(), "unknown direction")
        if known and self.kind in READ_ONLY and twin.direction != "none":
            self.tell(("direction",), f"a {self.kind} is only read; write none")
        for side, values in twin.fixed.items():
            if not self.known(("fixed", side), side, twin.objects, "unknown CRM", key=True):
                continue
            for native, value in values.items():
                for word in _SIGN.findall(value) if isinstance(value, str) else ():
                    self.known(("fixed", side, native), word, [*twin.fields, FIRST_LINE], "unknown field")
        for i, signal in enumerate(twin.signals):
            if signal.seen_in is not None:
                self.known(("signals", i, "seen_in"), signal.seen_in, twin.objects, "unknown CRM")
            if signal.planned and "end" not in twin.fields:
                self.tell(("signals", i, "planned"), f"a {self.kind} without a field end cannot be still to come; remove planned")
            for name in signal.when:
                self.known(("signals", i, "when", name), name, twin.fields, "unknown field", key=True)
        both = {owner.strip().lower() for owner in twin.filter.owners} & {owner.strip().lower() for owner in twin.filter.not_owners}
        if both:
            self.tell(("filter", "not_owners"), f"{quoted(min(both))} stands under owners, too; remove it from one of them")

    def field(self, name: str, field: TwinField) -> None:
        at: Path = ("fields", name)
        sides = list(self.twin.objects)
        fixed = [key for key in TwinField.model_fields if key not in field.model_fields_set]
        places = 0
        for side, place in (field.__pydantic_extra__ or {}).items():
            if side not in sides:
                self.tell((*at, side), f"unknown key or CRM; {one_of(side, [*sides, *fixed])}", key=True)
                continue
            places += 1
            self.place((*at, side), field, place if isinstance(place, TwinPlace) else TwinPlace(field=place))
        if not places:
            self.tell(at, f"no CRM has this field; add its native name under {' or '.join(sides)}", key=True)
        if name in TYPES and field.type not in TYPES[name]:
            self.tell((*at, "type"), f"the field {name} must be of this type; write {' or '.join(TYPES[name])}")
        self.known((*at, "direction"), field.direction, self.directions(), "unknown direction")
        rules = [LATEST, *sides, FILL, ASK, OPT_OUT]
        if self.known((*at, "conflict"), field.conflict, rules, "unknown rule") and field.conflict == OPT_OUT and field.type != "bool":
            self.tell((*at, "conflict"), "true_wins is for type bool; use another rule")
        if field.most is not None and field.type not in _TEXTS:
            self.tell((*at, "most"), f"most is for texts, this field is of type {field.type}; remove it")
        if field.listed_only and not field.values:
            self.tell((*at, "listed_only"), "nothing is listed; add values, or remove listed_only")
        self.values(at, field)

    def place(self, at: Path, field: TwinField, place: TwinPlace) -> None:
        if place.html and field.type not in _TEXTS:
            self.tell((*at, "html"), f"html is for texts, this field is of type {field.type}; remove it or change the type")
        if place.per != 1 and field.type != "number":
            self.tell((*at, "per"), f"per is for numbers, this field is of type {field.type}; remove it or change the type")

    def values(self, at: Path, field: TwinField) -> None:
        for side, values in field.values.items():
            if not self.known((*at, "values", side), side, self.twin.objects, "unknown CRM", key=True):
                continue
            taken: dict[str, str] = {}
            for house, native in values.items():
                for word in [native] if isinstance(native, str) else native:
                    if word in taken:
                        self.tell((*at, "values", side, house), f"{quoted(word)} already stands for {taken[word]}; keep one")
                    taken.setdefault(word, house)
        if field.values and field.type not in ("picklist", "text"):
            self.tell(
                (*at, "values"),
                f"values are for type picklist, this field is of type {field.type}; change the type or remove values",
                key=True,
            )

    def one_name_per_place(self) -> None:
        """Two house fields written to one native field would take turns for ever; one of them may read it."""
        taken: dict[tuple[str, str], str] = {}
        for name, field in self.twin.fields.items():
            for side, place in (field.__pydantic_extra__ or {}).items():
                native, read_only = (place.field, place.read_only) if isinstance(place, TwinPlace) else (place, False)
                if not read_only and field.direction != "none":
                    first = taken.setdefault((side, native), name)
                    if first != name:
                        self.tell(("fields", name, side), f"{native} is already mapped as {first}; map it once, or write read_only: true")
