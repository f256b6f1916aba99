"""Where each HubSpot API lives: one setting decides between the numbered paths and the dated ones.

Source: contracts "clocks that are ticking" (numbered paths end in 2027; in dated paths the version follows the API's name).
"""

from __future__ import annotations

_UNDATED = {
    "token-info": "/oauth/v2/private-apps/get/access-token-info",
    "form-submissions": "/form-integrations/v1/submissions/forms",
    "email-events": "/email/public/v1/events",
}
"""These have no dated twin (vendor's reference, 2026)."""
_NUMBERED = {
    "objects": "/crm/v3/objects",
    "associations": "/crm/v4/associations",
    "properties": "/crm/v3/properties",
    "owners": "/crm/v3/owners",
    "account-info": "/account-info/v3",
    "communication-preferences": "/communication-preferences/v4",
    "lists": "/crm/v3/lists",
    "oauth": "/oauth/v1",
    "marketing-forms": "/marketing/v3/forms",
    **_UNDATED,
}
_DATED = {
    "objects": "/crm/objects/{version}",
    "associations": "/crm/associations/{version}",
    "properties": "/crm/properties/{version}",
    "owners": "/crm/owners/{version}",
    "account-info": "/account-info/{version}",
    "communication-preferences": "/communication-preferences/{version}",
    "lists": "/crm/lists/{version}",
    "oauth": "/oauth/{version}",
    "marketing-forms": "/marketing/forms/{version}",
    **_UNDATED,
}


def path(version: str, api: str, rest: str = "") -> str:
    """The path of `rest` inside `api` for an API version: path("v3", "objects", "contacts/search") -> "/crm/v3/objects/contacts/search"."""
    root = _NUMBERED[api] if version == "v3" else _DATED[api].format(version=version)
    return f"{root}/{rest}" if rest else root
