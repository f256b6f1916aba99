"""`profile` and `tracks` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import STAGE, Days, HouseName, NativeText, Strict, Text, snippets


class QuestionSetFile(Strict):
    """What is asked of persons of one kind. The first set that fits counts."""

    name: HouseName = Field(description="Its name, in explanations.")
    segment: HouseName | None = Field(default=None, description="For the persons of this segment. Empty, and no `when`: for everybody.")
    when: When | None = Field(default=None, description="For persons for whom this holds.")
    ask: Annotated[dict[str, Text], Field(min_length=1)] = Field(
        description="The questions in their order: a house field, or one of the answers that reps give (`crmsync_budget`), then the question. It is "
        "asked while the field is empty."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> QuestionSetFile:
        if self.segment is not None and self.when is not None:
            raise ValueError("segment and when exclude each other; keep one")
        return self


class ProfileFile(Strict):
    """Progressive profiling: which answers are missing, as a field that forms and reps can use."""

    show: Annotated[int, Field(ge=1, le=10)] = Field(default=2, description="How many of the missing answers are asked for at a time.")
    sets: list[QuestionSetFile] = Field(default=[], description="Sets of questions, first match wins.")


class TrackFile(Strict):
    """A nurture programme: while a person is in it, a field says so and they are a member of its list or campaign, so that the marketing tool
    sends."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            track={"name": "mql_education", "stages": ["nurture"], "days": 42},
        )
    )

    name: HouseName = Field(
        description="Its name, an option of the field `crmsync_track`; `crmsync provision` makes the field with it, or says that an older field lacks it."
    )
    stages: Annotated[list[STAGE], Field(min_length=1)] = Field(description="Who is at one of these stages can be in it.")
    when: When | None = Field(default=None, description="And this holds when they enter. Empty: always.")
    days: Days | None = Field(default=None, description="It ends after so many days. Empty: it does not end by time.")
    graduate: When | None = Field(default=None, description="It ends when this holds.")
    graduate_to: HouseName | None = Field(default=None, description="The track that follows when it has ended. Empty: none.")
    lists: dict[str, NativeText] = Field(
        default={},
        description="For each CRM the id of the list (HubSpot, a static one) or campaign (Salesforce) whose members they are meanwhile.",
    )
