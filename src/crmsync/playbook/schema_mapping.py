"""`mappings/person.yaml` and `mappings/signals.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from crmsync.playbook.shapes import STAGE, HouseName, NativeText, Pattern, Strict, Text, Words


class PlaceSpec(Strict):
    """A native field with restrictions."""

    field: Text = Field(description="The CRM's own API name of the field; `Account.Name` reads from the parent.")
    read_only: bool = Field(default=False, description="Read it, never write it.")
    at_creation: bool = Field(default=False, description="Read or written once, when the record is new; later changes are left alone.")


def _place_kind(value: Any) -> str:
    if isinstance(value, dict):
        return "<place>" if "field" in value or set(value) <= {"read_only", "at_creation"} else "<objects>"
    return "<text>"


PlaceOrName = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[PlaceSpec, Tag("<place>")],
    Discriminator(lambda value: "<place>" if isinstance(value, dict) else "<text>"),
]
SideSpec = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[PlaceSpec, Tag("<place>")] | Annotated[dict[str, PlaceOrName], Tag("<objects>")],
    Discriminator(_place_kind),
]


class CommonField(Strict):
    """What fields of persons and of everything else have in common."""

    SIDE: ClassVar[Any] = None
    """What may stand under a CRM's name."""

    type: str = Field(description="How values are read and compared.")
    direction: str = Field(
        default="both", description="`both`, or `to_` and a CRM's name: only that CRM is written to. `none`: read, never written."
    )
    conflict: str = Field(
        default="latest",
        description="Who wins when both CRMs changed the field: `latest` (the later change), a CRM's name, `fill` (only into an empty "
        "field), `ask` (leave both and wait for a person), `true_wins` (for bools: once true it stays true).",
    )
    values: dict[str, dict[str, Annotated[Words, Field(min_length=1)]]] = Field(
        default={},
        description="For picklists, per CRM: what a house value is called there. A list means that all of these are read as the house "
        "value and the first is written. Values not listed pass unchanged.",
    )
    empty: Literal["clear", "keep"] = Field(
        default="clear", description="When one CRM empties the field: `clear` empties the other too, `keep` does not."
    )
    on_too_long: Literal["park", "cut"] = Field(
        default="park", description="A text longer than the other CRM allows: `park` reports it and writes nothing, `cut` shortens it."
    )
    required: bool = Field(default=False, description="An emptied value is never carried over.")


class FieldFile(CommonField):
    """One house field. Beside the keys below, one key for each CRM says where the field lives there: a native field name (on all objects
    of that CRM), or `{field: ..., read_only: true}`, or a name or such a mapping for each object."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, SideSpec]
    SIDE: ClassVar[Any] = SideSpec

    type: Literal["text", "long_text", "email", "phone", "url", "number", "bool", "date", "datetime", "picklist", "multi", "owner"] = Field(
        description="How values are read and compared."
    )


class OwnersFile(Strict):
    """Who is who. Users of both CRMs are matched by their e-mail; this is for the rest."""

    fallback: str | None = Field(
        default=None, description="E-mail of the user who owns records whose owner has no active twin in the other CRM."
    )
    pairs: dict[str, dict[str, NativeText]] = Field(
        default={}, description="For users with different e-mails: e-mail, then for each CRM the user's id there."
    )


class StatusFile(Strict):
    """A native status field that follows the stage."""

    side: str = Field(description="The CRM.")
    object: str = Field(description="Its native object.")
    field: Text = Field(description="The native field.")
    read: bool = Field(
        default=True, description="Whether a value found there says where an existing person stands. No: it is only written."
    )
    values: dict[STAGE, Annotated[Words, Field(min_length=1)]] = Field(
        description="Stage, then the native value: the first of a list is written, all are read. A value under several stages is read as the "
        "first of them. Stages left out leave the field alone."
    )


class PersonFile(Strict):
    """`mappings/person.yaml`: which records stand for persons, and which of their fields are kept in step."""

    objects: dict[str, Annotated[list[Text], Field(min_length=1)]] = Field(
        description="For each CRM the native objects that stand for persons, best first: when several records share an e-mail the first kind counts."
    )
    create_as: dict[str, str] = Field(
        description="For each CRM the object that a new person becomes there. A CRM left out gets no new records."
    )
    extra_emails: dict[str, dict[str, Text]] = Field(
        default={},
        description="For each CRM and object a native field that holds further e-mail addresses of the person, separated by semicolons.",
    )
    placeholder: Text = Field(
        default="[not provided]", description="Stands in required fields for which nothing is known; it never syncs back."
    )
    owners: OwnersFile = Field(default=OwnersFile(), description="Who is who.")
    fields: dict[HouseName, FieldFile] = Field(description="The fields kept in step, by house name.")
    statuses: list[StatusFile] = Field(default=[], description="The CRMs' own status fields that follow the stage.")


class PatternFile(Strict):
    """A pattern on the detail."""

    match: Pattern = Field(description="A regular expression, found anywhere in the detail, whatever the case.")
    type: HouseName = Field(description="The signal that a match means.")


class SignalFile(Strict):
    """A native field whose changes are signals."""

    side: str = Field(description="The CRM.")
    object: str = Field(description="Its native object.")
    field: Text = Field(
        description="The native field: it holds the detail (a form's name, a page's address) or, without `at`, the moment itself."
    )
    at: Text | None = Field(default=None, description="The native field with the moment of the event.")
    type: HouseName = Field(description="The signal when no pattern matches.")
    patterns: list[PatternFile] = Field(default=[], description="Patterns on the detail; the first that matches names the signal.")
    when_true: bool = Field(default=False, description="A yes/no or reason field: the signal happens when it turns true or is filled.")
    events: HouseName | None = Field(
        default=None,
        description="The CRM's own list of the same events, read as well where its token may: it adds what a field does not hold, such as a "
        "form's answers. HubSpot has `form_submission`, `email_open`, `email_click`, `email_reply`, `email_unsubscribe` and `email_bounce`. "
        "What both tell counts once. Left out: the list is not read for this. A kind that the CRM does not list is an error.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> SignalFile:
        if self.when_true and self.at is not None:
            raise ValueError("when_true and at exclude each other; remove one")
        if self.patterns and self.at is None and not self.when_true:
            raise ValueError("patterns need a detail, and without at the field holds only the moment; add at or remove patterns")
        return self


class SignalsFile(Strict):
    """`mappings/signals.yaml`: where behaviour comes from."""

    signals: list[SignalFile] = Field(default=[], description="Native fields whose changes are signals.")
    elsewhere: list[HouseName] = Field(
        default=[],
        description="Signals that no field here makes: sent by a website or product to `POST /signals`, taken from campaigns or activities.",
    )
