"""What a single file's shape cannot tell: names that must be known elsewhere, and rules between files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from crmsync.model.rules import ASK, FILL, LATEST, OPT_OUT
from crmsync.playbook.problems import Path, Problems, one_of, quoted
from crmsync.playbook.references_twins import TwinReferences, activity_signals, party_facts, twins_of
from crmsync.playbook.schema import CrmsyncFile
from crmsync.playbook.schema_activities import ActivitiesFile, CompaniesFile
from crmsync.playbook.schema_mapping import FieldFile, PersonFile, PlaceSpec, SignalsFile
from crmsync.playbook.schema_process import ListsFile, PlaybookFile
from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import Strict
from crmsync.playbook.yamlfile import YamlFile

LISTED = ("free", "disposable", "competitor")
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
        lists = self.models.get("mappings/lists.yaml")
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
        if isinstance(playbook, PlaybookFile):
            self.playbook(playbook)
            if isinstance(signals, SignalsFile):
                self.used_signals(playbook, [*signal_types(signals), *activity_signals(activities)])
            if isinstance(person, PersonFile):
                known = [*person.fields, *party_facts(companies)]
                self.conditions(playbook, known, lists if isinstance(lists, ListsFile) else None)

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

    # --- signals.yaml and playbook.yaml

    def signals(self, signals: SignalsFile, person: PersonFile) -> None:
        for i, s in enumerate(signals.signals):
            if self.known("mappings/signals.yaml", ("signals", i, "side"), s.side, person.objects, "unknown CRM"):
                self.known("mappings/signals.yaml", ("signals", i, "object"), s.object, person.objects[s.side], "unknown object")
            if s.events is not None and s.side in LISTS and (wrong := unknown_kind(s.events, s.side, LISTS[s.side])):
                self.add("mappings/signals.yaml", ("signals", i, "events"), wrong)

    def playbook(self, playbook: PlaybookFile) -> None:
        file, hours, score = "mappings/playbook.yaml", playbook.working_hours, playbook.score
        self.hours(file, ("working_hours",), hours.start, hours.end, hours.time_zone)
        for email, said in hours.people.items():
            at = ("working_hours", "people", email)
            if "@" not in email:
                self.add(file, at, f"{quoted(email)} is no e-mail address; write that of the user", key=True)
            self.hours(file, at, said.start or hours.start, said.end or hours.end, said.time_zone)
        for i, day in enumerate(hours.holidays):
            try:
                date.fromisoformat(day)
            except ValueError:
                self.add(file, ("working_hours", "holidays", i), f"{quoted(day)} is no day of the calendar; write it like 2026-12-25")
        if score.hysteresis > score.mql_at:
            self.add(file, ("score", "hysteresis"), f"{score.hysteresis:g} is more than mql_at ({score.mql_at:g}); make it smaller")
        for i, rule in enumerate(score.behavior):
            if rule.count > 1 and rule.within_days is None:
                self.add(file, ("score", "behavior", i, "count"), "a cluster needs a window; add within_days")
            if rule.within_days is not None and rule.count == 1:
                self.add(
                    file, ("score", "behavior", i, "within_days"), "a window needs a count of 2 or more; add count or remove within_days"
                )
        for rules in ("fit", "behavior"):
            names: dict[str, int] = {}
            for i, named in enumerate(getattr(score, rules)):
                if named.name in names:
                    self.add(file, ("score", rules, i, "name"), f"another {rules} rule is already called {quoted(named.name)}; rename one")
                names.setdefault(named.name, i)

    def hours(self, file: str, at: tuple[str, ...], start: str, end: str, zone: str | None) -> None:
        """Hours that end before they start, and a time zone that no clock knows."""
        try:
            ZoneInfo("UTC" if zone is None else zone)
        except (KeyError, ValueError, OSError):
            self.add(file, (*at, "time_zone"), f"unknown time zone {quoted(str(zone))}; write one like Europe/Berlin or America/New_York")
        if minutes_of(end) <= minutes_of(start):
            self.add(file, (*at, "end"), f"{end} is not after start {start}; correct one of them")
        if minutes_of(end) > 24 * 60:
            self.add(file, (*at, "end"), f"{end} is after midnight; write 24:00 at most")

    def used_signals(self, playbook: PlaybookFile, made: list[str]) -> None:
        file = "mappings/playbook.yaml"
        for i, word in enumerate(playbook.score.express):
            self.known(file, ("score", "express", i), word, made, "unknown signal")
        for i, rule in enumerate(playbook.score.behavior):
            for j, word in enumerate(rule.signals):
                self.known(file, ("score", "behavior", i, "signals", j), word, made, "unknown signal")
        for i, type in enumerate(playbook.types):
            for j, word in enumerate(type.signals):
                self.known(file, ("types", i, "signals", j), word, made, "unknown signal")

    def conditions(self, playbook: PlaybookFile, known: list[str], lists: ListsFile | None) -> None:
        for i, rule in enumerate(playbook.score.fit):
            for path, test in tests_of(rule.when, ("score", "fit", i, "when")):
                self.test("mappings/playbook.yaml", path, test, known, lists)

    def test(self, file: str, path: Path, test: When, known: list[str], lists: ListsFile | None) -> None:
        """known: fields of persons, and facts of their company and deal."""
        self.known(file, (*path, "field"), str(test.field), known, "unknown field")
        for word in words(test.title_is):
            if lists is not None:
                self.known(file, (*path, "title_is"), word, lists.titles, "lists.yaml has no such class of titles:")
        for word in words(test.domain_in):
            if word not in LISTED and "." not in word:
                self.add(file, (*path, "domain_in"), f"unknown list {quoted(word)}; {one_of(word, LISTED)}, or a domain")
        if test.between is not None:
            low, high = test.between
            if isinstance(low, str) != isinstance(high, str) or (not isinstance(low, str) and not isinstance(high, str) and low > high):
                self.add(file, (*path, "between"), "the first must not be larger than the second, and both of one kind; correct them")


def unknown_kind(kind: str, side: str, known: Iterable[str]) -> str:
    """What is wrong with `events: kind` where a CRM lists these kinds, and the fix; "" when nothing is."""
    kinds = list(known)
    if kind in kinds:
        return ""
    fix = one_of(kind, kinds) if kinds else f"{side} lists no events: remove events here"
    return f"unknown kind of event {quoted(kind)}, which would never be read; {fix}"


def words(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def minutes_of(clock: str) -> int:
    """Minutes after midnight of "HH:MM"."""
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


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


def tests_of(when: When, path: Path) -> Iterator[tuple[Path, When]]:
    """Every test in a condition with its path in the file."""
    if when.field is not None:
        yield path, when
    if when.not_ is not None:
        yield from tests_of(when.not_, (*path, "not"))
    for key, parts in (("all", when.all), ("any", when.any)):
        for i, part in enumerate(parts or ()):
            yield from tests_of(part, (*path, key, i))
