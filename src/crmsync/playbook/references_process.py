"""What the shape of playbook.yaml cannot tell: names that must be known elsewhere, tests that can never hold, and keys that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crmsync.model.fields import REASON_CODES
from crmsync.playbook.build_process import duration
from crmsync.playbook.problems import Path, quoted
from crmsync.playbook.references_hours import HoursReferences
from crmsync.playbook.references_names import Add, Known, Names, leaves
from crmsync.playbook.references_routing import RoutingReferences
from crmsync.playbook.schema_nurture import TrackFile
from crmsync.playbook.schema_process import PlaybookFile
from crmsync.playbook.schema_score import SegmentScoreFile
from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import words

PLAYBOOK = "mappings/playbook.yaml"
COUNTED = ("delivered", "opened", "clicked")
"""House fields of the engaged subscriber."""


class ProcessReferences(Names):
    """Checks playbook.yaml."""

    def __init__(self, playbook: PlaybookFile, names: Known, add: Add) -> None:
        super().__init__(PLAYBOOK, names, add)
        self.playbook = playbook

    def run(self) -> None:
        HoursReferences(self.playbook.working_hours, PLAYBOOK, self.names, self.add).run()
        RoutingReferences(self.playbook.routing, PLAYBOOK, self.names, self.add).run()
        self.score()
        self.segments()
        self.stages()
        self.types()
        self.profile()
        self.tracks()
        self.gate()
        for path, named in self.named_signals():
            self.signals(path, named)
        for path, when in self.conditions():
            self.condition(path, when)

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
        if stages.engaged_subscriber is not None and self.names.facts is not None:
            for key in COUNTED:
                name, at = getattr(stages.engaged_subscriber, key), ("stages", "engaged_subscriber", key)
                if self.known(at, name, self.names.facts, "unknown field") and self.names.facts[name].type != "number":
                    self.tell(at, f"{name} is of type {self.names.facts[name].type} and counts no e-mails; name a number")

    def types(self) -> None:
        hours = self.playbook.working_hours
        for i, type in enumerate(self.playbook.types):
            if type.breach_within is None or type.respond_within is None:
                continue
            (due, working), (breach, also) = duration(type.respond_within, hours), duration(type.breach_within, hours)
            if working is also and breach < due:
                said = f"{type.breach_within} is shorter than respond_within ({type.respond_within})"
                self.tell(("types", i, "breach_within"), f"{said}; correct one of them")

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
            if self.names.sides is not None:
                self.known((*at, "lists", side), side, self.names.sides, "unknown CRM", key=True)

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
