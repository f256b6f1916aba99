"""Filling a portal with users and people from neutral rows, fast enough for 100,000."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .activity import defaults
from .clock import to_ms
from .portal import Portal
from .seeding_activities import IMPORTED, industry_option, seed_activities, seed_companies
from .store import Doc, Record
from .values import as_text, is_email, iso

_DIRECT = {
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "mobile": "mobilephone",
    "title": "jobtitle",
    "company": "company",
    "website": "website",
    "street": "address",
    "city": "city",
    "state": "state",
    "postal_code": "zip",
    "country": "country",
    "industry": "industry",
}
_SOURCES = {
    "web": "ORGANIC_SEARCH",
    "organic": "ORGANIC_SEARCH",
    "search": "ORGANIC_SEARCH",
    "paid": "PAID_SEARCH",
    "advert": "PAID_SEARCH",
    "email": "EMAIL_MARKETING",
    "social": "SOCIAL_MEDIA",
    "linkedin": "SOCIAL_MEDIA",
    "referral": "REFERRALS",
    "partner": "REFERRALS",
    "direct": "DIRECT_TRAFFIC",
}
_SIZES = ((5, "1-5"), (25, "5-25"), (50, "25-50"), (100, "50-100"), (500, "100-500"), (1000, "500-1000"))


def employees_option(count: int) -> str:
    """The numemployees option of a head count."""
    return next((option for most, option in _SIZES if count <= most), "1000+")


def source_option(text: str) -> str:
    """The hs_analytics_source option that a free source text means; OFFLINE when unknown."""
    lower = text.lower()
    return next((option for word, option in _SOURCES.items() if word in lower), "OFFLINE")


def person_properties(portal: Portal, person: Mapping[str, Any]) -> dict[str, str]:
    """Contact properties of a neutral person row; ValueError on an unusable e-mail address."""
    props = {target: as_text(person[key]) for key, target in _DIRECT.items() if person.get(key)}
    if person.get("email"):
        email = str(person["email"]).strip().lower()
        if not is_email(email):
            raise ValueError(f"Email address {email} is invalid")
        props["email"] = email
    if person.get("employees"):
        props["numemployees"] = employees_option(int(person["employees"]))
    if person.get("source"):
        props["hs_analytics_source"] = source_option(str(person["source"]))
    if person.get("email_opt_out"):
        props["hs_email_optout"] = "true"
    owner = portal.owners.find(str(person["owner_email"])) if person.get("owner_email") else None
    if owner is not None:
        props["hubspot_owner_id"] = str(owner.id)
    return props


def seed(
    portal: Portal,
    users: Iterable[Mapping[str, Any]],
    people: Iterable[Mapping[str, Any]],
    activities: Iterable[Mapping[str, Any]] = (),
    companies: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Adds owners, companies, contacts, (by option) one company per company name that is not there yet, and activities, all as history:
    visible to search at once.

    ValueError on an unusable or repeated e-mail address; nothing of the people is added then.
    """
    now = portal.settle()
    _owners(portal, users, now)
    seed_companies(portal, companies, now)
    _people(portal, people, now)
    seed_activities(portal, activities, now)


def _owners(portal: Portal, users: Iterable[Mapping[str, Any]], now: int) -> None:
    for user in users:
        portal.owners.add(
            email=str(user["email"]),
            first_name=str(user.get("first_name", "")),
            last_name=str(user.get("last_name", "")),
            time_zone=user.get("time_zone"),
            working_hours=user.get("working_hours"),
            active=bool(user.get("active", True)),
            at=now,
        )


def _people(portal: Portal, people: Iterable[Mapping[str, Any]], now: int) -> None:
    owner_ids = {o.email: str(o.id) for o in portal.owners.by_id.values()}
    table = portal.tables["contacts"]
    base = defaults(table.kind, portal.options)
    records: list[Record] = []
    fresh: set[str] = set()
    firms: dict[str, Mapping[str, Any]] = {}
    employed: list[tuple[int, str]] = []
    for person in people:
        plain = {k: v for k, v in person.items() if k != "owner_email"}
        props = {**base, **person_properties(portal, plain)}
        email = props.get("email")
        if email is not None:
            if email in table.emails or email in fresh:
                raise ValueError(f"two people with the e-mail address {email}")
            fresh.add(email)
        created = to_ms(person["created_at"]) if isinstance(person.get("created_at"), datetime) else now
        owner = owner_ids.get(str(person.get("owner_email", "")).lower())
        if owner is not None:
            props["hubspot_owner_id"] = owner
            props["hubspot_owner_assigneddate"] = iso(created)
        props[f"hs_lifecyclestage_{props['lifecyclestage']}_date"] = str(created)
        record = Record(Doc(table.new_id(), created, created, props, IMPORTED))
        records.append(record)
        firm = props.get("company")
        if firm:
            firms.setdefault(firm.casefold(), person)
            employed.append((record.doc.id, firm.casefold()))
    for record in records:
        table.enter(record.doc.props, record.doc.id)
    links = _companies(portal, firms, now)
    for record_id, firm in employed:
        if firm in links:
            table_doc = next_doc(records, record_id)
            table_doc.doc.props["associatedcompanyid"] = str(links[firm])
    portal.associations.link_new("contacts", "companies", [(i, links[firm]) for i, firm in employed if firm in links])
    table.index.fill(table.add_many(records))


def next_doc(records: list[Record], record_id: int) -> Record:
    """The record of an id in a list of consecutive ids."""
    return records[record_id - records[0].doc.id]


def domain_of(person: Mapping[str, Any]) -> str:
    """The domain of a person's website, "" without one."""
    website = str(person.get("website") or "")
    return (website.partition("//")[2] or website).partition("/")[0].lower().removeprefix("www.")


def _companies(portal: Portal, firms: Mapping[str, Mapping[str, Any]], now: int) -> dict[str, int]:
    table = portal.tables["companies"]
    known = {d.props["name"].casefold(): d.id for d in (r.doc for r in table.all_live()) if "name" in d.props}
    domains = {d.props["domain"]: d.id for d in (r.doc for r in table.all_live()) if "domain" in d.props}
    industries = portal.schema.of("companies")["industry"].options
    made: list[Record] = []
    for firm, person in firms.items():
        if firm in known:
            continue
        domain = domain_of(person)
        if domain in domains:
            known[firm] = domains[domain]
        if firm in known or not portal.options.seed_companies:
            continue
        props = {"name": str(person["company"]), "lifecyclestage": portal.options.default_lifecycle_stage}
        if domain:
            domains[domain] = table.next_id
            props["domain"] = domain
            props["website"] = str(person.get("website"))
        if person.get("employees"):
            props["numberofemployees"] = str(int(person["employees"]))
        industry = industry_option(industries, str(person.get("industry") or ""))
        if industry is not None:
            props["industry"] = industry
        for key in ("city", "state", "country"):
            if person.get(key):
                props[key] = str(person[key])
        created = to_ms(person["created_at"]) if isinstance(person.get("created_at"), datetime) else now
        record = Record(Doc(table.new_id(), created, created, props, IMPORTED))
        known[firm] = record.doc.id
        made.append(record)
    table.index.fill(table.add_many(made))
    return known
