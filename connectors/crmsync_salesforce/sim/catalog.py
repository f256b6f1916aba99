"""Describe calls: what the org's objects and fields are, as the running user may see them."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.schema import CASCADES, CHILDREN, ObjectType

VERSIONS = (("61.0", "Summer '24"), ("62.0", "Winter '25"), ("63.0", "Spring '25"), ("64.0", "Summer '25"), ("65.0", "Winter '26"))


def urls(name: str, version: str) -> dict[str, str]:
    """The addresses that belong to an object."""
    base = f"/services/data/{version}/sobjects/{name}"
    return {
        "compactLayouts": f"{base}/describe/compactLayouts",
        "rowTemplate": f"{base}/{{ID}}",
        "approvalLayouts": f"{base}/describe/approvalLayouts",
        "listviews": f"{base}/listviews",
        "describe": f"{base}/describe",
        "quickActions": f"{base}/quickActions",
        "layouts": f"{base}/describe/layouts",
        "sobject": base,
    }


def summary(kind: ObjectType, version: str) -> dict[str, Any]:
    """An object's entry in the global describe. [R:cumulusci Global]"""
    deletable = kind.writable and kind.name not in ("User", "BusinessHours")
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": kind.writable,
        "custom": kind.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": kind.business,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": kind.prefix,
        "label": kind.label,
        "labelPlural": kind.plural,
        "layoutable": kind.business,
        "mergeable": kind.mergeable,
        "mruEnabled": kind.business,
        "name": kind.name,
        "queryable": True,
        "replicateable": kind.business,
        "retrieveable": True,
        "searchable": kind.business,
        "triggerable": kind.business,
        "undeletable": kind.business,
        "updateable": kind.writable,
        "urls": urls(kind.name, version),
    }


class Catalog:
    """Handlers of sobjects/, sobjects/X and sobjects/X/describe."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def versions(self, call: Call) -> Reply:
        """GET /services/data: needs no session."""
        return Reply(body=[{"label": label, "url": f"/services/data/v{number}", "version": number} for number, label in VERSIONS])

    def resources(self, call: Call) -> Reply:
        """GET /services/data/vXX.0."""
        base = f"/services/data/{call.version}"
        names = ("sobjects", "query", "queryAll", "composite", "limits", "tooling", "jobs")
        return Reply(body={name: f"{base}/{name}" for name in names})

    def overview(self, call: Call) -> Reply:
        """GET sobjects."""
        kinds = [kind for kind in self._org.present() if not kind.tooling]
        body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [summary(kind, call.version) for kind in kinds]}
        return self._tagged(call, body)

    def basics(self, call: Call, name: str) -> Reply:
        """GET sobjects/X."""
        kind = self._org.kind(name)
        recent = sorted(self._org.tables[kind.name].live(), key=lambda row: row["SystemModstamp"], reverse=True)[:5]
        items = []
        for row in recent:
            url = f"/services/data/{call.version}/sobjects/{kind.name}/{row['Id']}"
            items.append({"attributes": {"type": kind.name, "url": url}, "Id": row["Id"], "Name": row.get("Name")})
        return Reply(body={"objectDescribe": summary(kind, call.version), "recentItems": items})

    def describe(self, call: Call, name: str) -> Reply:
        """GET sobjects/X/describe: fields without permission are absent. [R:cumulusci]"""
        kind = self._org.kind(name)
        version = call.version
        children = [
            {
                "cascadeDelete": (child, reference) in CASCADES.get(kind.name, ()),
                "childSObject": child,
                "deprecatedAndHidden": False,
                "field": reference,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": relationship,
                "restrictedDelete": False,
            }
            for (parent, relationship), (child, reference) in CHILDREN.items()
            if parent == kind.name and self._org.known(child) is not None
        ]
        master = {
            "active": True,
            "available": True,
            "defaultRecordTypeMapping": True,
            "developerName": "Master",
            "master": True,
            "name": "Master",
            "recordTypeId": "012000000000000AAA",
            "urls": {"layout": f"/services/data/{version}/sobjects/{kind.name}/describe/layouts/012000000000000AAA"},
        }
        body = {
            "actionOverrides": [],
            **summary(kind, version),
            "childRelationships": children,
            "compactLayoutable": kind.business,
            "defaultImplementation": None,
            "extendedBy": None,
            "extendsInterfaces": None,
            "fields": orjson.Fragment(b"[%b]" % b",".join(field.printed() for field in self._org.view(kind, call.user).values())),
            "implementedBy": None,
            "implementsInterfaces": None,
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": [master],
            "searchLayoutable": kind.business,
            "sobjectDescribeOption": "FULL",
            "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
        }
        host = f"https://{call.headers.get('host', '')}"
        body["urls"] = {
            **urls(kind.name, version),
            "uiDetailTemplate": f"{host}/{{ID}}",
            "uiEditTemplate": f"{host}/{{ID}}/e",
            "uiNewRecord": f"{host}/{kind.prefix}/e",
        }
        return self._tagged(call, body)

    def _tagged(self, call: Call, body: dict[str, Any]) -> Reply:
        reply = Reply(body=body)
        tag = f'"{zlib.crc32(reply.encoded()):08x}"'
        if tag in call.headers.get("if-none-match", ""):
            return Reply(status=304, headers={"ETag": tag})
        return Reply(body=reply.encoded(), headers={"ETag": tag})
