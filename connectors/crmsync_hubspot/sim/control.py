"""The control addresses under /_sim/: calls, faults, options, verbs, clock. Never counted as API calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from .simulator import Simulator

Json = dict[str, Any]
_ARGUMENTS = {
    "create": ("object", "fields"),
    "create_many": ("object", "rows"),
    "edit": ("object", "id", "fields"),
    "delete": ("object", "id"),
    "undelete": ("object", "id"),
    "forget": ("object", "id"),
    "deactivate_user": ("email",),
    "add_user": ("user",),
    "set_user": ("email", "properties"),
    "add_user_property": ("name",),
    "join_team": ("email", "team"),
    "leave_teams": ("email",),
    "merge": ("object", "winner_id", "loser_ids"),
    "get": ("object", "id"),
    "all": ("object",),
    "happen": ("event",),
    "seed": ("users", "people"),
    "associate": ("object", "id", "other", "other_id"),
    "dissociate": ("object", "id", "other", "other_id"),
    "set_options": ("object", "name", "options"),
    "add_list": ("name",),
    "delete_list": ("list_id",),
    "set_member": ("list_id", "id"),
    "members": ("list_id",),
    "revoke_tokens": (),
    "restore_tokens": (),
    "expire_tokens": (),
}

_SWITCHES = {"add_list": ("processing", "object_type"), "set_member": ("on",)}
"""What a verb may be given besides."""


def handle(sim: Simulator, method: str, path: str, raw: bytes) -> tuple[int, Any]:
    """(status, JSON body) of one control call; 422 with a reason on nonsense."""
    try:
        body = orjson.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        return _dispatch(sim, method, path.removeprefix("/_sim").strip("/"), body)
    except (ValueError, KeyError, TypeError) as error:
        return 422, {"error": str(error)}


def _dispatch(sim: Simulator, method: str, what: str, body: Json) -> tuple[int, Any]:
    match method, what:
        case "GET", "calls":
            return 200, {"calls": [c.json() for c in sim.calls], "billed": sim.api_calls()}
        case "POST", "calls/reset":
            sim.reset_calls()
            return 200, {"calls": [], "billed": 0}
        case "GET", "faults":
            return 200, {"faults": [r.json() for r in sim.faults.rules]}
        case "POST", "faults":
            return 201, sim.faults.add(body).json()
        case "DELETE", "faults":
            sim.faults.clear()
            return 200, {"faults": []}
        case "GET", "options":
            return 200, sim.options.json()
        case "POST", "options":
            for name, value in body.items():
                sim.options.change(name, value)
            return 200, sim.options.json()
        case "POST", "do":
            return 200, {"result": _do(sim, body)}
        case "GET", "clock":
            return 200, _clock(sim)
        case "POST", "clock":
            if "now" in body:
                sim.clock.jump(datetime.fromisoformat(str(body["now"])))
            if "rate" in body:
                sim.clock.set_rate(float(body["rate"]))
            return 200, _clock(sim)
    return 404, {"error": f"no control address {method} {what}"}


def _clock(sim: Simulator) -> Json:
    return {"now": sim.clock.now().isoformat(), "rate": sim.clock.rate}


def _do(sim: Simulator, body: Json) -> Any:
    verb = body.get("verb")
    if verb not in _ARGUMENTS:
        raise ValueError(f"unknown verb {verb}")
    needed = _ARGUMENTS[verb]
    if verb == "happen" and "event" not in body:
        # the event's own keys may stand beside the verb
        return sim.happen({k: v for k, v in body.items() if k != "verb"})
    if verb == "seed":
        needed = tuple(name for name in ("users", "people", "activities", "companies") if name in body)
    missing = [name for name in needed if name not in body]
    if missing:
        raise ValueError(f"{verb} needs {', '.join(missing)}")
    given = {name: body[name] for name in needed}
    if verb in ("create", "edit", "delete", "undelete", "merge") and body.get("user"):
        given["user"] = body["user"]
    given |= {name: body[name] for name in _SWITCHES.get(str(verb), ()) if name in body}
    if verb == "seed":
        given["people"] = [
            {**p, "created_at": datetime.fromisoformat(p["created_at"])} if p.get("created_at") else p for p in given.get("people", ())
        ]
    return getattr(sim, verb)(**given)
