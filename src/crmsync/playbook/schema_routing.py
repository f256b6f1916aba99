"""`routing` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import DURATION, HouseName, NativeText, Strict, Text, snippets

Cap = Annotated[int, Field(ge=1, le=100_000)]
SELECT = Literal["round_robin", "weighted", "least_load", "best_conversion"]
_ENDS = ("account", "owner", "pool")


class MemberFile(Strict):
    """One rep of a pool with a share or caps of their own."""

    rep: Text = Field(description="E-mail of the user.")
    weight: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=1.0, description="Their share beside the others': 2 gets twice as many as 1, 0 gets none."
    )
    per_day: Cap | None = Field(default=None, description="Persons at most per day of their calendar. Empty: as the pool says.")
    open_leads: Cap | None = Field(
        default=None, description="None more while they have so many at mql, sal or sql. Empty: as the pool says."
    )


def _member_kind(value: Any) -> str:
    return "<member>" if isinstance(value, dict | MemberFile) else "<text>"


Members = list[Annotated[Annotated[Text, Tag("<text>")] | Annotated[MemberFile, Tag("<member>")], Discriminator(_member_kind)]]


class PoolFile(Strict):
    """Reps who take turns."""

    members: Members = Field(
        default=[],
        description="E-mails of the reps, or `{rep: e-mail, weight: 2, per_day: 10, open_leads: 40}`. With `teams` empty, too: every active user that all connected "
        "CRMs share, without the integration user.",
    )
    teams: dict[str, list[NativeText]] = Field(
        default={},
        description="CRM -> names or ids of its groups, queues or teams, whose members take part as well: Salesforce public groups and queues, HubSpot teams.",
    )
    exclude: list[Text] = Field(default=[], description="E-mails of users who never get any.")
    select: SELECT = Field(
        default="round_robin",
        description="Who is next among those who are there: `round_robin` (in turn, by weight), `weighted` (the same), `least_load` (the fewest persons at mql, sal "
        "and sql), `best_conversion` (the best rate with mql of this type).",
    )
    per_day: Cap | None = Field(default=None, description="Persons at most per member and day. Empty: any number.")
    open_leads: Cap | None = Field(
        default=None, description="No more for a member who has so many persons at mql, sal or sql. Empty: any number."
    )


class MatchFile(Strict):
    """Lead-to-account matching: who owns the account that a person belongs to gets the person."""

    by: Annotated[list[Literal["domain", "name"]], Field(min_length=1)] = Field(
        default=["domain", "name"],
        description="How the account is found when the person is linked to none: by the `domain` of their e-mail or web address, then by a `name` like their company's.",
    )
    similar: Annotated[float, Field(ge=50, le=100)] = Field(
        default=90.0, description="How much two names must be alike, in per cent; 100 is the same but for case, accents and legal forms."
    )


class RouteFile(Strict):
    """One match rule. The first that holds and gives somebody counts; one whose owner is no active user is passed over."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            owner_of_the_account={"name": "account", "account": {"by": ["domain", "name"], "similar": 90}},
            territory={"name": "$1", "when": {"field": "country", "in": ["Germany", "Austria"]}, "pool": "$2"},
            postal_codes={"name": "$1", "when": {"field": "postal_code", "between": ["10000", "19999"]}, "pool": "$2"},
        )
    )

    name: Text = Field(description="Its name, in reasons.")
    when: When | None = Field(
        default=None, description="Whom it is for: country, state, postal code, industry, size, interest, source … Empty: everybody."
    )
    account: MatchFile | None = Field(default=None, description="They go to the owner of their account; `{}` matches by domain and name.")
    owner: Text | None = Field(default=None, description="They go to this user (e-mail).")
    pool: HouseName | None = Field(default=None, description="They go to this pool.")

    @model_validator(mode="after")
    def _one_end(self) -> RouteFile:
        given = [key for key in _ENDS if getattr(self, key) is not None]
        if len(given) != 1:
            what = f"to both {' and '.join(given)}" if len(given) == 2 else "to three ends" if given else "to nobody"
            raise ValueError(f"the rule leads {what}; write exactly one of {', '.join(_ENDS)}")
        return self


class RoutingFile(PoolFile):
    """Who gets a new mql that nobody owns. `members`, `teams`, `exclude`, `select`, `per_day` and `open_leads` here are of the pool of those whom no rule sends
    elsewhere. An owner who is there already stands."""

    pool: HouseName = Field(default="default", description="Name of that pool, in reasons and as the name of its counter.")
    fallback: Text | None = Field(
        default=None, description="E-mail of who gets them when nobody ever can, or nobody did within `queue_within`."
    )
    pools: dict[HouseName, PoolFile] = Field(default={}, description="Further pools by name, for `rules` and `hot`.")
    hot: HouseName | None = Field(
        default=None, description="Pool of persons who came by a signal of the express lane, whatever the rules say. Empty: as others."
    )
    rules: list[RouteFile] = Field(default=[], description="Match rules, in order; whom none takes goes to the pool above.")
    queue_within: Annotated[str, Field(pattern=DURATION)] | None = Field(
        default="4 working hours",
        description="Nobody available: the person waits for the next one who is, at most so long; then managers hear of it and the fallback gets them. Working time is "
        "that of `working_hours`. Empty: they wait as long as it takes.",
    )
    reassign_after: Annotated[str, Field(pattern=DURATION)] | None = Field(
        default="48 hours",
        description="A person whom the owner has not worked so long after the assignment goes to the next rep of the pool. Empty: never.",
    )
    reassign_at_breach: bool = Field(default=False, description="So does a person whose first response is overdue.")
    outside_hours: Literal["queue", "assign"] = Field(
        default="queue",
        description="When everybody is outside the working hours told for them: `queue` waits for the first who is back, `assign` gives them out all the same. Who is "
        "out of office never gets any.",
    )
