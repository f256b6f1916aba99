"""`crmsync replay --playbook DIR`: what another playbook would have done to the stored history. Reads the store only; contacts nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from crmsync.decide.frame import LONG_AGO, NEVER, Bools, Floats, Longs, looks, micros, moment_of
from crmsync.decide.score import conditions_of, score_base, top_cut
from crmsync.engine.cuts import cuts_of
from crmsync.engine.world import World
from crmsync.errors import ConfigError
from crmsync.insight.replay import Entries, Overlap, months, overlap, qualified
from crmsync.insight.share import interval
from crmsync.model.fields import INPUTS
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files
from crmsync.playbook.schema import FILES
from crmsync.playbook.templates import FOLDER as TEMPLATES
from crmsync.service.replay_read import Chunk, Reader
from crmsync.service.workspace import Workspace
from crmsync.store import Past

EXAMPLES = 20
"""Persons named who enter, and who leave."""
RULES = "mappings/playbook.yaml"


@dataclass(slots=True, kw_only=True)
class Side:
    """One playbook over the history. entries: how often somebody became mql; months: the same by month."""

    entries: int = 0
    months: Counter[str] = field(default_factory=Counter)

    def add(self, found: Entries) -> None:
        """Counts a chunk."""
        self.entries += len(found.at)
        self.months.update(months(found.at))


@dataclass(slots=True, kw_only=True)
class Replay:
    """persons, signals: played; left_out: customers since before anything is known of them. recorded: month -> mqls that really were. overlap: of
    persons. enters, leaves: (person, first time as mql, e-mail or None), some of them. unknown_fields: what conditions of the playbook look at and
    nothing is stored of."""

    folder: str
    now: datetime
    persons: int = 0
    left_out: int = 0
    signals: int = 0
    first: int = NEVER
    in_force: Side = field(default_factory=Side)
    replayed: Side = field(default_factory=Side)
    recorded: Counter[str] = field(default_factory=Counter)
    overlap: Overlap = field(default_factory=Overlap)
    enters: list[tuple[str, int, str | None]] = field(default_factory=list)
    leaves: list[tuple[str, int, str | None]] = field(default_factory=list)
    unknown_fields: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """The documented shape."""
        o = self.overlap
        old, new = o.both + o.only_old, o.both + o.only_new
        every = sorted({*self.in_force.months, *self.replayed.months, *self.recorded})
        return {
            "playbook": self.folder,
            "at": self.now.isoformat(),
            "first_signal": None if self.first == NEVER else _iso(self.first),
            "persons": self.persons,
            "left_out": self.left_out,
            "signals": self.signals,
            "in_force": self._side(self.in_force, old, o.won_both + o.won_only_old),
            "replayed": self._side(self.replayed, new, o.won_both + o.won_only_new),
            "recorded": self.recorded.total(),
            "months": [
                {"month": m, "in_force": self.in_force.months[m], "replayed": self.replayed.months[m], "recorded": self.recorded[m]}
                for m in every
            ],
            "overlap": {
                "both": o.both, "only_in_force": o.only_old, "only_replayed": o.only_new,
                "share": None if old + o.only_new == 0 else round(o.both / (old + o.only_new), 4),
            },
            "won": o.winners,
            "enters": [_person(row) for row in self.enters],
            "leaves": [_person(row) for row in self.leaves],
            "unknown_fields": list(self.unknown_fields),
        }  # fmt: skip

    def _side(self, side: Side, persons: int, won: int) -> dict[str, Any]:
        known = self.overlap.winners > 0
        return {
            "mqls": side.entries,
            "persons": persons,
            "precision": _share(won, persons) if known else None,
            "recall": _share(won, self.overlap.winners) if known else None,
        }


def replay(workspace: Workspace, folder: Path, *, emails: bool = False, examples: int = EXAMPLES) -> Replay:
    """Plays all stored history under the playbook in force and under the one in `folder`. emails: name persons by their address, too.

    Raises: ConfigError with file, line and column when that playbook cannot be read."""
    store, now, force = workspace.store, workspace.clock(), workspace.world
    other = World(store=store, connectors=workspace.connectors, playbook=other_playbook(workspace.settings.home, folder))
    for world in (force, other):
        world.recall()
    reader = Reader((force, other), now)
    result = Replay(folder=str(folder), now=now, unknown_fields=_unknown(force, other.playbook))
    cuts = (dict(cuts_of(force)), _cuts(reader, other, now))
    total = store.count_persons()
    for chunk in reader.chunks():
        firsts: list[Longs] = []
        for world, side, cut in zip((force, other), (result.in_force, result.replayed), cuts, strict=True):
            found = qualified(chunk.under(world.playbook), world.playbook, world.lists, cut)
            side.add(found)
            firsts.append(found.first(len(chunk.people)))
        _count(result, chunk, firsts[0], firsts[1])
        _name(result.enters, chunk, firsts[1], firsts[0] == NEVER, emails, examples)
        _name(result.leaves, chunk, firsts[0], firsts[1] == NEVER, emails, examples)
        workspace.world.report("playing", min(result.persons + result.left_out, total), total)
    return result


def other_playbook(home: Path, folder: Path) -> Playbook:
    """The playbook whose files lie in `folder`, as in CRMSYNC_HOME or all beside each other; files that it lacks are those in `home`."""
    given = {name: path for name in FILES for path in (folder / Path(name).name, folder / name) if path.is_file()}
    if not given:
        raise ConfigError(
            f"{folder} holds no playbook: neither playbook.yaml nor {RULES} nor another of its files is there. Nothing was read."
        )
    texts = next((one for one in (folder / "templates", folder / TEMPLATES) if one.is_dir()), home / TEMPLATES)
    return load_files({name: given.get(name, home / name) for name in FILES}, texts)


def _unknown(force: World, playbook: Playbook) -> tuple[str, ...]:
    known = {*force.playbook.person.fields, *INPUTS}
    return tuple(sorted(name for name in looks(conditions_of(playbook)) if name not in known and "." not in name))


def _cuts(reader: Reader, world: World, now: datetime) -> dict[str, float]:
    """The cuts of today under a playbook that is not in force: everybody's score now, for each model with `top_percent` (S4)."""
    book = world.playbook
    models = {-1: ("", book.score), **{n: (s.name, s.score) for n, s in enumerate(book.segments)}}
    if all(model.top_percent is None for _, model in models.values()):
        return {}
    totals: dict[int, list[Floats]] = {place: [] for place in models}
    for chunk in reader.chunks():
        scores = score_base(chunk.frame, book, world.lists, micros(now), ahead=False)
        for place, found in totals.items():
            found.append(scores.total[scores.segment == place].astype(np.float32))
    cuts = {
        name: top_cut(np.concatenate(totals[place]).astype(np.float64), model.top_percent)
        for place, (name, model) in models.items()
        if model.top_percent is not None and totals[place]
    }
    return {name: cut for name, cut in cuts.items() if cut is not None}


def _count(result: Replay, chunk: Chunk, old: Longs, new: Longs) -> None:
    left_out = int((chunk.until == LONG_AGO).sum())
    result.persons += len(chunk.people) - left_out
    result.left_out += left_out
    result.signals += len(chunk.frame.at)
    result.first = min(result.first, int(chunk.frame.at.min())) if len(chunk.frame.at) else result.first
    result.overlap += overlap(old, new, chunk.won)
    at = [micros(datetime.fromisoformat(at)) for one in chunk.people for stage, _, at in one.stages if stage == "mql"]
    result.recorded.update(months(np.array(at, np.int64)))


def _name(rows: list[tuple[str, int, str | None]], chunk: Chunk, at: Longs, others: Bools, emails: bool, most: int) -> None:
    for n in np.flatnonzero((at < NEVER) & others)[: max(0, most - len(rows))].tolist():
        person = chunk.people[n]
        rows.append((person.person_id, int(at[n]), _email(person) if emails else None))


def _email(person: Past) -> str | None:
    return next((str(value) for value in person.values.get("email", {}).values() if value is not None), None)


def _person(row: tuple[str, int, str | None]) -> Mapping[str, Any]:
    id, at, email = row
    return {"person_id": id, "at": _iso(at), **({"email": email} if email is not None else {})}


def _share(hits: int, of: int) -> dict[str, Any]:
    found = interval(hits, of)
    low, high = (None, None) if found is None else (round(found[0], 4), round(found[1], 4))
    return {"won": hits, "of": of, "share": round(hits / of, 4) if of else None, "low": low, "high": high}


def _iso(at: int) -> str | None:
    found = moment_of(at)
    return None if found is None else found.isoformat()
