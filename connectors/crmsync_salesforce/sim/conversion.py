"""Lead conversion: what convertLead leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crmsync_salesforce.sim import relations, saving
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.removal import reparent
from crmsync_salesforce.sim.store import Row

TO_CONTACT = {
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Salutation": "Salutation",
    "Email": "Email",
    "Phone": "Phone",
    "MobilePhone": "MobilePhone",
    "Fax": "Fax",
    "Title": "Title",
    "LeadSource": "LeadSource",
    "Description": "Description",
    "HasOptedOutOfEmail": "HasOptedOutOfEmail",
    "DoNotCall": "DoNotCall",
    "Street": "MailingStreet",
    "City": "MailingCity",
    "State": "MailingState",
    "PostalCode": "MailingPostalCode",
    "Country": "MailingCountry",
}
TO_ACCOUNT = {
    "Company": "Name",
    "Website": "Website",
    "Phone": "Phone",
    "Industry": "Industry",
    "NumberOfEmployees": "NumberOfEmployees",
    "AnnualRevenue": "AnnualRevenue",
    "Street": "BillingStreet",
    "City": "BillingCity",
    "State": "BillingState",
    "PostalCode": "BillingPostalCode",
    "Country": "BillingCountry",
}


def convert(
    org: Org,
    lead_id: str,
    saver: Saver,
    *,
    account_id: str | None = None,
    contact_id: str | None = None,
    opportunity: bool = False,
    status: str | None = None,
) -> str:
    """Convert a lead and return the contact's id. [D: sforce-api-calls-convertlead]

    Fields of an existing contact that hold a value are not overwritten. The lead's tasks, events and campaign memberships
    move to the contact; custom fields of the same name are copied when the option says that a lead field mapping exists.
    """
    kind = org.kind("Lead")
    lead = saving.find(org, kind, lead_id)
    if lead.get("IsConverted"):
        raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])
    owner = lead["OwnerId"]
    if owner.startswith("00G"):
        raise SalesforceError("INVALID_FIELD", "a lead owned by a queue needs an owner before conversion", fields=["OwnerId"])
    quiet = Saver(user=saver.user, channel="system")
    account = account_id or saving.create(org, "Account", _mapped(lead, TO_ACCOUNT, {"OwnerId": owner}), quiet)
    values = _mapped(lead, TO_CONTACT, {"AccountId": account, "OwnerId": owner})
    if org.options.convert_maps_custom:
        contact_kind = org.kind("Contact")
        for field in kind.fields.values():
            if field.custom and contact_kind.has(field.name) and lead.get(field.name) is not None:
                values[field.name] = lead[field.name]
    if contact_id is None:
        contact = saving.create(org, "Contact", values, quiet)
    else:
        contact = contact_id
        old = saving.find(org, org.kind("Contact"), contact)
        saving.update(org, "Contact", contact, {key: value for key, value in values.items() if old.get(key) is None}, quiet)
    deal = _opportunity(org, lead, account, contact, quiet) if opportunity else None
    for name in ("Task", "Event"):
        changes = {"WhoId": contact, "WhatId": deal or account}
        reparent(org, name, "WhoId", lead["Id"], changes, quiet)
    relations.move(org, lead["Id"], contact, saver.user)
    reparent(org, "CampaignMember", "LeadId", lead["Id"], {"ContactId": contact}, quiet)
    now = org.now_stamp()
    closed = status or next(row["MasterLabel"] for row in org.tables["LeadStatus"].rows.values() if row.get("IsConverted"))
    converted = {
        **lead,
        "IsConverted": True,
        "ConvertedDate": now[:10],
        "ConvertedAccountId": account,
        "ConvertedContactId": contact,
        "ConvertedOpportunityId": deal,
        "Status": closed,
        "SystemModstamp": now,
        "LastModifiedDate": now,
        "LastModifiedById": saver.user,
    }
    org.commit(kind, converted, action="convert", user=saver.user)
    return contact


def _mapped(lead: Row, mapping: dict[str, str], more: dict[str, Any]) -> dict[str, Any]:
    values = {target: lead[source] for source, target in mapping.items() if lead.get(source) is not None}
    return {**values, **more}


def _opportunity(org: Org, lead: Row, account: str, contact: str, saver: Saver) -> str:
    today = org.clock.now().date()
    fields = {
        "Name": f"{lead.get('Company')}-",
        "AccountId": account,
        "StageName": "Prospecting",
        "CloseDate": (today + timedelta(days=90)).isoformat(),
        "LeadSource": lead.get("LeadSource"),
        "OwnerId": lead["OwnerId"],
    }
    deal = saving.create(org, "Opportunity", fields, saver)
    saving.create(org, "OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True}, saver)
    return deal
