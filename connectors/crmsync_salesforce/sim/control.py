"""HTTP control under /_sim/: what tests and demos turn from outside the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.guards import DuplicateRule
from crmsync_salesforce.sim.http import Call, Reply

if TYPE_CHECKING:
    from crmsync_salesforce.sim.simulator import Simulator


class Control:
    """Handlers of /_sim/..., over the simulator's Python face."""

    def __init__(self, simulator: Simulator) -> None:
        self._sim = simulator

    def answer(self, call: Call) -> Reply:
        """Carry out a control call; 422 with a reason for nonsense, 404 for an unknown address."""
        path = call.path.rstrip("/").removeprefix("/_sim")
        handlers: dict[tuple[str, str], Callable[[Call], Any]] = {
            ("GET", "/calls"): self._calls,
            ("POST", "/calls/reset"): lambda _call: self._sim.reset_calls(),
            ("GET", "/faults"): lambda _call: [rule.shown() for rule in self._sim.faults.all()],
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): lambda _call: self._sim.faults.clear(),
            ("GET", "/options"): lambda _call: self._sim.options.shown(),
            ("POST", "/options"): self._options,
            ("POST", "/do"): self._do,
            ("GET", "/clock"): self._clock,
            ("POST", "/clock"): self._clock,
        }
        handler = handlers.get((call.method, path))
        if handler is None:
            return Reply(status=404, body={"error": "no such control address"})
        try:
            result = handler(call)
        except (ValueError, TypeError, KeyError) as error:
            return Reply(status=422, body={"error": f"{type(error).__name__}: {error}"})
        except SalesforceError as error:
            return Reply(status=422, body={"error": str(error), "errorCode": error.code})
        return Reply(body={"ok": True} if result is None else result)

    def _calls(self, _call: Call) -> list[dict[str, Any]]:
        return [entry._asdict() for entry in list(self._sim.calls)]

    def _add_fault(self, call: Call) -> dict[str, Any]:
        return self._sim.faults.add(call.object()).shown()

    def _options(self, call: Call) -> dict[str, Any]:
        changes = call.object()
        with self._sim.org.lock:
            for name, value in changes.items():
                if name == "assignment_owner":
                    self._sim.lead_assignment(value)
                elif name == "duplicate_rules":
                    self._sim.org.duplicate_rules[:] = [_rule(entry) for entry in value]
                else:
                    self._sim.options.change(name, value)
        return self._sim.options.shown()

    def _clock(self, call: Call) -> dict[str, Any]:
        clock = self._sim.clock
        body = call.object() if call.method == "POST" and call.body else {}
        unknown = set(body) - {"now", "rate"}
        if unknown:
            raise ValueError(f"unknown key: {', '.join(sorted(unknown))}")
        with self._sim.org.lock:
            if "now" in body:
                clock.jump(parse_moment(str(body["now"])))
            if "rate" in body:
                clock.run_at(float(body["rate"]))
            return {"now": clock.now().isoformat(), "rate": clock.rate}

    def _do(self, call: Call) -> Any:
        body = call.object()
        verb = body.pop("verb", None)
        sim = self._sim
        verbs: dict[str, Callable[..., Any]] = {
            "create": lambda object, fields, user=None: {"id": sim.create(object, fields, user=user)},
            "edit": lambda object, id, fields, user=None: sim.edit(object, id, fields, user=user),
            "delete": sim.delete,
            "add_queue": lambda name, objects=(): {"id": sim.add_queue(name, *objects)},
            "add_group": lambda name, members=(): {"id": sim.add_group(name, *members)},
            "join_group": lambda group, member: {"id": sim.join_group(group, member)},
            "undelete": sim.undelete,
            "merge": lambda object, winner_id, loser_ids: {"id": sim.merge(object, winner_id, loser_ids)},
            "convert": lambda lead_id, **more: {"id": sim.convert(lead_id, **more)},
            "happen": lambda event: {"seen": sim.happen(event)},
            "get": sim.get,
            "seed": lambda users=(), people=(), activities=(), companies=(): sim.seed(
                users=users, people=[_dated(person) for person in people], activities=activities, companies=companies
            ),
            "revoke_tokens": sim.revoke_tokens,
            "hide_field": sim.hide_field,
            "show_field": sim.show_field,
            "add_field": lambda object, name, **metadata: {"id": sim.add_field(object, name, **metadata)},
            "remove_field": sim.remove_field,
            "archive_activities": lambda before: {"archived": sim.archive_activities(before)},
            "purge": sim.purge,
            "settle": sim.settle,
        }
        if verb not in verbs:
            raise ValueError(f"verb must be one of {', '.join(sorted(verbs))}")
        return verbs[verb](**body)


def _rule(entry: Mapping[str, Any]) -> DuplicateRule:
    rule = DuplicateRule(**{**entry, "against": tuple(entry.get("against", ()))})
    if rule.action not in ("block", "alert"):
        raise ValueError("action must be block or alert")
    return rule


def _dated(person: Mapping[str, Any]) -> dict[str, Any]:
    created = person.get("created_at")
    if created is None or isinstance(created, datetime):
        return dict(person)
    return {**person, "created_at": parse_moment(str(created))}
