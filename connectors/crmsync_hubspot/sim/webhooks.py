"""Sends signed webhook batches (signature v3) from a thread of its own, with retries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import requests

from .options import Options
from .portal import Event

Json = dict[str, Any]
BATCH = 99  # fewer than 100 events a request
TIMEOUT = 5.0
_STOP = object()


class Subscription(NamedTuple):
    """One subscription of one address; propertyChange is subscribed per property."""

    id: int
    url: str
    type: str
    property: str | None


def signature(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """Base64 HMAC-SHA256 over method + URL + body + timestamp: header X-HubSpot-Signature-v3."""
    source = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()


def parse(webhooks: Sequence[tuple[str, Sequence[str | Mapping[str, Any]]]]) -> list[Subscription]:
    """The subscriptions of the option's value; ValueError for a propertyChange without a property."""
    found: list[Subscription] = []
    for url, wanted in webhooks:
        for entry in wanted:
            if isinstance(entry, str):
                kind, _, prop = entry.partition(":")
            else:
                kind, prop = str(entry.get("subscriptionType", "")), str(entry.get("propertyName") or "")
            if kind.endswith(".propertyChange") and not prop:
                raise ValueError(f"{kind} is subscribed per property: {kind}:email")
            found.append(Subscription(1_160_000 + len(found), url, kind, prop or None))
    return found


class Webhooks:
    """Queues events as they happen, delivers them in order of arrival per address, retries failures."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.subscriptions = parse(options.webhooks)
        self.deliveries: list[tuple[str, int, int]] = []
        """(address, status or 0, number of events) per attempt."""
        self._queue: queue.Queue[Any] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()
        self._event_id = 3_029_365_631

    def start(self) -> None:
        """Begins to deliver, when anything is subscribed."""
        if self.subscriptions and self._thread is None:
            self._halt.clear()
            self._thread = threading.Thread(target=self._run, name="hubspot-sim-webhooks", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops delivering; what waits is dropped."""
        if self._thread is not None:
            self._halt.set()
            self._queue.put(_STOP)
            self._thread.join(timeout=TIMEOUT + 1)
            self._thread = None

    def hear(self, event: Event) -> None:
        """Takes an event for every subscription that wants it."""
        for sub in self.subscriptions:
            if sub.type != event.type or (sub.property is not None and sub.property != event.detail.get("propertyName")):
                continue
            self._event_id += 1
            self._queue.put((sub.url, self._body(event, sub)))

    def _body(self, event: Event, sub: Subscription) -> Json:
        source = event.actor.source
        body: Json = {
            "eventId": self._event_id,
            "subscriptionId": sub.id,
            "portalId": self.options.portal_id,
            "appId": self.options.app_id,
            "occurredAt": event.at,
            "subscriptionType": event.type,
            "attemptNumber": 0,
            "objectId": event.id,
            "changeSource": source.type,
            "sourceId": source.id,
            **event.detail,
        }
        if event.type.endswith(".creation"):
            body["changeFlag"] = "NEW"
        elif event.type.endswith(".deletion"):
            body["changeFlag"] = "DELETED"
        return body

    def wait_idle(self, seconds: float = 5.0) -> bool:
        """Waits until everything queued was delivered or given up; False when it takes longer."""
        with self._queue.all_tasks_done:
            return self._queue.all_tasks_done.wait_for(lambda: self._queue.unfinished_tasks == 0, timeout=seconds)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while True:
                items = [self._queue.get()]
                while len(items) < BATCH and not self._queue.empty():
                    items.append(self._queue.get())
                if _STOP not in items:
                    by_url: dict[str, list[Json]] = {}
                    for url, body in items:
                        by_url.setdefault(url, []).append(body)
                    for url, events in by_url.items():
                        self._deliver(session, url, events)
                for _ in items:
                    self._queue.task_done()
                if _STOP in items:
                    return

    def _deliver(self, session: requests.Session, url: str, events: list[Json]) -> None:
        for attempt in range(self.options.webhook_attempts):
            body = orjson.dumps([{**event, "attemptNumber": attempt} for event in events])
            status = self._post(session, url, body, str(max(event["occurredAt"] for event in events)))
            self.deliveries.append((url, status, len(events)))
            if 200 <= status < 300 or self._halt.wait(self.options.webhook_retry_seconds * (attempt + 1)):
                return

    def _post(self, session: requests.Session, url: str, body: bytes, timestamp: str) -> int:
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": timestamp,
            "X-HubSpot-Signature-Version": "v3",
            "X-HubSpot-Signature-v3": signature(self.options.client_secret, "POST", url, body, timestamp),
        }
        try:
            return session.post(url, data=body, headers=headers, timeout=TIMEOUT).status_code
        except requests.RequestException:
            return 0
