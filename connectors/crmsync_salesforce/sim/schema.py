"""The org's objects and fields: the standard tables read from their compact notation, plus what is added at run time.

Notation of the tables, one field a line: `Name type flags Label ; extras`. Types carry their length or precision:
`string(80)`, `currency(18,2)`, `int(8)`. Flags: n nillable, c createable, u updateable, d defaulted on create,
i id lookup, r restricted picklist, - none. Extras: `>A,B:Rel` refers to objects A and B under relationship Rel,
`@Compound` part of a compound field, `=List` values of that picklist, `NAME` the object's name field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from crmsync_salesforce.sim import tables_activity, tables_admin, tables_people, tables_sales
from crmsync_salesforce.sim.fields import DECIMAL_TYPES, Field, PicklistValue
from crmsync_salesforce.sim.picklists import PICKLISTS

TYPE = re.compile(r"(?P<type>\w+)(?:\((?P<a>\d+)(?:,(?P<b>\d+))?\))?")
CHILDREN: dict[tuple[str, str], tuple[str, str]] = {
    ("Account", "Contacts"): ("Contact", "AccountId"),
    ("Account", "Opportunities"): ("Opportunity", "AccountId"),
    ("Account", "Tasks"): ("Task", "WhatId"),
    ("Account", "Events"): ("Event", "WhatId"),
    ("Contact", "Tasks"): ("Task", "WhoId"),
    ("Contact", "Events"): ("Event", "WhoId"),
    ("Contact", "OpportunityContactRoles"): ("OpportunityContactRole", "ContactId"),
    ("Contact", "CampaignMembers"): ("CampaignMember", "ContactId"),
    ("Lead", "Tasks"): ("Task", "WhoId"),
    ("Lead", "Events"): ("Event", "WhoId"),
    ("Lead", "CampaignMembers"): ("CampaignMember", "LeadId"),
    ("Opportunity", "OpportunityContactRoles"): ("OpportunityContactRole", "OpportunityId"),
    ("Opportunity", "Tasks"): ("Task", "WhatId"),
    ("Opportunity", "Events"): ("Event", "WhatId"),
    ("Campaign", "CampaignMembers"): ("CampaignMember", "CampaignId"),
    ("Campaign", "CampaignMemberStatuses"): ("CampaignMemberStatus", "CampaignId"),
    ("Task", "TaskRelations"): ("TaskRelation", "TaskId"),
    ("Event", "EventRelations"): ("EventRelation", "EventId"),
    ("Group", "GroupMembers"): ("GroupMember", "GroupId"),
    ("Group", "QueueSobjects"): ("QueueSobject", "QueueId"),
    ("PermissionSet", "FieldPerms"): ("FieldPermissions", "ParentId"),
    ("PermissionSet", "ObjectPerms"): ("ObjectPermissions", "ParentId"),
    ("PermissionSet", "Assignments"): ("PermissionSetAssignment", "PermissionSetId"),
}
CASCADES: dict[str, tuple[tuple[str, str], ...]] = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Contact": (
        ("Task", "WhoId"),
        ("Event", "WhoId"),
        ("OpportunityContactRole", "ContactId"),
        ("CampaignMember", "ContactId"),
    ),
    "Lead": (("Task", "WhoId"), ("Event", "WhoId"), ("CampaignMember", "LeadId")),
    "Opportunity": (("OpportunityContactRole", "OpportunityId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Campaign": (("CampaignMember", "CampaignId"), ("CampaignMemberStatus", "CampaignId")),
    "Task": (("TaskRelation", "TaskId"), ("EmailMessage", "ActivityId")),
    "Event": (("EventRelation", "EventId"),),
    "Group": (("GroupMember", "GroupId"), ("QueueSobject", "QueueId")),
    "PermissionSet": (
        ("FieldPermissions", "ParentId"),
        ("ObjectPermissions", "ParentId"),
        ("PermissionSetAssignment", "PermissionSetId"),
    ),
}
NAME_FIELDS = ("Id", "Name", "Email", "Username", "FirstName", "LastName", "IsActive", "Type", "Title", "Phone", "ProfileId", "UserRoleId")
STANDARD = (
    ("Lead", "Leads", "00Q", tables_people.LEAD, "bm"),
    ("Contact", "Contacts", "003", tables_people.CONTACT, "bm"),
    ("Account", "Accounts", "001", tables_people.ACCOUNT, "bm"),
    ("Opportunity", "Opportunities", "006", tables_sales.OPPORTUNITY, "b"),
    ("OpportunityContactRole", "Opportunity Contact Roles", "00K", tables_sales.OPPORTUNITY_CONTACT_ROLE, "b"),
    ("Task", "Tasks", "00T", tables_activity.TASK, "b"),
    ("Event", "Events", "00U", tables_activity.EVENT, "b"),
    ("Campaign", "Campaigns", "701", tables_sales.CAMPAIGN, "b"),
    ("CampaignMember", "Campaign Members", "00v", tables_sales.CAMPAIGN_MEMBER, "b"),
    ("CampaignMemberStatus", "Campaign Member Statuses", "01Y", tables_sales.CAMPAIGN_MEMBER_STATUS, "b"),
    ("TaskRelation", "Task Relations", "0RT", tables_activity.TASK_RELATION, "b"),
    ("EventRelation", "Event Relations", "0RE", tables_activity.EVENT_RELATION, "b"),
    ("EmailMessage", "Email Messages", "02s", tables_activity.EMAIL_MESSAGE, "b"),
    ("LeadStatus", "Lead Status Values", "01J", tables_sales.LEAD_STATUS, "r"),
    ("TaskStatus", "Task Status Values", "01T", tables_sales.TASK_STATUS, "r"),
    ("User", "Users", "005", tables_admin.USER, "s"),
    ("Group", "Groups", "00G", tables_admin.GROUP, "s"),
    ("GroupMember", "Group Members", "011", tables_admin.GROUP_MEMBER, "s"),
    ("QueueSobject", "Queue Sobjects", "03g", tables_admin.QUEUE_SOBJECT, "s"),
    ("Organization", "Organizations", "00D", tables_admin.ORGANIZATION, "r"),
    ("BusinessHours", "Business Hours", "01m", tables_admin.BUSINESS_HOURS, "s"),
    ("Profile", "Profiles", "00e", tables_admin.PROFILE, "r"),
    ("PermissionSet", "Permission Sets", "0PS", tables_admin.PERMISSION_SET, "s"),
    ("PermissionSetAssignment", "Permission Set Assignments", "0Pa", tables_admin.PERMISSION_SET_ASSIGNMENT, "s"),
    ("FieldPermissions", "Field Permissions", "01k", tables_admin.FIELD_PERMISSIONS, "s"),
    ("ObjectPermissions", "Object Permissions", "110", tables_admin.OBJECT_PERMISSIONS, "s"),
)
NEEDS = {
    "TaskRelation": "shared_activities", "EventRelation": "shared_activities", "EmailMessage": "email_messages", "Campaign": "marketing",
    "CampaignMember": "marketing", "CampaignMemberStatus": "marketing",
}  # fmt: skip
"""Objects that exist only while a switch of the org is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveFacts:
    """The fields of an object sorted by what a save must check; saves are hot, schemas hardly change."""

    required: tuple[str, ...]
    unique: tuple[Field, ...]
    references: tuple[Field, ...]
    defaults: dict[str, Any]

    @staticmethod
    def of(fields: Iterable[Field]) -> SaveFacts:
        """Sort the fields."""
        known = tuple(fields)
        defaults: dict[str, Any] = {}
        for entry in known:
            value = entry.default if entry.default is not None else entry.default_pick
            if value is not None:
                defaults[entry.name] = value
        return SaveFacts(
            required=tuple(
                entry.name for entry in known if not entry.nillable and entry.type != "boolean" and (entry.createable or entry.updateable)
            ),
            unique=tuple(entry for entry in known if entry.unique),
            references=tuple(entry for entry in known if entry.type == "reference"),
            defaults=defaults,
        )


@dataclass(slots=True, kw_only=True)
class ObjectType:
    """One object of the org. `fields` is keyed by lower-case field name: the API's names are case-blind."""

    name: str
    label: str
    plural: str
    prefix: str
    custom: bool = False
    mergeable: bool = False
    business: bool = True
    writable: bool = True
    tooling: bool = False
    fields: dict[str, Field] = field(default_factory=dict)
    parents: dict[str, Field] = field(default_factory=dict)
    _kept: SaveFacts | None = None

    def add(self, definition: Field) -> None:
        """Add or replace a field."""
        self._kept = None
        self.fields[definition.name.lower()] = definition
        if definition.relationship:
            self.parents[definition.relationship.lower()] = definition

    def drop(self, name: str) -> None:
        """Remove a field."""
        self._kept = None
        gone = self.fields.pop(name.lower())
        if gone.relationship:
            self.parents.pop(gone.relationship.lower(), None)

    @property
    def save_facts(self) -> SaveFacts:
        """What saving asks of the fields, worked out once per schema."""
        if self._kept is None:
            self._kept = SaveFacts.of(self.fields.values())
        return self._kept

    def has(self, name: str) -> bool:
        """Whether the object has the field at all."""
        return name.lower() in self.fields


@cache
def parse_table(text: str) -> tuple[Field, ...]:
    """The fields of one table in the compact notation above."""
    return tuple(_parsed(text))


def _parsed(text: str) -> Iterable[Field]:
    for line in text.strip().splitlines():
        if not line.strip():
            continue
        head, _, extras = line.partition(" ; ")
        name, kind, flags, label = head.split(None, 3)
        matched = TYPE.fullmatch(kind)
        if matched is None:
            raise ValueError(f"bad type in table line: {line}")
        type_, a, b = matched["type"], int(matched["a"] or 0), int(matched["b"] or 0)
        decimal, integral = type_ in DECIMAL_TYPES, type_ == "int"
        references: tuple[str, ...] = ()
        relationship = compound = None
        values: tuple[PicklistValue, ...] = ()
        for extra in extras.split():
            if extra.startswith(">"):
                targets, _, rel = extra[1:].partition(":")
                references, relationship = tuple(targets.split(",")), rel or None
            elif extra.startswith("@"):
                compound = extra[1:]
            elif extra.startswith("="):
                values = tuple(pick(entry) for entry in PICKLISTS[extra[1:]])
        yield Field(
            name=name,
            label=label,
            type=type_,
            length=0 if decimal or integral else a,
            precision=a if decimal else 0,
            scale=b if decimal else 0,
            digits=a if integral else 0,
            nillable="n" in flags,
            createable="c" in flags,
            updateable="u" in flags,
            defaulted="d" in flags,
            id_lookup="i" in flags,
            restricted="r" in flags,
            references=references,
            relationship=relationship,
            compound=compound,
            name_field="NAME" in extras.split(),
            picklist=values,
            formula=None,
        )


def pick(entry: str) -> PicklistValue:
    """A picklist value from its compact form; a trailing asterisk marks the default."""
    value = entry.removesuffix("*")
    return PicklistValue(value=value, label=value, default=entry.endswith("*"))


def standard_objects() -> dict[str, ObjectType]:
    """A new org's objects by lower-case name, the Tooling API's CustomField included."""
    objects: dict[str, ObjectType] = {}
    for name, plural, prefix, table, kind in (*STANDARD, ("CustomField", "Custom Fields", "00N", tables_admin.CUSTOM_FIELD, "t")):
        label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
        made = ObjectType(
            name=name,
            label=label,
            plural=plural,
            prefix=prefix,
            mergeable="m" in kind,
            business="b" in kind,
            writable="r" not in kind and "t" not in kind,
            tooling="t" in kind,
        )
        for definition in parse_table(table):
            made.add(definition)
        objects[name.lower()] = made
    return objects
