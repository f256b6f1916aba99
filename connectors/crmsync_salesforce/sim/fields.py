"""One field of an object: what it holds and how a describe call shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

TEXT_TYPES = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "multipicklist", "combobox", "encryptedstring"})
DECIMAL_TYPES = frozenset({"double", "currency", "percent"})
SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "complexvalue": "urn:CustomField",
}
Formula = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PicklistValue:
    """One entry of a picklist."""

    value: str
    label: str
    default: bool = False
    active: bool = True

    def describe(self) -> dict[str, Any]:
        """The entry as describe prints it."""
        return {
            "active": self.active,
            "defaultValue": self.default,
            "label": self.label,
            "validFor": None,
            "value": self.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field's definition. `type` is describe's own word (string, email, picklist, reference, double, ...)."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted: bool = False
    id_lookup: bool = False
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    custom: bool = False
    references: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    name_field: bool = False
    picklist: tuple[PicklistValue, ...] = ()
    default: Any = None
    formula: Formula | None = None
    help_text: str | None = None
    html: bool = False
    _printed: list[bytes] = field(init=False, default_factory=list, compare=False, repr=False)

    @property
    def long_text(self) -> bool:
        """Long text cannot be filtered or sorted. [R: describe of Description]"""
        return self.type == "textarea" and self.length > 255

    @property
    def filterable(self) -> bool:
        """Whether SOQL may filter on it."""
        return not self.long_text and self.type != "complexvalue"

    @property
    def sortable(self) -> bool:
        """Whether SOQL may sort by it."""
        return self.filterable and self.type not in ("address", "multipicklist")

    @property
    def indexed(self) -> bool:
        """Whether the store keeps an equality index on it."""
        if self.type == "reference":
            return self.name not in ("OwnerId", "CreatedById", "LastModifiedById", "MasterRecordId")
        return self.external_id or self.unique or (self.id_lookup and self.name != "Id")

    @property
    def default_pick(self) -> str | None:
        """The picklist's default value, None when it has none."""
        return next((entry.value for entry in self.picklist if entry.default), None)

    def allowed(self, value: str) -> bool:
        """Whether a restricted picklist takes the value."""
        return any(entry.value == value and entry.active for entry in self.picklist)

    def printed(self) -> bytes:
        """`describe` as JSON, made once: thousands of orgs share the standard fields, and clients ask for them every few minutes."""
        if not self._printed:
            self._printed.append(orjson.dumps(self.describe()))
        return self._printed[0]

    def describe(self) -> dict[str, Any]:
        """The field as `sobjects/X/describe` prints it; same keys as the recorded describes. [R:cumulusci]"""
        text = self.type in TEXT_TYPES
        wide = text and not self.long_text
        aggregatable = self.filterable and self.type not in ("boolean", "address", "multipicklist")
        groupable = wide or self.type in ("id", "reference", "boolean", "int", "date")
        byte_length = self.length * 3 if text else (18 if self.type in ("id", "reference") else 0)
        extra = "personname" if self.compound == "Name" or (self.name_field and self.length == 121) else None
        if self.type == "textarea":
            extra = "richtextarea" if self.html else "plaintextarea"
        return {
            "aggregatable": aggregatable,
            "aiPredictionField": False,
            "autoNumber": False,
            "byteLength": byte_length,
            "calculated": self.formula is not None,
            "calculatedFormula": None,
            "cascadeDelete": False,
            "caseSensitive": self.case_sensitive,
            "compoundFieldName": self.compound,
            "controllerName": None,
            "createable": self.createable,
            "custom": self.custom,
            "defaultValue": self.default_pick if self.picklist else (False if self.type == "boolean" else self.default),
            "defaultValueFormula": None,
            "defaultedOnCreate": self.defaulted,
            "dependentPicklist": False,
            "deprecatedAndHidden": False,
            "digits": self.digits,
            "displayLocationInDecimal": False,
            "encrypted": False,
            "externalId": self.external_id,
            "extraTypeInfo": extra,
            "filterable": self.filterable,
            "filteredLookupInfo": None,
            "formulaTreatNullNumberAsZero": False,
            "groupable": groupable and self.filterable,
            "highScaleNumber": False,
            "htmlFormatted": self.html,
            "idLookup": self.id_lookup or self.external_id,
            "inlineHelpText": self.help_text,
            "label": self.label,
            "length": 18 if self.type in ("id", "reference") else self.length,
            "mask": None,
            "maskType": None,
            "name": self.name,
            "nameField": self.name_field,
            "namePointing": len(self.references) > 1,
            "nillable": self.nillable,
            "permissionable": self.custom or (self.nillable and self.createable),
            "picklistValues": [entry.describe() for entry in self.picklist],
            "polymorphicForeignKey": len(self.references) > 1,
            "precision": self.precision,
            "queryByDistance": False,
            "referenceTargetField": None,
            "referenceTo": list(self.references),
            "relationshipName": self.relationship,
            "relationshipOrder": None,
            "restrictedDelete": False,
            "restrictedPicklist": self.restricted,
            "scale": self.scale,
            "searchPrefilterable": False,
            "soapType": SOAP_TYPES.get(self.type, "xsd:string"),
            "sortable": self.sortable,
            "type": self.type,
            "unique": self.unique,
            "updateable": self.updateable,
            "writeRequiresMasterRead": False,
        }
