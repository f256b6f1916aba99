"""What a campaign's member statuses mean."""

from __future__ import annotations

from crmsync_salesforce.sim.errors import SalesforceError
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


def check(org: Org, member: Row) -> None:
    """A new member is a lead or a contact, and neither is a member of the campaign yet: the create changes nothing then. [D: CampaignMember]"""
    if member.get("ContactId") and member.get("LeadId"):
        member["LeadId"] = None  # "Any attempt to create a single record with both … only the ContactId is inserted"
    field = "ContactId" if member.get("ContactId") else "LeadId"
    if not member.get(field):
        raise SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId]", fields=["LeadId"])
    for other in org.tables["CampaignMember"].find(field, member[field]):
        row = org.live_row("CampaignMember", other)
        if row is not None and row["Id"] != member["Id"] and row["CampaignId"] == member["CampaignId"]:
            raise SalesforceError("DUPLICATE_VALUE", "Already a campaign member.", fields=[])  # the words: 3P


def doubled(org: Org, field: str, loser: str, winner: str) -> list[Row]:
    """Memberships of a record about to be merged whose campaigns its survivor is a member of already. [GK: one of the two stays]"""
    table = org.tables["CampaignMember"]

    def live(person: str) -> list[Row]:
        return [row for id in table.find(field, person) if (row := org.live_row("CampaignMember", id)) is not None]

    kept = {row["CampaignId"] for row in live(winner)}
    return [row for row in live(loser) if row["CampaignId"] in kept]


def of(org: Org, campaign_id: str) -> list[Row]:
    """The live members of a campaign."""
    found = (org.live_row("CampaignMember", id) for id in org.tables["CampaignMember"].find("CampaignId", campaign_id))
    return [row for row in found if row is not None]


def of_person(org: Org, person_id: str) -> list[Row]:
    """The campaigns that a lead or contact is a member of."""
    table = org.tables["CampaignMember"]
    ids = [id for field in ("LeadId", "ContactId") for id in table.find(field, person_id)]
    members = [row for id in dict.fromkeys(ids) if (row := org.live_row("CampaignMember", id)) is not None]
    found = (org.live_row("Campaign", row["CampaignId"]) for row in members)
    return [row for row in found if row is not None]


def responded(org: Org, member: Row) -> bool:
    """Whether a member's status counts as a response: as the campaign's own status of that label says, else by the label Responded."""
    wanted = str(member.get("Status") or "").casefold()
    for found in org.tables["CampaignMemberStatus"].find("CampaignId", member.get("CampaignId")):
        row = org.live_row("CampaignMemberStatus", found)
        if row is not None and str(row.get("Label")).casefold() == wanted:
            return bool(row.get("HasResponded"))
    return wanted == "responded"
