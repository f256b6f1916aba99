"""Lead-to-account matching (process.md R1): the company of the CRMs that a person belongs to, and who owns it.

Companies are found by an index of words in the store, which is kept while a rule of the playbook matches accounts, and made anew from all known companies
when the first such rule comes. Nothing here asks a CRM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog

from crmsync.decide.account import Shared
from crmsync.decide.belong import COMPANY
from crmsync.decide.company import company_domain
from crmsync.decide.likeness import finders, key_likeness, name_key
from crmsync.decide.route import usable
from crmsync.engine.world import World
from crmsync.model.link import Twin
from crmsync.model.record import Fields, Value
from crmsync.model.verdict import AccountMatch
from crmsync.store.bulk import chunks

log = structlog.get_logger(__name__)

INDEX = "accounts indexed"
"""Set while the words of all companies are kept: how they were made."""
FORM = 1
"""Of the words: another one has all of them made anew."""
AT_MOST = 200
"""Companies that a word may be shared by to lead to candidates, and candidates whose names are compared."""
LINKED, DOMAIN, NAME = "linked", "domain", "name"
_DOMAIN = "@"
"""Before a domain in the index."""
_AT_ONCE = 1_000


class Accounts:
    """The companies that the persons of one batch may belong to. Asks nothing of the store before the first `of`."""

    def __init__(self, world: World) -> None:
        self._world = world
        rules = [rule.account for rule in world.playbook.routing.rules if rule.account is not None]
        self._by = {by for rule in rules for by in rule.by}
        self._similar = min((rule.similar for rule in rules if NAME in rule.by), default=100.0)
        self._on = matches_accounts(world)
        self._shared = Shared(world.lists)
        self._machines = {world.owners.house_of.get(one) for one in world.integration}
        self._seen: dict[tuple[str, str], list[tuple[str, float]]] = {}
        self._ready = False

    def of(self, facts: Fields, linked: Sequence[str] = ()) -> AccountMatch | None:
        """Whose account that person belongs to: the company that one of their records belongs to, else one with the domain of their e-mail address or website,
        else the one whose name is most like their company's. None where nobody owns such a one, or no rule asks. linked: ids of companies, the leading one first."""
        if not self._on:
            return None
        if not self._ready:
            index_companies(self._world)
            self._ready = True
        for by, found in self._steps(facts, linked):
            match = self._owned(by, found, facts)
            if match is not None:
                return match
        return None

    def _steps(self, facts: Fields, linked: Sequence[str]) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """(how, [(company, how alike)]): each step is only taken when those before it led to nobody."""
        yield LINKED, [(id, 100.0) for id in linked]
        if DOMAIN in self._by:
            for value in (facts.get("email"), facts.get("website")):
                for domain in above(self._shared.domain(value)):
                    yield DOMAIN, self._having(DOMAIN, domain)
        if NAME in self._by:
            yield NAME, self._having(NAME, name_key(facts.get("company")))

    def _having(self, by: str, text: str) -> list[tuple[str, float]]:
        if not text:
            return []
        if (by, text) not in self._seen:
            self._seen[by, text] = self._domain(text) if by == DOMAIN else self._named(text)
        return self._seen[by, text]

    def _domain(self, domain: str) -> list[tuple[str, float]]:
        return [(id, 100.0) for id in self._world.store.company_words.having([_DOMAIN + domain], AT_MOST).get(_DOMAIN + domain, ())]

    def _named(self, key: str) -> list[tuple[str, float]]:
        """Companies with names like it, the most alike only; those of the rarest words are compared first."""
        words = self._world.store.company_words
        same = words.having([f"={key}"], AT_MOST)
        if same:
            return [(id, 100.0) for id in same[f"={key}"]]
        found = words.having(finders(key), AT_MOST + 1)
        candidates: dict[str, None] = {}
        for ids in sorted(found.values(), key=len):
            if len(ids) > AT_MOST or len(candidates) + len(ids) > 2 * AT_MOST:
                break
            candidates.update(dict.fromkeys(ids))
        scored = {id: key_likeness(key, name.removeprefix("=")) for id, name in words.beginning(list(candidates), "=")}
        best = max(scored.values(), default=0.0)
        return [(id, best) for id, score in scored.items() if score == best >= self._similar]

    def _owned(self, by: str, found: Sequence[tuple[str, float]], facts: Fields) -> AccountMatch | None:
        """Of several: one whose owner may own somebody, in the person's country, known to more CRMs, linked first; then by id."""
        twins = self._world.store.twins.get([id for id, _ in found]) if found else {}
        country = _folded(facts.get("country"))
        ranked: list[tuple[tuple[object, ...], AccountMatch]] = []
        for place, (id, similar) in enumerate(found):
            twin = twins.get(id)
            owner = twin.state.outputs.get("owner") if twin is not None and twin.kind == COMPANY else None
            if twin is None or not isinstance(owner, str) or owner in self._machines or self._world.owners.machine(owner):
                continue
            told = twin.state.outputs
            rank = (
                not usable(owner, self._world.owners.users), not country or _folded(told.get("country")) != country,
                place if by == LINKED else 0, -len(twin.state.anchors), id,
            )  # fmt: skip
            ranked.append(
                (rank, AccountMatch(owner=owner, company=str(told.get("name") or told.get("domain") or id), by=by, similar=similar))
            )
        return min(ranked, key=lambda one: one[0])[1] if ranked else None


def matches_accounts(world: World) -> bool:
    """Whether a rule matches leads to accounts, and companies are seen at all."""
    return COMPANY in world.kinds.maps and any(rule.account is not None for rule in world.playbook.routing.rules)


def note_companies(world: World, twins: Iterable[Twin]) -> None:
    """Keeps the index with what these companies tell now, in the caller's transaction. Others than companies are passed over."""
    companies = [twin for twin in twins if twin.kind == COMPANY]
    if companies and matches_accounts(world) and world.store.get(INDEX) == FORM:
        world.store.company_words.put({twin.twin_id: words_of(twin.state.outputs) for twin in companies})


def forget_companies(world: World, twin_ids: Sequence[str]) -> None:
    """Companies that are no more, in the caller's transaction."""
    if twin_ids and COMPANY in world.kinds.maps:
        world.store.company_words.drop(twin_ids)


def index_companies(world: World) -> int:
    """Makes the index where it is wanted and not there, and drops it where no rule asks any more; returns how many companies were indexed. Costs nothing when
    it is as it should be."""
    store = world.store
    wanted, known = FORM if matches_accounts(world) else None, store.get(INDEX)
    if wanted == known:
        return 0
    count = 0
    with store.begin():
        store.company_words.clear()
        if wanted is not None:
            for part in chunks(store.twins.iter_ids(), _AT_ONCE):
                companies = [twin for twin in store.twins.get(part).values() if twin.kind == COMPANY]
                store.company_words.put({twin.twin_id: words_of(twin.state.outputs) for twin in companies})
                count += len(companies)
        store.put(INDEX, wanted)
    log.info("companies indexed", count=count)
    return count


def words_of(told: Mapping[str, Value]) -> frozenset[str]:
    """Under which words a company is found, by what it tells."""
    domains = {company_domain(told.get(name)) for name in ("domain", "website")} - {""}
    return frozenset({_DOMAIN + domain for domain in domains} | set(finders(name_key(told.get("name")))))


def above(domain: str) -> Iterator[str]:
    """The domain and those above it, down to two names: "eu.acme.example", "acme.example"."""
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def _folded(value: Value) -> str:
    return value.strip().casefold() if isinstance(value, str) else ""
