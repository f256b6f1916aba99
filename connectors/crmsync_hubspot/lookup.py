"""Reading records as they are now: by id, by e-mail or key, with history. Strongly consistent throughout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from crmsync.model.fields import KEY
from crmsync.model.record import FieldVersion, Record
from crmsync_hubspot import wire
from crmsync_hubspot.client import IN_FLIGHT, Client, chunks
from crmsync_hubspot.poll import list_pages, survivor_of
from crmsync_hubspot.schema import Schemas
from crmsync_hubspot.search import Row, Search, batch_read

_SINGLY = 25  # with more missing records than this, archived ones are looked for in batches first
_SEARCH_VALUES = 20


class Lookup:
    """Reads of one connected account."""

    def __init__(self, client: Client, schemas: Schemas) -> None:
        self._client = client
        self._schemas = schemas

    def _decoder(self, object: str, fields: Sequence[str]) -> wire.Decoder:
        return wire.Decoder(object, fields, self._schemas.known(object))

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See the protocol. Ids that batch/read does not know are looked for among merged and archived records.

        A contact that HubSpot does not know in any of these ways is PURGED: an archived one stays listed, a privacy deletion leaves nothing
        at once (contracts 5.2). The caller asks for ids it was given by HubSpot, so such an id did exist.
        Cost: one call per 100; up to two more per missing record, because merged and archived ones answer only singly."""
        decoder = self._decoder(object, fields)
        wanted = list(dict.fromkeys(str(i) for i in ids))
        found = {r.ref.id: r for r in map(decoder.record, batch_read(self._client, object, wanted, decoder.requested()))}
        missing = [i for i in wanted if i not in found and i.isdigit()]
        archived: dict[str, Row] = {}
        if len(missing) > _SINGLY:
            archived = {str(r["id"]): r for r in batch_read(self._client, object, missing, ["hs_object_id"], archived=True)}
            missing = [i for i in missing if i not in archived]
        merged = self.survivors(object, missing, decoder) if missing and object in wire.MERGEABLE else {}
        archived |= self._archived(object, [i for i in missing if i not in merged])
        out: dict[str, Record] = {}
        for id in wanted:
            if id in found:
                out[id] = found[id]
            elif id in merged:
                survivor = merged[id]
                out[id] = wire.moved(survivor, id)
                out.setdefault(survivor.ref.id, survivor)
            elif id in archived:
                out[id] = wire.gone(object, archived[id])
            elif object == wire.CONTACTS and id.isdigit():
                out[id] = wire.purged(object, id, self._client.server_time)
        return list(out.values())

    def survivors(self, object: str, ids: Sequence[str], decoder: wire.Decoder | None = None) -> dict[str, Record]:
        """For ids that were merged away: the records that they went into. One call per id, four at a time."""
        using = decoder or self._decoder(object, ())
        with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
            answers = pool.map(lambda i: survivor_of(self._client, object, i, using), ids)
            return {id: record for id, record in zip(ids, answers, strict=True) if record is not None}

    def _archived(self, object: str, ids: Sequence[str]) -> dict[str, Row]:
        """Archived rows among ids, one call per id: not every account's batch/read honours `archived`."""

        def one(id: str) -> Row | None:
            answer = self._client.get("objects", f"{object}/{id}", {"archived": True, "properties": "hs_object_id"})
            known = answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("archived")
            return answer.json if known else None

        if not ids:
            return {}
        with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
            return {id: row for id, row in zip(ids, pool.map(one, ids), strict=True) if row is not None}

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """See the protocol. E-mail and unique properties by batch/read; other properties by search, which may lag by minutes."""
        asked = [v.strip() for v in values if v and v.strip()]
        decoder = self._decoder(object, (*fields, field))
        schema = self._schemas.known(object)
        known = schema.fields.get(field)
        if known is None and field != KEY:
            return []
        if field == "email" and object == wire.CONTACTS:
            rows = batch_read(self._client, object, [v.lower() for v in asked], decoder.requested(), by=field)
        elif known is None or known.unique:
            rows = batch_read(self._client, object, asked, decoder.requested(), by=field)
        else:
            search = Search(self._client, object, decoder.requested())
            values_in = [v.lower() if known.type in {"text", "email", "phone", "url"} else v for v in dict.fromkeys(asked)]
            rows = []
            for part in chunks(values_in, _SEARCH_VALUES):
                rows += search.where([{"propertyName": field, "operator": "IN", "values": list(part)}])
        return list({r.ref.id: r for r in map(decoder.record, rows)}.values())

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        """See the protocol. 50 records per call."""
        schema = self._schemas.known(object)
        names = [n for n in dict.fromkeys(fields) if not schema.fields or n in schema.fields]
        if not names:
            return []
        rows = batch_read(self._client, object, ids, names, history=True)
        return [version for row in rows for version in wire.versions(row, names, schema)]

    def live_ids(self, object: str) -> Iterator[str]:
        """Every live id by the list endpoint, 100 per call."""
        for page in list_pages(self._client, object):
            for row in page:
                yield str(row["id"])
