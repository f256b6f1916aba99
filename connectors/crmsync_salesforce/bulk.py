"""Bulk API 2.0: query jobs read in pages by locator, ingest jobs for large updates.

Our own requests, because the library's handlers never refresh a token, sleep at least five seconds per job, order columns at random and
cannot clear a value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from crmsync.errors import UnreachableError
from crmsync.model.change import Write
from crmsync_salesforce import wire
from crmsync_salesforce.auth import SIDE
from crmsync_salesforce.client import KEYED_WRITE, READ, Client, LostError, RefusedError

# without it an assignment rule takes the owner away, on create and on update [scenarios F49]
NO_ASSIGNMENT = {"Sforce-Auto-Assign": "FALSE"}
PAGE = 10_000
SLICE = 1_000
"""Rows of a results page that are decoded at once: with the page's text they take what a REST page of 2,000 rows takes, so that memory stays flat."""
JOB_CHARACTERS = 25_000_000
"""CSV characters per ingest job, at most 100 MB of UTF-8; the limit is 150 MB once Salesforce has encoded it."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})


class JobFailedError(UnreachableError):
    """A job ended without a result. processed: records it touched before."""

    def __init__(self, message: str, *, processed: int = 0) -> None:
        super().__init__(message, side=SIDE)
        self.processed = processed


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvPage:
    """Up to SLICE rows of one page of results: column names, rows of cells. last: the page ends here; locator: of the next page then (None: there
    is no further one)."""

    header: tuple[str, ...]
    rows: list[list[str]]
    locator: str | None
    last: bool


def read_csv(text: str) -> tuple[tuple[str, ...], list[list[str]]]:
    """Header and rows of a results file; empty when there is none."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    return tuple(header), list(reader)


def _slices(content: bytes) -> Iterator[tuple[tuple[str, ...], list[list[str]], bool]]:
    """Header, up to SLICE rows and whether they are the last, at least once; text and rows are made as they are asked for."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=""), strict=True)
    header = tuple(next(reader, []))
    first = next(reader, None)
    while True:
        rows = [] if first is None else [first, *islice(reader, SLICE - 1)]
        first = next(reader, None)
        yield header, rows, first is None
        if first is None:
            return


class Bulk:
    """Jobs of one org. Waiting sleeps 0.2 s first, growing to 10 s, at most `bulk_timeout` seconds in all."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _create(self, kind: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        # a job whose answer is lost stays open and empty, so a second one does no harm
        job = self._client.parsed(
            lambda: self._client.request("POST", f"jobs/{kind}", body=orjson.dumps(body), headers=headers, safety=READ)
        )
        if not isinstance(job, Mapping) or not job.get("id"):
            raise JobFailedError(f"Salesforce made no {kind} job")
        return job

    def wait(self, kind: str, id: str) -> Mapping[str, Any]:
        """The job once it ended. Raises: JobFailedError when it failed, was aborted or takes too long."""
        wait, waited = _FIRST_WAIT, 0.0
        while True:
            job = self._client.get(f"jobs/{kind}/{id}")
            if job.get("state") in _ENDED:
                break
            if waited >= self._client.settings.bulk_timeout:
                raise JobFailedError(f"Salesforce's {kind} job {id} did not end within {waited:.0f} s", processed=-1)
            self._client.sleep(wait)
            waited += wait
            wait = min(_LONGEST_WAIT, wait * 1.6)
        if job["state"] != "JobComplete":
            reason = job.get("errorMessage") or job["state"]
            raise JobFailedError(f"Salesforce's {kind} job {id}: {reason}", processed=int(job.get("numberRecordsProcessed") or 0))
        return job  # type: ignore[no-any-return]

    # --- reading ---------------------------------------------------------------------------------------------------------

    def start_query(self, soql: str, *, deleted: bool) -> Mapping[str, Any]:
        """A query job that ended well. Raises: JobFailedError."""
        body = {
            "operation": "queryAll" if deleted else "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        job = self._create("query", body)
        return {**job, **self.wait("query", str(job["id"]))}

    def page(self, job_id: str, locator: str | None) -> Iterator[CsvPage]:
        """One page of a query job's results in slices, at least one; one that arrives short is asked for again, once, and begins anew."""
        path = f"jobs/query/{job_id}/results?maxRecords={PAGE}" + (f"&locator={locator}" if locator else "")
        for _ in range(2):
            response = self._client.request("GET", path, safety=READ)
            told = response.headers.get("Sforce-NumberOfRecords", "")
            following = response.headers.get("Sforce-Locator") or "null"
            found = 0
            try:
                for header, rows, last in _slices(response.content):
                    found += len(rows)
                    whole = not rows or len(rows[-1]) == len(header)
                    # where a body was cut off its last row may be half a row: the last slice counts only once the number is right
                    if not last:
                        yield CsvPage(header=header, rows=rows, locator=None, last=False)
                    elif whole and (not told.isdigit() or int(told) == found):
                        yield CsvPage(header=header, rows=rows, locator=None if following == "null" else following, last=True)
                        return
            except (UnicodeDecodeError, csv.Error):
                continue  # cut off within a character or a quoted cell
        raise LostError(f"a page of Salesforce's query job {job_id} keeps arriving short", side=SIDE)

    def pages(self, soql: str, *, deleted: bool = False) -> Iterator[CsvPage]:
        """All pages of a new query job, in slices; rows may come twice."""
        job_id = str(self.start_query(soql, deleted=deleted)["id"])
        locator: str | None = None
        while True:
            for part in self.page(job_id, locator):
                yield part
            if part.locator is None:
                return
            locator = part.locator

    # --- writing ---------------------------------------------------------------------------------------------------------

    def update(self, object: str, writes: Sequence[Write]) -> Iterator[tuple[Sequence[Write], dict[str, wire.Result] | None]]:
        """Updates in as many jobs as their size needs; per job its writes and the results by record id (15 characters).

        Result None: the job was never started, nothing was carried out. A record without a result: whether it was carried out is unknown.
        Raises: the client's errors, only while nothing of that job was carried out.
        """
        columns = tuple(dict.fromkeys(name for w in writes for name in w.fields))
        for part, content in _files(writes, columns):
            yield part, self._ingest(object, content)

    def _ingest(self, object: str, content: bytes) -> dict[str, wire.Result] | None:
        body = {"operation": "update", "object": object, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
        job = self._create("ingest", body, NO_ASSIGNMENT)
        id = str(job["id"])
        csv_type = {"Content-Type": "text/csv; charset=utf-8"}
        try:
            self._client.request("PUT", f"jobs/ingest/{id}/batches", body=content, headers=csv_type, safety=KEYED_WRITE)
        except (LostError, RefusedError):
            # nothing is processed before the upload is declared complete
            self._abort(id)
            return None
        if not self._declare(id):
            return None
        try:
            self.wait("ingest", id)
        except JobFailedError as error:
            if error.processed == 0:
                return None
        except UnreachableError:
            return {}
        return self._results(id)

    def _declare(self, id: str) -> bool:
        """Tells the job to start; True when it did or may have."""
        try:
            self._client.request("PATCH", f"jobs/ingest/{id}", body=b'{"state":"UploadComplete"}', safety=KEYED_WRITE)
        except RefusedError:
            return self._client.get(f"jobs/ingest/{id}").get("state") not in {"Open", "Aborted"}
        except LostError:
            try:
                return self._client.get(f"jobs/ingest/{id}").get("state") not in {"Open", "Aborted"}
            except UnreachableError:
                return True
        return True

    def _abort(self, id: str) -> None:
        try:
            self._client.request("PATCH", f"jobs/ingest/{id}", body=b'{"state":"Aborted"}', safety=KEYED_WRITE)
        except UnreachableError:
            return  # an open job without a complete upload does nothing and expires

    def _results(self, id: str) -> dict[str, wire.Result]:
        found: dict[str, wire.Result] = {}
        for kind, read in (("successfulResults", _done), ("failedResults", _failed), ("unprocessedRecords", _unprocessed)):
            try:
                response = self._client.request("GET", f"jobs/ingest/{id}/{kind}", safety=READ)
            except UnreachableError:
                continue  # those records stay without a result: unknown
            header, rows = read_csv(response.content.decode("utf-8"))
            for cells in rows:
                row = dict(zip(header, cells, strict=False))
                key = row.get("Id") or row.get("sf__Id") or ""
                found[key[:15]] = read(row)
        return found


def _done(row: Mapping[str, str]) -> wire.Result:
    return wire.Result(id=row.get("sf__Id") or None)


def _failed(row: Mapping[str, str]) -> wire.Result:
    return wire.Result(id=row.get("sf__Id") or None, errors=(wire.bulk_error(row.get("sf__Error", "")),))


def _unprocessed(row: Mapping[str, str]) -> wire.Result:
    return wire.Result(id=row.get("Id") or None, errors=(wire.ApiError(code="SERVER_UNAVAILABLE", message="the job left this record out"),))


def _files(writes: Iterable[Write], columns: Sequence[str]) -> Iterator[tuple[list[Write], bytes]]:
    """Writes with their CSV, cut by size. Fields a write does not name stay empty: left unchanged."""
    part: list[Write] = []
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("Id", *columns))
    for write in writes:
        cells = (wire.csv_cell(write.fields[c]) if c in write.fields else "" for c in columns)
        writer.writerow((write.id, *cells))
        part.append(write)
        if out.tell() > JOB_CHARACTERS:
            yield part, out.getvalue().encode()
            part, out = [], io.StringIO(newline="")
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(("Id", *columns))
    if part:
        yield part, out.getvalue().encode()
