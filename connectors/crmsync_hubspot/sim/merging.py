"""What a merge does to two records: one survivor, the losers' ids and e-mails kept on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .store import Doc, Record, Table, Version

if TYPE_CHECKING:
    from .portal import Actor, Portal

MERGEABLE = frozenset({"contacts", "companies", "deals"})


def merge(portal: Portal, table: Table, winner: Record, loser: Record, actor: Actor, at: int) -> Record:
    """The survivor: the winner's values, the loser's where the winner has none; with a third id by option."""
    first, second = winner.doc, loser.doc
    props = {**second.props, **first.props}
    order = list(portal.schema.of(table.kind.plural)["lifecyclestage"].options) if table.kind.plural != "deals" else []
    stages = [p["lifecyclestage"] for p in (first.props, second.props) if p.get("lifecyclestage") in order]
    if stages:
        props["lifecyclestage"] = max(stages, key=order.index)
    new_id = table.new_id() if portal.options.merge_creates_new_id else first.id
    merged = [i for p in (first.props, second.props) for i in p.get("hs_merged_object_ids", "").split(";") if i]
    merged += [str(i) for i in (first.id, second.id) if i != new_id]
    props["hs_merged_object_ids"] = ";".join(dict.fromkeys(merged))
    if table.kind.plural == "contacts":
        extra = [p.get("email", "") for p in (first.props, second.props)]
        extra += [e for p in (first.props, second.props) for e in p.get("hs_additional_emails", "").split(";")]
        others = [e for e in dict.fromkeys(extra) if e and e != props.get("email")]
        if others:
            props["hs_additional_emails"] = ";".join(others)
    survivor = Record(Doc(new_id, min(first.created, second.created), at, props, first.source))
    survivor.history = _histories(winner, loser, props, at, actor)
    for record in (winner, loser):
        old_id = record.doc.id
        table.leave(record.doc.props, old_id)
        table.ids.remove(old_id)
        table.index.remove(old_id)
        if old_id != new_id:
            table.merged[old_id] = new_id
    if new_id == first.id:
        winner.doc, winner.history = survivor.doc, survivor.history
        survivor = winner
    table.add_many([survivor])
    table.enter(props, new_id)
    table.index.schedule(survivor.doc, at + portal.options.lag_ms())
    for record_id in (first.id, second.id):
        if record_id != new_id:
            portal.associations.move(table.kind.plural, record_id, new_id)
            if table.kind.plural == "contacts":
                portal.lists.move(record_id, new_id)
    return survivor


def _histories(winner: Record, loser: Record, props: dict[str, str], at: int, actor: Actor) -> dict[str, list[Version]]:
    histories: dict[str, list[Version]] = {}
    for name in sorted({*props, *winner.history, *loser.history}):
        past = sorted([*winner.versions(name), *loser.versions(name)], key=lambda v: -v.at)
        value = props.get(name, "")
        if not past or past[0].value != value:
            past.insert(0, Version(value, at, actor.source._replace(type="MERGE_OBJECTS")))
        histories[name] = past
    return histories
