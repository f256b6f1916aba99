"""`data_gate` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from crmsync.playbook.shapes import Days, HouseName, Strict, Text, Words

EMAIL, TOKEN = "{email}", "{token}"  # what an admin writes where the secret goes, not a secret
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Quality = Literal["verified", "risky", "invalid", "unknown"]
Path = Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$", max_length=200)]
"""A dotted path into a JSON answer."""


class ProviderFile(Strict):
    """One HTTP service that verifies e-mail addresses, or adds what is not known. It is asked only where the answer matters."""

    url: Text = Field(
        description="Its address, with `{email}` where the person's belongs and `{token}` where the secret does, if it takes it there (both are "
        "encoded when they are filled in). https, or this very machine."
    )
    method: Literal["GET", "POST"] = Field(default="GET", description="How it is asked.")
    body: Annotated[str, Field(max_length=10_000)] | None = Field(
        default=None, description="With POST: the JSON that is sent, with `{email}` where the address belongs, and `{token}` likewise."
    )
    header: Text | None = Field(
        default=None,
        description='The header that carries the secret, like `"Authorization: Bearer {token}"`. The secret itself is the setting '
        "`CRMSYNC_VERIFY__TOKEN` of the environment.",
    )
    answer: Path = Field(default="result", description="Where its verdict stands in the JSON answer; a dotted path, like `data.status`.")
    words: dict[Quality, Annotated[Words, Field(min_length=1)]] = Field(
        default={}, description="Data quality, then the verdicts that mean it. A verdict that is not listed means unknown."
    )
    enrich: dict[HouseName, Path] = Field(
        default={}, description="House field, then the dotted path of what is filled in where that field is empty."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(default=5.0, description="How long one answer is waited for.")
    per_run: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=100,
        description="At most so many questions in one run. Only persons at mql, sal or sql are asked about, and only where the address is not "
        "found bad without it.",
    )
    days: Days = Field(default=90.0, description="For so many days an answer is believed.")

    @field_validator("url")
    @classmethod
    def _safe(cls, value: str) -> str:
        try:
            parts = urlsplit(value.replace(EMAIL, "x"))
            host = parts.hostname or ""
        except ValueError:
            raise ValueError("not a web address; write one like https://verify.example/check?email={email}") from None
        if parts.scheme not in ("https", "http") or not host:
            raise ValueError("not a web address; write one like https://verify.example/check?email={email}")
        if "{" in value.removeprefix(f"{parts.scheme}://").partition("/")[0].partition("?")[0]:
            raise ValueError("the host must be a name of your own; write {email} and {token} behind it")
        if parts.scheme == "http" and host not in LOOPBACK:
            raise ValueError("addresses of persons must not travel in the open; use https")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a secret has no place in this file; put it into the environment and name the header")
        return value

    @model_validator(mode="after")
    def _asks(self) -> ProviderFile:
        if self.body is not None and self.method != "POST":
            raise ValueError("body goes with POST; write method: POST or remove body")
        if EMAIL not in self.url and EMAIL not in (self.body or ""):
            raise ValueError("nothing asks for the address; write {email} in url or body")
        if self.header is not None and (":" not in self.header or TOKEN not in self.header.partition(":")[2]):
            raise ValueError('header has a name and a value with {token}; write it like "Authorization: Bearer {token}"')
        return self


class GateFile(Strict):
    """The data gate: whom sales can reach at all. An invalid e-mail address and no phone number is not handed off; a task asks to fix it.
    Addresses of roles (info@…) stand in lists.yaml."""

    disposable: bool = Field(default=True, description="Whether addresses of throw-away mail services count as risky.")
    mx: bool = Field(default=True, description="Whether DNS is asked if the domain of an address takes mail at all.")
    mx_per_run: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=200, description="At most so many domains are asked for in one run."
    )
    mx_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        default=5.0, description="How long one answer of DNS is waited for, and how long `sync` waits for answers before it ends."
    )
    mx_days: Days = Field(default=30.0, description="For so many days an answer of DNS is believed.")
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None,
        description="Country (ISO 3166, two letters) of phone numbers without a country code of persons whose country is unknown. Empty: such "
        "numbers cannot be verified.",
    )
    provider: ProviderFile | None = Field(default=None, description="A service that verifies addresses. Empty: none is asked.")
