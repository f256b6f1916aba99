"""Lifelike persons, reps, companies and activities for demos and rehearsals: always the same from the same seed."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Person = dict[str, Any]
"""The neutral keys that simulators take: email, first_name, last_name, phone, title, company, …"""

REPS = (
    ("Dana", "Whitfield", "America/New_York"), ("Marcus", "Oyelaran", "America/Chicago"), ("Priya", "Raman", "Europe/London"),
    ("Jonas", "Lindqvist", "Europe/Berlin"), ("Camille", "Faure", "Europe/Paris"), ("Sofía", "Aguirre", "America/Los_Angeles"),
    ("Kenji", "Morita", "Asia/Tokyo"), ("Aoife", "Brennan", "Europe/Dublin"), ("Tomasz", "Zieliński", "Europe/Warsaw"),
    ("Hannah", "Okafor", "America/Denver"),
)  # fmt: skip
_REP_DOMAIN = "northwind-sales.example"

# (country, dialling prefix, digits after it, first names, last names, cities with states)
_CULTURES: tuple[tuple[str, str, int, tuple[str, ...], tuple[str, ...], tuple[tuple[str, str | None], ...]], ...] = (
    ("United States", "+1", 10,
     ("Ava", "Liam", "Grace", "Ethan", "Naomi", "Caleb", "Ruth", "Miles", "Tessa", "Owen", "Jade", "Felix"),
     ("Harper", "Sullivan", "Brooks", "Carver", "Delgado", "Nguyen", "Whitaker", "Bishop", "Mercer", "Lowell", "Okafor", "Frost"),
     (("Austin", "Texas"), ("Denver", "Colorado"), ("Boston", "Massachusetts"), ("Seattle", "Washington"), ("Atlanta", "Georgia"))),
    ("Germany", "+49", 10,
     ("Lena", "Jonas", "Mia", "Felix", "Greta", "Lukas", "Hannah", "Moritz", "Käthe", "Jürgen"),
     ("Schneider", "Vogel", "Brandt", "Krüger", "Hoffmann", "Lorenz", "Böhm", "Winkler", "Seidel", "Groß"),
     (("Berlin", None), ("Munich", None), ("Hamburg", None), ("Cologne", None))),
    ("France", "+33", 9,
     ("Chloé", "Lucas", "Inès", "Hugo", "Manon", "Théo", "Zoé", "Rémi", "Élodie", "Baptiste"),
     ("Lefèvre", "Moreau", "Girard", "Rousseau", "Fontaine", "Chevalier", "Marchand", "Renaud", "Besson", "Caron"),
     (("Paris", None), ("Lyon", None), ("Nantes", None), ("Lille", None))),
    ("United Kingdom", "+44", 10,
     ("Imogen", "Rhys", "Freya", "Callum", "Poppy", "Alfie", "Niamh", "Rory", "Beatrix", "Ewan"),
     ("Ashworth", "Pemberton", "Llewellyn", "MacLeod", "Thorne", "Hargreaves", "Sinclair", "Aldridge", "Patel", "O'Connor"),
     (("London", None), ("Manchester", None), ("Edinburgh", None), ("Bristol", None))),
    ("Spain", "+34", 9,
     ("Lucía", "Mateo", "Carmen", "Álvaro", "Noa", "Iker", "Paula", "Sergio", "Marta", "Íñigo"),
     ("García", "Ibáñez", "Molina", "Navarro", "Peña", "Castillo", "Rivas", "Serrano", "Vidal", "Núñez"),
     (("Madrid", None), ("Barcelona", None), ("Valencia", None))),
    ("India", "+91", 10,
     ("Ananya", "Rohan", "Kavya", "Arjun", "Meera", "Vikram", "Isha", "Nikhil", "Divya", "Karthik"),
     ("Sharma", "Iyer", "Banerjee", "Reddy", "Kapoor", "Menon", "Joshi", "Chaudhary", "Nair", "Mehta"),
     (("Bengaluru", "Karnataka"), ("Pune", "Maharashtra"), ("Hyderabad", "Telangana"))),
    ("Brazil", "+55", 11,
     ("Beatriz", "João", "Larissa", "Thiago", "Júlia", "Rafael", "Camila", "Gustavo", "Fernanda", "Vinícius"),
     ("Silva", "Oliveira", "Araújo", "Carvalho", "Teixeira", "Moraes", "Cardoso", "Ribeiro", "Gonçalves", "Freitas"),
     (("São Paulo", None), ("Curitiba", None), ("Recife", None))),
    ("Japan", "+81", 10,
     ("Haruka", "Ren", "Yui", "Sota", "Aoi", "Daichi", "Mei", "Kaito", "Sakura", "Takumi"),
     ("Sato", "Tanaka", "Kobayashi", "Nakamura", "Ito", "Matsumoto", "Fujita", "Ogawa", "Hayashi", "Shimizu"),
     (("Tokyo", None), ("Osaka", None), ("Fukuoka", None))),
    ("Nigeria", "+234", 10,
     ("Adaeze", "Chinedu", "Folake", "Emeka", "Ngozi", "Tunde", "Amara", "Segun", "Ifeoma", "Bayo"),
     ("Okonkwo", "Adeyemi", "Balogun", "Eze", "Nwosu", "Ogunleye", "Danjuma", "Abiola", "Umeh", "Lawal"),
     (("Lagos", None), ("Abuja", None))),
)  # fmt: skip
_TITLES = (
    ("Chief Technology Officer", 3), ("Chief Marketing Officer", 2), ("CEO", 3), ("VP Sales", 4), ("VP Operations", 3),
    ("Director of Marketing", 7), ("Director of IT", 6), ("Head of Procurement", 5), ("Sales Manager", 8), ("Marketing Manager", 10),
    ("Operations Manager", 8), ("Product Manager", 7), ("Software Engineer", 9), ("Data Analyst", 8), ("Account Executive", 6),
    ("Consultant", 6), ("Office Manager", 4), ("Student", 2),
)  # fmt: skip
_COMPANY_FIRST = (
    "Bright", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iron", "Juniper", "Keystone", "Lumen", "Maple", "Nimbus", "Orchard",
    "Pioneer", "Quartz", "River", "Summit", "Tidal", "Union", "Vertex", "Willow", "Zenith", "Alder", "Beacon", "Copper",
)  # fmt: skip
_COMPANY_SECOND = ("forge", "field", "works", "point", "line", "stone", "gate", "path", "grove", "bridge", "craft", "mark")
_COMPANY_FORM = (" Ltd", " GmbH", " Inc", " SA", " Group", "", " Labs", " Partners")
_INDUSTRIES = ("Technology", "Manufacturing", "Healthcare", "Education", "Retail", "Finance", "Consulting", "Energy", "Transportation")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_EMPLOYEES = (12, 25, 40, 80, 150, 240, 320, 480, 650, 900, 1500, 4200)
_FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com")
_STREETS = ("Mill Lane", "Station Road", "Harbour Street", "Oak Avenue", "Market Square", "Canal Walk", "Hill Street", "Park Row")
_TASKS = (
    ("Send the proposal", "Two options, both with the yearly price."), ("Call back", "Asked to be called after the board meeting."),
    ("Check the contract", "Legal wants clause 7 explained."), ("Invite to the workshop", ""), ("Ask for a reference", "Their IT lead offered one."),
    ("Prepare the demo", "Show routing and the audit trail.\nBring the security sheet."),
)  # fmt: skip
_CALLS = (
    ("Intro call", "Uses spreadsheets today; wants an overview by next quarter."), ("Follow-up call", "Budget is with finance."),
    ("Call about pricing", "Compares us with two others."), ("Check-in", ""),
)  # fmt: skip
_MAILS = (
    ("Your questions about the pilot", "Hello,\n\nattached are the answers from our engineers.\n\nBest regards"),
    ("Re: Offer", "Thank you, this looks good. We will come back to you on Monday."), ("Agenda for Thursday", "Half an hour should do."),
)  # fmt: skip
_MEETINGS = (("Product demo", "Video call"), ("Kick-off", "Their office"), ("Contract review", "Video call"))
_NOTES = (
    "Decision maker is the head of operations.", "Prefers e-mail to the phone.", "Moved from another supplier last year & still cautious.",
    "Renewal in spring:\nsend the numbers before.",
)  # fmt: skip
_DISPOSITIONS = ("connected", "connected", "no_answer", "left_voicemail", "busy", "left_live_message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """users: reps for both CRMs. left, right: who is in the one CRM and in the other; most are in both, some values differ. Who is in the right
    one only has no owner yet."""

    users: tuple[Person, ...]
    left: tuple[Person, ...]
    right: tuple[Person, ...]


def population(count: int, *, now: datetime, seed: int = 7, reps: int = 8) -> Population:
    """`count` distinct persons (80 % in both CRMs, 10 % in each one alone) and up to ten reps, all created before `now`."""
    rng = random.Random(seed)
    users = tuple(
        {"email": f"{_ascii(first)}.{_ascii(last)}@{_REP_DOMAIN}", "first_name": first, "last_name": last, "time_zone": zone}
        for first, last, zone in REPS[:reps]
    )
    emails = [str(user["email"]) for user in users]
    companies = _companies(rng, max(4, count // 6))
    left: list[Person] = []
    right: list[Person] = []
    taken: set[str] = set()
    for _ in range(count):
        person = _person(rng, companies, taken, now, emails)
        where = rng.random()
        if where < 0.9:
            left.append(person)
        if where >= 0.9:
            right.append({key: value for key, value in person.items() if key != "owner_email"})
        elif where < 0.8:
            right.append(person if rng.random() < 0.7 else _otherwise(rng, person))
    return Population(users=users, left=tuple(left), right=tuple(right))


def companies(people: Iterable[Person]) -> list[dict[str, Any]]:
    """The companies that persons work for, once each, in the neutral keys name, domain, industry, employees, country."""
    made: dict[str, dict[str, Any]] = {}
    for person in people:
        name, website = person.get("company"), str(person.get("website") or "")
        if name and website:
            row = {"name": name, "domain": website.rpartition("//")[2].removeprefix("www.")}
            more = {key: person[key] for key in ("industry", "employees", "country") if person.get(key)}
            made.setdefault(str(name), {**row, **more})
    return list(made.values())


def activities(people: Iterable[Person], *, now: datetime, seed: int = 7, share: float = 0.3, most: int = 5) -> list[dict[str, Any]]:
    """What reps did and plan with that share of the persons who have an owner and an e-mail address, in the simulators' neutral keys: calls,
    e-mails, meetings and notes of the last ninety days, tasks done, overdue and to come. At most `most` per person."""
    rng = random.Random(f"activities-{seed}")
    made: list[dict[str, Any]] = []
    for person in people:
        if not person.get("email") or not person.get("owner_email") or rng.random() >= share:
            continue
        whom = {"email": person["email"], "owner_email": person["owner_email"]}
        born = person.get("created_at") or now - timedelta(days=90)
        for _ in range(rng.randint(1, most)):
            made.append({**whom, **_activity(rng, max(born, now - timedelta(days=90)), now)})
    return made


def _activity(rng: random.Random, since: datetime, now: datetime) -> dict[str, Any]:
    at = (since + (now - since) * rng.random()).replace(second=0, microsecond=0)
    kind = rng.choices(("task", "call", "email", "meeting", "note"), (8, 4, 4, 2, 2))[0]
    if kind == "task":
        subject, body = rng.choice(_TASKS)
        done = rng.random() < 0.4
        day = at.date() if done else (now + timedelta(days=rng.randint(-4, 14))).date()
        status = "completed" if done else rng.choice(("not_started", "not_started", "in_progress", "waiting"))
        more = {"due": day, "status": status, "priority": rng.choice(("normal", "normal", "high", "low")), "created_at": at}
        return {"kind": kind, "subject": subject, "body": body, **more}
    if kind == "call":
        subject, body = rng.choice(_CALLS)
        what = rng.choice(_DISPOSITIONS)
        spent = rng.randint(60, 1500) if what == "connected" else rng.randint(5, 40)
        direction = "inbound" if rng.random() < 0.25 else "outbound"
        return {
            "kind": kind,
            "subject": subject,
            "body": body,
            "at": at,
            "disposition": what,
            "duration_seconds": spent,
            "direction": direction,
        }
    if kind == "email":
        subject, body = rng.choice(_MAILS)
        return {
            "kind": kind,
            "subject": subject,
            "body": body,
            "at": at,
            "direction": "inbound" if subject.startswith("Re:") else "outbound",
        }
    if kind == "meeting":
        subject, place = rng.choice(_MEETINGS)
        ahead = rng.random() < 0.4
        start = (now + timedelta(days=rng.randint(1, 10)) if ahead else at).replace(minute=0, second=0, microsecond=0)
        end, outcome = start + timedelta(minutes=rng.choice((30, 45, 60))), "scheduled" if ahead else "completed"
        return {"kind": kind, "subject": subject, "at": start, "end": end, "location": place, "outcome": outcome, "created_at": at}
    return {"kind": kind, "body": rng.choice(_NOTES), "at": at}


def newcomer(rng: random.Random, taken: set[str], now: datetime) -> Person:
    """One more person, as a website would bring them: no owner, fit varying. `taken`: e-mail addresses in use, added to."""
    person = _person(rng, _companies(rng, 3), taken, now, [])
    person["email"] = person["email"] or f"visitor{len(taken)}@{_FREE_MAIL[0]}"
    return {**person, "kind": "lead", "created_at": now}


def _companies(rng: random.Random, count: int) -> list[Person]:
    made: dict[str, Person] = {}
    for _ in range(count):
        name = rng.choice(_COMPANY_FIRST) + rng.choice(_COMPANY_SECOND)
        culture = rng.choice(_CULTURES)
        made.setdefault(
            name,
            {
                "company": name + rng.choice(_COMPANY_FORM), "website": f"https://www.{name.lower()}.example", "culture": culture,
                "industry": rng.choice(_INDUSTRIES), "employees": rng.choice(_EMPLOYEES), "domain": f"{name.lower()}.example",
            },
        )  # fmt: skip
    return list(made.values())


def _person(rng: random.Random, companies: list[Person], taken: set[str], now: datetime, owners: list[str]) -> Person:
    company = rng.choice(companies)
    country, prefix, digits, firsts, lasts, cities = company["culture"] if rng.random() < 0.8 else rng.choice(_CULTURES)
    first, last = rng.choice(firsts), rng.choice(lasts)
    city, state = rng.choice(cities)
    title = rng.choices([t for t, _ in _TITLES], [w for _, w in _TITLES])[0]
    kind = "lead" if rng.random() < 0.7 else "contact"
    domain = rng.choice(_FREE_MAIL) if rng.random() < 0.1 else company["domain"]
    person: Person = {
        "email": _address(first, last, domain, taken) if rng.random() > 0.005 else None,
        "first_name": first, "last_name": last, "title": title, "company": company["company"], "website": company["website"],
        "phone": f"{prefix}{rng.randint(2, 9)}{rng.randrange(10 ** (digits - 1)):0{digits - 1}d}" if rng.random() < 0.85 else None,
        "street": f"{rng.randint(1, 240)} {rng.choice(_STREETS)}", "city": city, "state": state,
        "postal_code": f"{rng.randrange(10000, 99999)}", "country": country, "industry": company["industry"],
        "employees": company["employees"], "source": rng.choice(_SOURCES), "kind": kind,
        "created_at": now - timedelta(days=rng.uniform(2, 400)), "email_opt_out": True if rng.random() < 0.03 else None,
        "owner_email": rng.choice(owners) if owners else None,
    }  # fmt: skip
    return {key: value for key, value in person.items() if value is not None or key == "email"}


def _otherwise(rng: random.Random, person: Mapping[str, Any]) -> Person:
    """The same person as the other CRM has them: something older, written otherwise, or missing."""
    other = dict(person)
    change = rng.choice(("title", "phone", "city", "missing", "name"))
    if change == "title":
        other["title"] = rng.choice(_TITLES)[0]
    elif change == "phone" and "phone" in other:
        other["phone"] = f"{other['phone'][:3]} {other['phone'][3:6]} {other['phone'][6:]}"
    elif change == "city":
        other["city"] = rng.choice(rng.choice(_CULTURES)[5])[0]
    elif change == "missing":
        for key in rng.sample(("title", "phone", "street", "postal_code", "website"), 2):
            other.pop(key, None)
    else:
        other["first_name"] = _plain(str(other["first_name"]))
    return other


def _address(first: str, last: str, domain: str, taken: set[str]) -> str:
    base, number = f"{_ascii(first)}.{_ascii(last)}", 1
    address = f"{base}@{domain}"
    while address in taken:
        number += 1
        address = f"{base}{number}@{domain}"
    taken.add(address)
    return address


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ł", "l"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _ascii(text: str) -> str:
    return "".join(c for c in _plain(text).lower() if c.isascii() and c.isalnum())
