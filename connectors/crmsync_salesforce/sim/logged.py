"""Live events on a person's timeline: an e-mail that came in, a call that a rep logged, a meeting that was booked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crmsync_salesforce.sim import saving
from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.seeding_activities import DISPOSITIONS, chosen
from crmsync_salesforce.sim.store import Row

EMAILS = frozenset({"email_reply", "email_received"})
KINDS = EMAILS | {"call_logged", "meeting_booked"}


def log(org: Org, person: Row, event: Mapping[str, Any], at: datetime, rep: str) -> str:
    """Saves the activity as that user (an id); its id. name: the subject; text: what stands in it; outcome: a call's, as a neutral word; start: when a
    meeting begins (default an hour after `at`). ValueError for nonsense."""
    saver = Saver(user=rep, channel="ui")
    name, text = str(event.get("name") or ""), event.get("text") or None
    whom = {"WhoId": person["Id"], "OwnerId": rep}
    if event["type"] == "meeting_booked":
        start = event.get("start") or at + timedelta(hours=1)
        start = start if isinstance(start, datetime) else parse_moment(str(start))
        times = {"StartDateTime": start, "EndDateTime": start + timedelta(minutes=30)}
        return saving.create(org, "Event", {**whom, **times, "Subject": (name or "Meeting")[:255], "Description": text}, saver)
    done = {**whom, "Status": "Completed", "ActivityDate": at.date(), "CompletedDateTime": at, "Description": text}
    if event["type"] == "call_logged":
        call = {"TaskSubtype": "Call", "CallType": "Outbound", "CallDisposition": chosen(DISPOSITIONS, event, "outcome")}
        return saving.create(org, "Task", {**done, **call, "Subject": (name or "Call")[:255]}, saver)
    subject = name or "Re: your message"
    task = saving.create(org, "Task", {**done, "TaskSubtype": "Email", "Subject": f"Email: {subject}"[:255]}, saver)
    if org.options.email_messages:
        message = {"ActivityId": task, "Subject": subject, "FromAddress": person.get("Email"), "Incoming": True, "TextBody": text}
        saving.create(org, "EmailMessage", {**message, "Status": "1", "MessageDate": at}, saver)
    return task
