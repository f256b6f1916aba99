"""What an admin gets wrong about routing and presence: told before anything runs, with the line and what to do (process.md R2, R3; scenarios F51)."""

from __future__ import annotations

import pytest

from crmsync.errors import ConfigError
from crmsync.service.users import check_users
from scenarios.floor import rep, reps, routing
from scenarios.world import Both, Edits, shipped_playbook

MISTAKES: dict[str, tuple[Edits, str]] = {
    "all weights zero": (
        routing(members="[{rep: amy@corp.example, weight: 0}, {rep: ben@corp.example, weight: 0}]"),
        "members: every weight in the pool default is 0, so nobody would get anybody; give one of them more",
    ),
    "a weight below zero": (routing(members="[{rep: amy@corp.example, weight: -1}]"), 'weight: "-1" is out of range'),
    "a cap of nobody": (
        routing("  pools: {east: {members: [amy@corp.example], per_day: 0}}\n  rules:\n    - {name: east, pool: east}\n"),
        'per_day: "0" is out of range; it must be at least 1',
    ),
    "a pool that is not there": (routing("  hot: closers\n"), 'hot: unknown pool "closers"; use one of default'),
    "holidays of an unknown country": (routing(hours="  country: Atlantis\n"), 'country: no public holidays are known of "Atlantis"'),
    "a rep's unknown country": (routing(people="{amy@corp.example: {country: XX}}"), 'country: no public holidays are known of "XX"'),
    "an unknown region": (routing(people="{amy@corp.example: {country: DE, region: ZZ}}"), 'region: no region "ZZ" of DE is known'),
    "back before they left": (
        routing(people="{amy@corp.example: {away: [{from: 2026-03-09, to: 2026-03-01}]}}"),
        "to: 2026-03-01 ends before 2026-03-09 begins; correct one of them",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_r2_r3_a_mistake_is_refused_with_the_line_and_what_to_do(mistake: str) -> None:
    edits, told = MISTAKES[mistake]
    with pytest.raises(ConfigError) as refused:
        shipped_playbook(tuple((name, tuple(texts.items())) for name, texts in edits.items()))
    (line,) = [text for text in str(refused.value).splitlines() if told in text]
    assert line.startswith("mappings/playbook.yaml:1")


def test_r2_check_names_users_whom_no_crm_knows_or_who_left() -> None:
    edits = routing(
        "  pools: {ghosts: {members: [nobody@corp.example, zoe@corp.example]}, lost: {teams: {salesforce: [Nowhere]}}}\n"
        "  rules:\n    - {name: ghosts, when: {field: city, is: X}, pool: ghosts}\n    - {name: lost, pool: lost}\n",
        members="[amy@corp.example]",
    )
    with Both(edits=edits, kinds=(), users=reps("amy", "zoe")) as both:
        both.hs.deactivate_user(rep("zoe"))
        both.settle()
        users = {side: [user for user in both.store.users() if user.side == side] for side in both.connectors}
        told = [finding.message for finding in check_users(both.playbook, users, "salesforce") if finding.subject == "routing"]
    assert told == [
        "pool ghosts: nobody@corp.example is no active user of hubspot and salesforce",
        "pool ghosts: zoe@corp.example is no active user of hubspot and salesforce",
        "pool ghosts is empty",
        "pool lost: nobody active is in 'Nowhere' of salesforce",
        "pool lost is empty",
    ]
