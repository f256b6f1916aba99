"""Conditions as pydantic models: what an admin writes under `when`. Names that refer to others, and types, are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from crmsync.playbook.shapes import Days, HouseName, Scalar, Strict, Words, compiles, snippets

OPERATORS: dict[str, str] = {
    "is": "eq", "is_not": "ne", "less_than": "lt", "at_most": "le", "more_than": "gt", "at_least": "ge", "in": "in", "not_in": "not_in",
    "between": "between", "matches": "matches", "contains": "contains", "empty": "empty", "filled": "filled", "domain_in": "domain_in",
    "title_is": "title_is", "within": "within", "older_than": "older_than",
}  # fmt: skip
"""How a test is written -> its operator in crmsync.model.condition.Test."""
COUNTS = ("at_least", "at_most", "within_days")
"""What may stand beside `signals`."""
_FORMS = ("all", "any", "not_", "field", "signals")
_MOST = 1_000_000
"""Signals beyond which a count means nothing."""


class When(Strict):
    """A condition: `all`, `any` or `not` of other conditions, one test of a house field, or a count of signals."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            test_a_field={"field": "$1", "is": "$2"},
            test_a_number={"field": "employees", "between": [200, 1000]},
            test_a_job_title={"field": "title", "title_is": "director"},
            test_a_domain={"field": "email", "domain_in": ["free", "disposable"]},
            count_signals={"signals": ["$1"], "at_least": 3, "within_days": 30},
            all_of_these={"all": [{"field": "$1", "filled": True}]},
            any_of_these={"any": [{"field": "$1", "filled": True}]},
            none_of_this={"not": {"field": "$1", "filled": True}},
        )
    )

    all: list[When] | None = Field(default=None, description="Holds when every one of these holds.")
    any: list[When] | None = Field(default=None, description="Holds when at least one of these holds.")
    not_: When | None = Field(default=None, alias="not", description="Holds when this does not.")
    field: str | None = Field(
        default=None,
        description="The house field that is tested; exactly one of the tests below goes with it. `company.` and a field of `company` in "
        "companies.yaml: the person's company; `deal.` and a field of `deal`, or `deal.open`: their leading deal; `crmsync_budget` and the "
        "other answers that reps give.",
    )
    signals: Annotated[list[HouseName], Field(min_length=1)] | None = Field(
        default=None,
        description="Signals that are counted together: at least once, or as `at_least`, `at_most` and `within_days` beside it say.",
    )
    within_days: Days | None = Field(default=None, description="With `signals`: only those of the last so many days.")
    is_: Scalar | None = Field(default=None, alias="is", description="Equal, whatever the case.")
    is_not: Scalar | None = Field(default=None, description="Not equal, or empty.")
    less_than: int | float | str | None = Field(default=None, description="Smaller, or earlier.")
    at_most: int | float | str | None = Field(
        default=None, description="Smaller or equal. With `signals`: not more often than this; 0 means never."
    )
    more_than: int | float | str | None = Field(default=None, description="Larger, or later.")
    at_least: int | float | str | None = Field(default=None, description="Larger or equal. With `signals`: so many of them or more.")
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in", description="One of these.")
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, description="None of these, or empty.")
    between: Annotated[list[int | float | str], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description='From the first to the second, both included. Postal codes: `["10000", "19999"]`, in quotes; codes with another number of digits lie outside.',
    )
    matches: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="A regular expression (or several) found in the text, whatever the case."
    )
    contains: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="A text (or one of several) found in the text, whatever the case."
    )
    empty: Literal[True] | None = Field(default=None, description="Nothing is known.")
    filled: Literal[True] | None = Field(default=None, description="Something is known.")
    domain_in: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None,
        description="The domain of an e-mail or web address is in a list: `free`, `disposable`, `competitor`, `target` (lists.yaml), or a domain.",
    )
    title_is: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="The job title is of this class of `titles` or `departments` in lists.yaml."
    )
    within: Days | None = Field(default=None, description="A date or moment at most this many days ago, and not in the future.")
    older_than: Days | None = Field(default=None, description="A date or moment more than this many days ago.")

    @field_validator("matches")
    @classmethod
    def _compile(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            compiles(pattern)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> When:
        given = [name for name in _FORMS if getattr(self, name) is not None]
        tests = self.tests()
        if len(given) != 1:
            raise ValueError("not a condition; write exactly one of all, any, not, signals, or a field with one test")
        if given == ["signals"]:
            self._counted(tests)
            return self
        if self.within_days is not None:
            raise ValueError("within_days goes with signals; for a date write {field: ..., within: ...}")
        if given == ["field"] and len(tests) != 1:
            raise ValueError(f"a field needs exactly one test and this one has {len(tests)}; use one of {', '.join(OPERATORS)}")
        if given != ["field"] and tests:
            raise ValueError(f"{tests[0]} needs a field; write {{field: ..., {tests[0]}: ...}}")
        return self

    def _counted(self, tests: list[str]) -> None:
        strange = [test for test in tests if test not in COUNTS]
        if strange:
            raise ValueError(f"signals are counted, {strange[0]} is a test of a field; write {', '.join(COUNTS)} beside signals")
        for name in tests:
            wanted, least = self.wanted(name), 0 if name == "at_most" else 1
            if isinstance(wanted, bool) or not isinstance(wanted, int) or not least <= wanted <= _MOST:
                more = "; for signals that never happened write at_most: 0" if name == "at_least" and wanted == 0 else "; correct it"
                raise ValueError(f"{name} of signals is a whole number, {least} or more{more}")
        low, high = self.often()
        if high is not None and low > high:
            raise ValueError(f"at_least {low} is more than at_most {high}, which never holds; correct one of them")

    def often(self) -> tuple[int, int | None]:
        """At least and at most how many signals; `at_most` alone takes none, too."""
        low, high = self.at_least, self.at_most
        most = high if isinstance(high, int) else None
        return (low if isinstance(low, int) else 1 if most is None else 0), most

    def tests(self) -> list[str]:
        """The tests given, as written."""
        return [name for name in OPERATORS if self.wanted(name) is not None]

    def wanted(self, test: str) -> Any:
        """What is written behind a test."""
        return getattr(self, f"{test}_" if test in ("is", "in") else test)
