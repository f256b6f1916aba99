"""What a company is recognised by: its domain and its name, less what differs between two spellings of one and the same. Pure."""

from __future__ import annotations

from collections.abc import Collection

from crmsync.decide.condition import domain_of, fold_words
from crmsync.model.record import Value

LEGAL_FORMS = frozenset(
    {
        "ab", "ag", "aps", "as", "asa", "bv", "bvba", "co", "company", "corp", "corporation", "doo", "eg", "ek", "ev", "gbr", "ggmbh", "gmbh",
        "haftungsbeschrankt", "inc", "incorporated", "kft", "kg", "kgaa", "kk", "lda", "limited", "llc", "llp", "lp", "ltd", "ltda", "mbh", "nv",
        "ohg", "oy", "oyj", "plc", "pte", "pty", "sa", "sarl", "sas", "se", "sl", "spa", "spzoo", "sro", "srl", "ug",
    }
)  # fmt: skip
"""Words at the end of a company's name that say nothing but its legal form, folded as `fold_words` does."""
_BETWEEN = frozenset({"and", "und", "et"})


def company_domain(value: Value, free: Collection[str] = ()) -> str:
    """The domain of a web or e-mail address, without scheme, "www." and path; "" where there is none, or where it is everybody's (free mail)."""
    domain = domain_of(value) if isinstance(value, str) else ""
    return "" if domain in free else domain


def company_name(value: Value) -> str:
    """A name's words without case, accents, punctuation and legal forms at the end: "ACME Holding GmbH & Co. KG" is "acme holding". A name
    that is nothing but legal forms stays as it is; "" where there is none."""
    words = fold_words(value).split() if isinstance(value, str) else []
    kept = list(words)
    while kept and (kept[-1] in LEGAL_FORMS or (kept[-1] in _BETWEEN and len(kept) < len(words))):
        kept.pop()
    return " ".join(kept or words)


def alike(left: Collection[str], right: Collection[str]) -> bool:
    """Whether two records with these addresses ("domain:acme.example", "name:acme") may be one company: they share one, and their domains do
    not contradict each other."""
    domains = [{a for a in addresses if a.startswith("domain:")} for addresses in (left, right)]
    return bool(set(left) & set(right)) and not (all(domains) and domains[0] != domains[1])
