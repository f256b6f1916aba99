"""What a campaign's member statuses mean."""

from __future__ import annotations

from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.store import Row

FIRST = (("Sent", False), ("Responded", True))


def begin(org: Org, campaign: Row, user: str) -> None:
    """A new campaign knows the statuses Sent (default) and Responded. [GK]"""
    kind = org.kind("CampaignMemberStatus")
    now = org.now_stamp()
    audit = {"CreatedDate": now, "CreatedById": user, "LastModifiedDate": now, "LastModifiedById": user, "SystemModstamp": now}
    for position, (label, responded) in enumerate(FIRST, 1):
        row = {"Id": org.new_id(kind), "CampaignId": campaign["Id"], "Label": label, "SortOrder": position, "IsDefault": not responded}
        org.tables[kind.name].put({**row, "HasResponded": responded, **audit})


def responded(org: Org, member: Row) -> bool:
    """Whether a member's status counts as a response: as the campaign's own status of that label says, else by the label Responded."""
    wanted = str(member.get("Status") or "").casefold()
    for found in org.tables["CampaignMemberStatus"].find("CampaignId", member.get("CampaignId")):
        row = org.live_row("CampaignMemberStatus", found)
        if row is not None and str(row.get("Label")).casefold() == wanted:
            return bool(row.get("HasResponded"))
    return wanted == "responded"
