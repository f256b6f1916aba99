"""A new org: organisation, profiles, the integration user and the administrator, status lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.picklists import PICKLISTS
from crmsync_salesforce.sim.schema import pick

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Residents:
    """Ids that exist from the start."""

    organization: str
    integration_user: str
    admin_user: str
    standard_profile: str


def begin(org: Org, *, integration_username: str) -> Residents:
    """Fill an empty org. The integration user has a profile of its own, so permissions must be granted to it."""
    now = org.now_stamp()

    def put(name: str, **fields: Any) -> str:
        kind = org.kind(name)
        record_id = org.new_id(kind)
        audit = {"CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
        people = {"CreatedById": author, "LastModifiedById": author} if author else {}
        row = {"Id": record_id, **audit, **people, **fields}
        org.tables[kind.name].put({key: value for key, value in row.items() if value is not None})
        return record_id

    author = ""
    organization = put(
        "Organization",
        Name="Simulated Company",
        Country="US",
        DefaultLocaleSidKey="en_US",
        TimeZoneSidKey="America/Los_Angeles",
        LanguageLocaleKey="en_US",
        OrganizationType="Developer Edition",
        InstanceName="SIM1",
        IsSandbox=True,
        FiscalYearStartMonth=1,
    )
    whole_days = {f"{day}{end}Time": "00:00:00.000Z" for day in DAYS for end in ("Start", "End")}
    put("BusinessHours", Name="Default", IsActive=True, IsDefault=True, TimeZoneSidKey="America/Los_Angeles", **whole_days)
    profiles = {
        name: put("Profile", Name=name, UserType="Standard") for name in ("System Administrator", "Standard User", "Crmsync Integration")
    }
    for name, profile in profiles.items():
        put("PermissionSet", Name=f"X{profile[:15]}", Label=name, IsOwnedByProfile=True, IsCustom=False, ProfileId=profile, Type="Profile")

    def user(first: str, last: str, username: str, profile: str) -> str:
        return put(
            "User",
            Username=username,
            FirstName=first,
            LastName=last,
            Name=f"{first} {last}",
            Email=username,
            Alias=last[:8].lower(),
            CommunityNickname=username.partition("@")[0],
            IsActive=True,
            TimeZoneSidKey="America/Los_Angeles",
            LocaleSidKey="en_US",
            LanguageLocaleKey="en_US",
            EmailEncodingKey="UTF-8",
            UserType="Standard",
            ProfileId=profiles[profile],
        )

    integration = user("Integration", "User", integration_username, "Crmsync Integration")
    admin = user("Ada", "Admin", "ada.admin@simulated.example", "System Administrator")
    author = admin
    for position, entry in enumerate(PICKLISTS["Status"], 1):
        value = pick(entry)
        put(
            "LeadStatus",
            MasterLabel=value.value,
            ApiName=value.value,
            SortOrder=position,
            IsDefault=value.default,
            IsConverted=value.value == "Closed - Converted",
        )
    for position, entry in enumerate(PICKLISTS["TaskStatus"], 1):
        value = pick(entry)
        put(
            "TaskStatus",
            MasterLabel=value.value,
            ApiName=value.value,
            SortOrder=position,
            IsDefault=value.default,
            IsClosed=value.value == "Completed",
        )
    org.touch_access()
    return Residents(
        organization=organization,
        integration_user=integration,
        admin_user=admin,
        standard_profile=profiles["Standard User"],
    )
