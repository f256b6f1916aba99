"""What the shape of playbook.yaml cannot tell: names that must be known elsewhere, tests that can never hold, and keys that exclude each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from crmsync.model.fields import REASON_CODES
from crmsync.playbook.facts import FRAMEWORK_OF, Fact, misfit
from crmsync.playbook.problems import Path, one_of, quoted
from crmsync.playbook.schema_nurture import TrackFile
from crmsync.playbook.schema_process import HoursFile, ListsFile, PlaybookFile
from crmsync.playbook.schema_score import SegmentScoreFile
from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import minutes_of, words

PLAYBOOK = "mappings/playbook.yaml"
LISTED = ("free", "disposable", "competitor", "target")
COUNTED = ("delivered", "opened", "clicked")
"""House fields of the engaged subscriber."""

Add = Callable[..., None]
"""add(file, path, message, key=False)."""


class ProcessReferences:
    """Checks playbook.yaml. signals: every signal that can come. facts: what conditions can name. sides: the CRMs that person.yaml names.
    lists: the content of lists.yaml. Each is None where the file it comes from has errors of its own."""

    def __init__(
        self,
        playbook: PlaybookFile,
        signals: Sequence[str] | None,
        facts: dict[str, Fact] | None,
        sides: Collection[str] | None,
        lists: ListsFile | None,
        add: Add,
    ) -> None:
        self.playbook, self.signals, self.facts, self.sides, self.lists, self.add = playbook, signals, facts, sides, lists, add

    def run(self) -> None:
        self.hours(self.playbook.working_hours)
        self.score()
        self.segments()
        self.stages()
        self.profile()
        self.tracks()
        self.gate()
        for path, names in self.named_signals():
            for i, name in enumerate(names):
                if self.signals is not None:
                    self.known((*path, i), name, self.signals, "unknown signal")
        for path, when in self.conditions():
            for at, leaf in leaves(when, path):
                if leaf.field is not None:
                    self.test(at, leaf)

    def tell(self, path: Path, message: str, *, key: bool = False) -> None:
        self.add(PLAYBOOK, path, message, key=key)

    def known(self, path: Path, word: str, among: Iterable[str], what: str, *, key: bool = False) -> bool:
        names = list(among)
        if word in names:
            return True
        self.tell(
            path, f"{what} {quoted(word)}; {one_of(word, names) if names else 'there is none yet; define it or remove this'}", key=key
        )
        return False

    # --- what there is

    def named_signals(self) -> Iterator[tuple[Path, Sequence[str]]]:
        """Every list of signals outside conditions."""
        book = self.playbook
        yield ("score", "express"), book.score.express
        for i, rule in enumerate(book.score.behavior):
            yield ("score", "behavior", i, "signals"), rule.signals
        for n, segment in enumerate(book.segments):
            yield ("segments", n, "score", "express"), segment.score.express or ()
            for i, rule in enumerate(segment.score.behavior):
                yield ("segments", n, "score", "behavior", i, "signals"), rule.signals
        if "signals" in book.stages.model_fields_set:
            yield ("stages", "signals"), book.stages.signals
        yield ("stages", "straight_to_sql"), book.stages.straight_to_sql
        for i, type in enumerate(book.types):
            yield ("types", i, "signals"), type.signals
        for path, when in self.conditions():
            for at, leaf in leaves(when, path):
                yield (*at, "signals"), leaf.signals or ()

    def conditions(self) -> Iterator[tuple[Path, When]]:
        """Every condition with its path."""
        book = self.playbook
        for i, rule in enumerate(book.score.fit):
            yield ("score", "fit", i, "when"), rule.when
        for n, segment in enumerate(book.segments):
            yield ("segments", n, "when"), segment.when
            for i, rule in enumerate(segment.score.fit):
                yield ("segments", n, "score", "fit", i, "when"), rule.when
        found: list[tuple[Path, When | None]] = [(("types", i, "when"), type.when) for i, type in enumerate(book.types)]
        found += [(("profile", "sets", i, "when"), one.when) for i, one in enumerate(book.profile.sets)]
        for i, track in enumerate(book.tracks):
            found += [(("tracks", i, "when"), track.when), (("tracks", i, "graduate"), track.graduate)]
        yield from ((path, when) for path, when in found if when is not None)

    # --- parts of the file

    def score(self) -> None:
        score = self.playbook.score
        if score.hysteresis > score.mql_at:
            self.tell(("score", "hysteresis"), f"{score.hysteresis:g} is more than mql_at ({score.mql_at:g}); make it smaller")
        self.rules(("score",), score.fit, score.behavior)

    def rules(self, at: Path, fit: Sequence[object], behavior: Sequence[object]) -> None:
        for i, rule in enumerate(behavior):
            count, within = getattr(rule, "count", 1), getattr(rule, "within_days", None)
            if count > 1 and within is None:
                self.tell((*at, "behavior", i, "count"), "a cluster needs a window; add within_days")
            if within is not None and count == 1:
                self.tell((*at, "behavior", i, "within_days"), "a window needs a count of 2 or more; add count or remove within_days")
        for side, rules in (("fit", fit), ("behavior", behavior)):
            self.once((*at, side), [getattr(rule, "name", "") for rule in rules], f"another {side} rule is already called")

    def once(self, at: Path, names: Sequence[str], what: str) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                self.tell((*at, i, "name"), f"{what} {quoted(name)}; rename one")

    def segments(self) -> None:
        book = self.playbook
        self.once(("segments",), [s.name for s in book.segments], "another segment is already called")
        theirs = [*(rule.name for rule in book.score.fit), *(rule.name for rule in book.score.behavior)]
        for n, segment in enumerate(book.segments):
            at: Path = ("segments", n, "score")
            said: SegmentScoreFile = segment.score
            self.rules(at, said.fit, said.behavior)
            for i, name in enumerate(said.without):
                self.known((*at, "without", i), name, theirs, "score has no rule")
                if name in {*(rule.name for rule in said.fit), *(rule.name for rule in said.behavior)}:
                    self.tell((*at, "without", i), f"the rule {quoted(name)} stands in this segment as well; remove one of them")
            mql_at = said.mql_at if said.mql_at is not None else book.score.mql_at
            hysteresis = said.hysteresis if said.hysteresis is not None else book.score.hysteresis
            if hysteresis > mql_at:
                self.tell((*at, "mql_at"), f"hysteresis {hysteresis:g} is more than mql_at ({mql_at:g}); make it smaller")
            for path, leaf in leaves(segment.when, ("segments", n, "when")):
                if leaf.signals is not None:
                    self.tell((*path, "signals"), "who is in a segment must not change by what they do; test fields only")
                for age in ("within", "older_than"):
                    if getattr(leaf, age) is not None:
                        self.tell((*path, age), "who is in a segment must not change by time; compare with a fixed date")

    def stages(self) -> None:
        stages, express = self.playbook.stages, list(self.playbook.score.express)
        for segment in self.playbook.segments:
            express += segment.score.express or []
        for i, name in enumerate(stages.straight_to_sql):
            self.known(("stages", "straight_to_sql", i), name, express, "not one of the express signals:")
        for code in stages.reasons:
            self.known(("stages", "reasons", code), code, REASON_CODES, "unknown reason code", key=True)
        if stages.engaged_subscriber is not None and self.facts is not None:
            for key in COUNTED:
                name, at = getattr(stages.engaged_subscriber, key), ("stages", "engaged_subscriber", key)
                if self.known(at, name, self.facts, "unknown field") and self.facts[name].type != "number":
                    self.tell(at, f"{name} is of type {self.facts[name].type} and counts no e-mails; name a number")

    def profile(self) -> None:
        book = self.playbook
        self.once(("profile", "sets"), [s.name for s in book.profile.sets], "another set is already called")
        for i, one in enumerate(book.profile.sets):
            if one.segment is not None:
                self.known(("profile", "sets", i, "segment"), one.segment, [s.name for s in book.segments], "unknown segment")
            for name in one.ask:
                self.fact(("profile", "sets", i, "ask", name), name, key=True)

    def tracks(self) -> None:
        tracks = self.playbook.tracks
        self.once(("tracks",), [t.name for t in tracks], "another track is already called")
        for i, one in enumerate(tracks):
            self.track(("tracks", i), one, [t.name for t in tracks])

    def track(self, at: Path, track: TrackFile, names: Sequence[str]) -> None:
        if track.graduate_to is not None:
            if self.known((*at, "graduate_to"), track.graduate_to, names, "unknown track") and track.graduate_to == track.name:
                self.tell((*at, "graduate_to"), "a track cannot follow itself; name another one or remove it")
            if track.graduate is None and track.days is None:
                self.tell((*at, "graduate_to"), "the track never ends, so nothing follows; add graduate or days")
        for side in track.lists:
            if self.sides is not None:
                self.known((*at, "lists", side), side, self.sides, "unknown CRM", key=True)

    def gate(self) -> None:
        provider = self.playbook.data_gate.provider
        for name in provider.enrich if provider is not None else ():
            self.fact(("data_gate", "provider", "enrich", name), name, key=True)
        if provider is None:
            return
        taken: dict[str, str] = {}
        for quality, said in provider.words.items():
            for word in words(said):
                if taken.setdefault(word.strip().casefold(), quality) != quality:
                    first = taken[word.strip().casefold()]
                    self.tell(("data_gate", "provider", "words", quality), f"{quoted(word)} already means {first}; keep one")

    def hours(self, hours: HoursFile) -> None:
        self.clock(("working_hours",), hours.start, hours.end, hours.time_zone)
        for email, said in hours.people.items():
            at = ("working_hours", "people", email)
            if "@" not in email:
                self.tell(at, f"{quoted(email)} is no e-mail address; write that of the user", key=True)
            self.clock(at, said.start or hours.start, said.end or hours.end, said.time_zone)
        for i, day in enumerate(hours.holidays):
            try:
                date.fromisoformat(day)
            except ValueError:
                self.tell(("working_hours", "holidays", i), f"{quoted(day)} is no day of the calendar; write it like 2026-12-25")

    def clock(self, at: tuple[str, ...], start: str, end: str, zone: str | None) -> None:
        """Hours that end before they start, and a time zone that no clock knows."""
        try:
            ZoneInfo("UTC" if zone is None else zone)
        except (KeyError, ValueError, OSError):
            self.tell((*at, "time_zone"), f"unknown time zone {quoted(str(zone))}; write one like Europe/Berlin or America/New_York")
        if minutes_of(end) <= minutes_of(start):
            self.tell((*at, "end"), f"{end} is not after start {start}; correct one of them")
        if minutes_of(end) > 24 * 60:
            self.tell((*at, "end"), f"{end} is after midnight; write 24:00 at most")

    # --- conditions

    def fact(self, path: Path, name: str, *, key: bool = False) -> bool:
        """Whether a field is known of persons at all."""
        if self.facts is None:
            return False
        framework = FRAMEWORK_OF.get(name)
        if framework is not None and name not in self.facts:
            on = ", ".join([*self.playbook.qualification, framework])
            self.tell(path, f"{name} is an answer of {framework.upper()}, which is off; write qualification: [{on}]", key=key)
            return False
        return self.known(path, name, self.facts, "unknown field", key=key)

    def test(self, path: Path, test: When) -> None:
        name, written = str(test.field), test.tests()[0]
        for word in words(test.title_is):
            if self.lists is not None:
                self.known(
                    (*path, "title_is"), word, [*self.lists.titles, *self.lists.departments], "lists.yaml has no such class of titles:"
                )
        for word in words(test.domain_in):
            if word not in LISTED and "." not in word:
                self.tell((*path, "domain_in"), f"unknown list {quoted(word)}; {one_of(word, LISTED)}, or a domain")
        if test.between is not None:
            low, high = test.between
            if isinstance(low, str) != isinstance(high, str) or (not isinstance(low, str) and not isinstance(high, str) and low > high):
                self.tell((*path, "between"), "the first must not be larger than the second, and both of one kind; correct them")
                return
        if self.fact((*path, "field"), name) and self.facts is not None:
            wrong = misfit(name, written, test.wanted(written), self.facts[name])
            if wrong:
                self.tell((*path, written), wrong)


def leaves(when: When, path: Path) -> Iterator[tuple[Path, When]]:
    """Every test of a field and every count of signals in a condition, with its path in the file."""
    if when.field is not None or when.signals is not None:
        yield path, when
    if when.not_ is not None:
        yield from leaves(when.not_, (*path, "not"))
    for key, parts in (("all", when.all), ("any", when.any)):
        for i, part in enumerate(parts or ()):
            yield from leaves(part, (*path, key, i))
