"""What a single file's shape cannot tell: names that must be known elsewhere, and rules between files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from crmsync.model.rules import ASK, FILL, LATEST, OPT_OUT
from crmsync.playbook.facts import facts_of
from crmsync.playbook.problems import Path, Problems, one_of, quoted
from crmsync.playbook.references_alerts import ALERTS, AlertsReferences
from crmsync.playbook.references_followup import FOLLOWUP, FollowupReferences
from crmsync.playbook.references_names import Known
from crmsync.playbook.references_process import ProcessReferences
from crmsync.playbook.references_twins import TwinReferences, activity_signals, twins_of
from crmsync.playbook.schema import CrmsyncFile
from crmsync.playbook.schema_activities import ActivitiesFile, CompaniesFile
from crmsync.playbook.schema_alerts import AlertsFile
from crmsync.playbook.schema_followup import FollowupFile
from crmsync.playbook.schema_mapping import FieldFile, PersonFile, PlaceSpec, SignalsFile
from crmsync.playbook.schema_process import ListsFile, PlaybookFile
from crmsync.playbook.shapes import Strict, minutes_of
from crmsync.playbook.yamlfile import YamlFile

LISTS: Mapping[str, tuple[str, ...]] = {
    "hubspot": ("form_submission", "email_open", "email_click", "email_reply", "email_unsubscribe", "email_bounce"),
    "salesforce": (),
}
"""The kinds of events that the bundled connectors list (`Traits.events`), so that a misspelt one is found without connecting. Those of other
connectors are told by these themselves, when they are connected."""


class References:
    """Checks names across the files of one home folder; findings go to `problems`. A file with errors of its own (None) is left out."""

    def __init__(self, files: dict[str, YamlFile], models: dict[str, Strict | None], problems: Problems) -> None:
        self.files = files
        self.models = models
        self.problems = problems

    def run(self) -> None:
        person = self.models.get("mappings/person.yaml")
        signals = self.models.get("mappings/signals.yaml")
        playbook = self.models.get("mappings/playbook.yaml")
        crmsync = self.models.get("crmsync.yaml")
        found, others = self.models.get("mappings/activities.yaml"), self.models.get("mappings/companies.yaml")
        activities = found if isinstance(found, ActivitiesFile) else None
        companies = others if isinstance(others, CompaniesFile) else None
        if activities is not None and minutes_of(activities.due_time) >= 24 * 60:
            self.add("mappings/activities.yaml", ("due_time",), f"{activities.due_time} is no time of a day; write 23:59 at most")
        if isinstance(person, PersonFile):
            self.person(person)
            for file, kind, twin in twins_of(activities, companies):
                TwinReferences(file, kind, twin, list(person.objects), self.add).run()
            if isinstance(crmsync, CrmsyncFile) and crmsync.tasks_in is not None:
                self.known("crmsync.yaml", ("tasks_in",), crmsync.tasks_in, person.objects, "unknown CRM")
            if isinstance(signals, SignalsFile):
                self.signals(signals, person)
        names = self.names(activities, companies)
        if isinstance(playbook, PlaybookFile):
            ProcessReferences(playbook, names, self.add).run()
        followup, alerts = self.models.get(FOLLOWUP), self.models.get(ALERTS)
        if isinstance(followup, FollowupFile):
            FollowupReferences(followup, names, self.add).run()
        if isinstance(alerts, AlertsFile):
            AlertsReferences(alerts, names, self.add).run()

    def names(self, activities: ActivitiesFile | None, companies: CompaniesFile | None) -> Known:
        """What rules and conditions can name."""
        person, signals = self.models.get("mappings/person.yaml"), self.models.get("mappings/signals.yaml")
        playbook, lists = self.models.get("mappings/playbook.yaml"), self.models.get("mappings/lists.yaml")
        people = person if isinstance(person, PersonFile) else None
        frameworks = playbook.qualification if isinstance(playbook, PlaybookFile) else []
        # Which answers there are is told by playbook.yaml, what is read of companies by theirs: without them no field is called unknown.
        told = companies is not None and isinstance(playbook, PlaybookFile)
        return Known(
            signals=[*signal_types(signals), *activity_signals(activities)] if isinstance(signals, SignalsFile) else None,
            facts=facts_of(people, companies, set(frameworks)) if told and people is not None else None,
            sides=None if people is None else list(people.objects),
            lists=lists if isinstance(lists, ListsFile) else None,
            frameworks=frameworks,
        )

    def add(self, file: str, path: Path, message: str, *, key: bool = False) -> None:
        name = next((step for step in reversed(path) if isinstance(step, str)), "the file")
        self.problems.add(file, self.files[file].at(path, key=key), f"{name}: {message}")

    def known(self, file: str, path: Path, word: str, among: Iterable[str], what: str, *, key: bool = False) -> bool:
        names = list(among)
        if word in names:
            return True
        self.add(file, path, f"{what} {quoted(word)}; {one_of(word, names)}", key=key)
        return False

    # --- person.yaml

    def person(self, person: PersonFile) -> None:
        file, sides = "mappings/person.yaml", list(person.objects)
        for side, object in person.create_as.items():
            path: Path = ("create_as", side)
            if self.known(file, path, side, sides, "unknown CRM", key=True):
                self.known(file, path, object, person.objects[side], "not one of this CRM's objects:")
        for side, by_object in person.extra_emails.items():
            if self.known(file, ("extra_emails", side), side, sides, "unknown CRM", key=True):
                for object in by_object:
                    self.known(file, ("extra_emails", side, object), object, person.objects[side], "unknown object", key=True)
        for who, pair in person.owners.pairs.items():
            for side in pair:
                self.known(file, ("owners", "pairs", who, side), side, sides, "unknown CRM", key=True)
        for name, field in person.fields.items():
            self.field(file, name, field, person)
        if "email" not in person.fields:
            self.add(file, ("fields",), "there is no field named email; add it, persons are recognised by it", key=True)
        for name, type in (("email", "email"), ("owner", "owner")):
            if name in person.fields and person.fields[name].type != type:
                self.add(file, ("fields", name, "type"), f"the field {name} must be of this type; write {type}")
        self.one_name_per_place(file, person)
        seen: set[tuple[str, str, str]] = set()
        for i, status in enumerate(person.statuses):
            if self.known(file, ("statuses", i, "side"), status.side, sides, "unknown CRM"):
                self.known(file, ("statuses", i, "object"), status.object, person.objects[status.side], "unknown object")
            place = (status.side, status.object, status.field)
            if place in seen:
                self.add(file, ("statuses", i, "field"), f"{status.object}.{status.field} stands twice under statuses; keep one")
            seen.add(place)

    def field(self, file: str, name: str, field: FieldFile, person: PersonFile) -> None:
        sides, at = list(person.objects), ("fields", name)
        fixed = [key for key in FieldFile.model_fields if key not in field.model_fields_set]
        places = 0
        for side, spec in (field.__pydantic_extra__ or {}).items():
            if side not in sides:
                self.add(file, (*at, side), f"unknown key or CRM; {one_of(side, [*sides, *fixed])}", key=True)
                continue
            places += 1
            if isinstance(spec, dict):
                for object in spec:
                    self.known(file, (*at, side, object), object, person.objects[side], "unknown object", key=True)
        if not places:
            self.add(file, at, f"no CRM has this field; add its native name under {' or '.join(sides)}", key=True)
        rules = [LATEST, *sides, FILL, ASK, OPT_OUT]
        if (
            self.known(file, (*at, "conflict"), field.conflict, rules, "unknown rule")
            and field.conflict == OPT_OUT
            and field.type != "bool"
        ):
            self.add(file, (*at, "conflict"), "true_wins is for type bool; use another rule")
        self.known(file, (*at, "direction"), field.direction, ["both", *(f"to_{side}" for side in sides), "none"], "unknown direction")
        for side, values in field.values.items():
            if not self.known(file, (*at, "values", side), side, sides, "unknown CRM", key=True):
                continue
            taken: dict[str, str] = {}
            for house, native in values.items():
                for word in [native] if isinstance(native, str) else native:
                    if word in taken:
                        self.add(file, (*at, "values", side, house), f"{quoted(word)} already stands for {taken[word]}; keep one")
                    taken.setdefault(word, house)
        if field.values and field.type not in ("picklist", "text"):
            self.add(
                file,
                (*at, "values"),
                f"values are for type picklist, this field is of type {field.type}; change the type or remove values",
                key=True,
            )

    def one_name_per_place(self, file: str, person: PersonFile) -> None:
        """Two house fields written to one native field would take turns for ever."""
        taken: dict[tuple[str, str, str], str] = {}
        told: set[tuple[str, str]] = set()
        for name, field in person.fields.items():
            for side, object, place in places_of(field, person):
                key = (side, object, place.field)
                first = taken.setdefault(key, name)
                if first != name and (name, side) not in told:
                    told.add((name, side))
                    self.add(file, ("fields", name, side), f"{object}.{place.field} is already mapped as {first}; map it once")

    # --- signals.yaml

    def signals(self, signals: SignalsFile, person: PersonFile) -> None:
        for i, s in enumerate(signals.signals):
            if self.known("mappings/signals.yaml", ("signals", i, "side"), s.side, person.objects, "unknown CRM"):
                self.known("mappings/signals.yaml", ("signals", i, "object"), s.object, person.objects[s.side], "unknown object")
            if s.events is not None and s.side in LISTS and (wrong := unknown_kind(s.events, s.side, LISTS[s.side])):
                self.add("mappings/signals.yaml", ("signals", i, "events"), wrong)


def unknown_kind(kind: str, side: str, known: Iterable[str]) -> str:
    """What is wrong with `events: kind` where a CRM lists these kinds, and the fix; "" when nothing is."""
    kinds = list(known)
    if kind in kinds:
        return ""
    fix = one_of(kind, kinds) if kinds else f"{side} lists no events: remove events here"
    return f"unknown kind of event {quoted(kind)}, which would never be read; {fix}"


def signal_types(signals: SignalsFile) -> list[str]:
    """Every signal that can come: made by a field, named by a pattern, or announced under `elsewhere`."""
    made = [name for s in signals.signals for name in (*(p.type for p in s.patterns), s.type)]
    return list(dict.fromkeys([*made, *signals.elsewhere]))


def places_of(field: FieldFile, person: PersonFile) -> Iterator[tuple[str, str, PlaceSpec]]:
    """(side, object, place) of a house field; unknown sides and objects are left out."""
    for side, spec in (field.__pydantic_extra__ or {}).items():
        objects = person.objects.get(side, [])
        by_object = spec if isinstance(spec, dict) else dict.fromkeys(objects, spec)
        for object, place in by_object.items():
            if object in objects:
                yield side, object, place if isinstance(place, PlaceSpec) else PlaceSpec(field=place)
