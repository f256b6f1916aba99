"""Communication-preferences API, v3 and v4: the only way by which an app changes hs_email_optout."""

from __future__ import annotations

from typing import Any

from .errors import no_resource, plain, validation
from .portal import SYSTEM, Portal
from .store import Record, Source
from .values import as_text, is_email, iso
from .wire import Call, Json, Reply, inputs_of

SUBSCRIPTIONS = {237525689: "One to One", 237525690: "Marketing Information"}
_BATCH_LIMIT = 100


class Preferences:
    """Subscription states by e-mail address; people need not be contacts."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._opted_out_by_api: set[str] = set()
        self._states: dict[str, dict[int, str]] = {}

    def handle(self, call: Call) -> Reply:
        """Everything under /communication-preferences/{v3|v4|dated}."""
        allowed = self.portal.options.preferences_api
        version = "v3" if call.version == "v3" else "v4"
        if allowed not in (version, "both"):
            raise no_resource()
        if call.parts == ["definitions"] and call.method == "GET":
            return Reply(body=self._definitions(version))
        return self._v3(call) if version == "v3" else self._v4(call)

    @staticmethod
    def _definitions(version: str) -> Json:
        rows = [
            {
                "id": str(number),
                "name": name,
                "description": f"{name} e-mails",
                "purpose": "Marketing",
                "communicationMethod": "Email",
                "isActive": True,
                "isDefault": True,
                "isInternal": number == 237525689,
                "createdAt": "2019-08-06T02:41:09.131Z",
                "updatedAt": "2019-08-06T02:41:09.131Z",
            }
            for number, name in SUBSCRIPTIONS.items()
        ]
        return {"subscriptionDefinitions": rows} if version == "v3" else {"status": "COMPLETE", "results": rows}

    # -- v3 ---------------------------------------------------------------------------------------------------------
    def _v3(self, call: Call) -> Reply:
        if call.method == "GET" and call.parts[:2] == ["status", "email"] and len(call.parts) == 3:
            email = _address(call.parts[2])
            rows = [self._v3_row(email, number) for number in SUBSCRIPTIONS]
            return Reply(body={"recipient": email, "subscriptionStatuses": rows})
        if call.method == "POST" and call.parts in (["unsubscribe"], ["subscribe"]):
            body = call.json()
            email, number = _address(as_text(body.get("emailAddress"))), _subscription(body.get("subscriptionId"))
            state = "UNSUBSCRIBED" if call.parts == ["unsubscribe"] else "SUBSCRIBED"
            self._set(call, email, number, state)
            return Reply(body=self._v3_row(email, number))
        raise no_resource()

    def _v3_row(self, email: str, number: int) -> Json:
        state = self._state(email, number)
        return {
            "id": str(number),
            "name": SUBSCRIPTIONS[number],
            "description": f"{SUBSCRIPTIONS[number]} e-mails",
            "status": "NOT_SUBSCRIBED" if state == "UNSUBSCRIBED" else "SUBSCRIBED",
            "sourceOfStatus": "PORTAL_WIDE_STATUS" if self.opted_out(email) else "SUBSCRIPTION_STATUS",
        }

    # -- v4 ---------------------------------------------------------------------------------------------------------
    def _v4(self, call: Call) -> Reply:
        if call.parts[:1] != ["statuses"] or len(call.parts) < 2:
            raise no_resource()
        if call.parts[1] == "batch":
            return self._v4_batch(call, call.parts[2:])
        email = _address(call.parts[1])
        rest = call.parts[2:]
        if rest == ["unsubscribe-all"]:
            _demand_channel(call)
            if call.method == "POST":
                self.opt_out(call, email)
            elif call.method != "GET":
                raise no_resource()
            return Reply(body={"status": "COMPLETE", "results": [self._wide_row(email, call)]})
        if rest:
            raise no_resource()
        if call.method == "POST":
            body = call.json()
            state = as_text(body.get("statusState"))
            if state not in ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"):
                raise validation(f"statusState {state} is not one of SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED")
            number = _subscription(body.get("subscriptionId"))
            self._set(call, email, number, state)
            return Reply(body={"status": "COMPLETE", "results": [self._v4_row(email, number, call)]})
        if call.method != "GET":
            raise no_resource()
        _demand_channel(call)
        return Reply(body={"status": "COMPLETE", "results": [self._v4_row(email, n, call) for n in SUBSCRIPTIONS]})

    def _v4_batch(self, call: Call, verb: list[str]) -> Reply:
        if call.method != "POST" or verb not in (["read"], ["unsubscribe-all"], ["unsubscribe-all", "read"]):
            raise no_resource()
        raw = call.json().get("inputs")
        body = {"inputs": [i if isinstance(i, dict) else {"id": i} for i in raw]} if isinstance(raw, list) else {}
        emails = [_address(as_text(i.get("id") or i.get("subscriberIdString"))) for i in inputs_of(body, _BATCH_LIMIT)]
        results = []
        for email in emails:
            if verb == ["unsubscribe-all"]:
                self.opt_out(call, email)
            rows = [self._v4_row(email, n, call) for n in SUBSCRIPTIONS] if verb == ["read"] else [self._wide_row(email, call)]
            results.append({"subscriberIdString": email, "statuses": rows})
        return Reply(body={"status": "COMPLETE", "results": results, "startedAt": iso(call.now), "completedAt": iso(call.now)})

    def _v4_row(self, email: str, number: int, call: Call) -> Json:
        return {
            "channel": "EMAIL",
            "subscriberIdString": email,
            "subscriptionId": number,
            "subscriptionName": SUBSCRIPTIONS[number],
            "status": self._state(email, number),
            "source": "API",
            "timestamp": iso(call.now),
        }

    def _wide_row(self, email: str, call: Call) -> Json:
        return {
            "channel": "EMAIL",
            "subscriberIdString": email,
            "status": "UNSUBSCRIBED" if self.opted_out(email) else "SUBSCRIBED",
            "wideStatusType": "PORTAL_WIDE",
            "timestamp": iso(call.now),
        }

    # -- states -----------------------------------------------------------------------------------------------------
    def opted_out(self, email: str) -> bool:
        """Whether the address is out of all e-mail."""
        record = self._contact(email)
        if record is None:
            return email in self._opted_out_by_api
        return record.doc.props.get("hs_email_optout") == "true"

    def opt_out(self, call: Call, email: str) -> None:
        """Takes an address out of all e-mail."""
        self._opted_out_by_api.add(email)
        self._write(call, email, {"hs_email_optout": "true"})

    def _state(self, email: str, number: int) -> str:
        if self.opted_out(email):
            return "UNSUBSCRIBED"
        return self._states.get(email, {}).get(number, "NOT_SPECIFIED")

    def _set(self, call: Call, email: str, number: int, state: str) -> None:
        out = self.opted_out(email)
        if state == "SUBSCRIBED" and out:
            if not self.portal.options.resubscribe_allowed:
                raise plain(400, f"{email} has unsubscribed from all email and cannot be resubscribed through the API", "VALIDATION_ERROR")
            self._opted_out_by_api.discard(email)
            self._write(call, email, {"hs_email_optout": "false"})
        states = self._states.setdefault(email, {})
        states[number] = state
        self._write(call, email, {f"hs_email_optout_{number}": "true" if state == "UNSUBSCRIBED" else "false"})
        everything = all(states.get(n) == "UNSUBSCRIBED" for n in SUBSCRIPTIONS)
        if everything and not out and self.portal.options.optout_when_all_unsubscribed:
            self.opt_out(call, email)

    def _contact(self, email: str) -> Record | None:
        table = self.portal.tables["contacts"]
        found = table.emails.get(email)
        return table.records[found] if found is not None else None

    def _write(self, call: Call, email: str, changes: dict[str, Any]) -> None:
        record = self._contact(email)
        if record is None:
            return
        table = self.portal.tables["contacts"]
        wanted = {k: v for k, v in changes.items() if k in self.portal.schema.of("contacts")}
        actor = SYSTEM._replace(name="integration", source=Source("EMAIL", str(self.portal.options.app_id), "Communication preferences"))
        self.portal.write(table, record, wanted, actor, call.now)


def _demand_channel(call: Call) -> None:
    if (call.one("channel") or "").upper() != "EMAIL":
        raise validation("channel must be EMAIL")


def _address(text: str) -> str:
    email = text.strip().lower()
    if not is_email(email):
        raise validation(f"{text} is not a valid email address")
    return email


def _subscription(value: Any) -> int:
    text = as_text(value)
    if not text.isdigit() or int(text) not in SUBSCRIPTIONS:
        raise plain(404, f"Subscription {text} does not exist", "OBJECT_NOT_FOUND")
    return int(text)
