"""Where alerts go: names of receivers to settings, CRMSYNC_ALERTS__<NAME>, and what is wrong with those (`crmsync check`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from crmsync.connect import Finding
from crmsync.connect.discovery import options_for, prefix_of
from crmsync.errors import ConfigError
from crmsync.model.alert import CHANNEL, MANAGER, OWNER, AlertRules, address_for, person_of

NAME = "alerts"
PERSON = "person"
"""The setting with the address for owners and managers."""
EMAIL = "{email}"
_SAMPLE = "rita@acme.example"
_ODD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place where messages arrive. setting: the end of its setting's name, lower case. person: e-mail address, None of a channel. addresses: the names under
    which the store keeps alerts for it."""

    setting: str
    addresses: tuple[str, ...]
    person: str | None = None


def target_of(address: str) -> Target:
    """Of a receiver's name as the store keeps it. Somebody who is an owner and a manager is one target."""
    person = person_of(address)
    if person is None:
        return Target(setting=option_of(address.removeprefix(f"{CHANNEL}:")), addresses=(address,))
    return Target(setting=PERSON, addresses=(address_for(OWNER, person), address_for(MANAGER, person)), person=person)


def option_of(channel: str) -> str:
    """A channel's name as it stands at the end of its setting's name, lower case: "east-coast" is east_coast."""
    return _ODD.sub("_", channel.lower()).strip("_")


def setting_of(option: str) -> str:
    """The whole name of the setting."""
    return f"{prefix_of(NAME)}{option.upper()}"


def url_of(target: Target, options: Mapping[str, str]) -> str | None:
    """The secret address of a target; None where no setting gives one. An e-mail address goes into it quoted: it can name neither host nor parameter."""
    url = options.get(target.setting)
    if url is None or target.person is None:
        return url
    return url.replace(EMAIL, quote(target.person, safe="")) if EMAIL in url else None


def check_alerts(environ: Mapping[str, str], rules: AlertRules) -> list[Finding]:
    """Who would hear of nothing, and which addresses are refused. Contacts nobody; loads what sends only when there is an address to look at."""
    try:
        options = options_for(NAME, environ)
    except ConfigError as error:
        return [Finding(level="error", subject=NAME, message=str(error))]
    asked = {name for names in (*rules.to.values(), rules.weekly_to) for name in names}
    people, channels = asked & {OWNER, MANAGER}, sorted(asked - {OWNER, MANAGER})
    found = [Finding(level="error", subject=NAME, message=f"{setting_of(name)} {why}.") for name, why in _refused(options)]
    for channel in channels:
        if option_of(channel) not in options:
            found.append(_finding(f"channel {channel} hears of nothing: {setting_of(option_of(channel))} is not set"))
    if people and PERSON not in options:
        found.append(_finding(f"{' and '.join(sorted(people))} hear of nothing but their tasks: {setting_of(PERSON)} is not set"))
    if MANAGER in people and rules.manager is None and not rules.managers:
        found.append(_finding("alerts go to managers, and alerts.yaml names none"))
    spare = sorted(set(options) - {option_of(channel) for channel in channels} - ({PERSON} if people else set()))
    found += [_finding(f"{setting_of(name)} is set, and no alert goes there") for name in spare]
    if not found and asked:
        found.append(Finding(level="info", subject=NAME, message=f"alerts go to {', '.join([*sorted(people), *channels])}"))
    return found


def _refused(options: Mapping[str, str]) -> list[tuple[str, str]]:
    from crmsync.connect.notify import address_problem

    found: list[tuple[str, str]] = []
    for name, url in sorted(options.items()):
        if name == PERSON and EMAIL not in url:
            found.append((name, f"holds no {EMAIL}, where the address of the owner or manager belongs"))
        elif why := address_problem(url.replace(EMAIL, quote(_SAMPLE, safe="")) if name == PERSON else url):
            found.append((name, why))
    return found


def _finding(text: str) -> Finding:
    return Finding(level="warning", subject=NAME, message=f"{text}.")
