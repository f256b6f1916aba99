"""Bulk API 2.0: ingest and query jobs with their states, CSV uploads and CSV results."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crmsync_salesforce.sim import removal, saving
from crmsync_salesforce.sim.errors import SalesforceError, malformed_id, not_found
from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.ids import make_id, normalise_id
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.query import Scope, open_scope
from crmsync_salesforce.sim.rows import external_key, live_matches, saver_of
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.soql import Aggregate, Path, Query
from crmsync_salesforce.sim.values import coerce

DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
NULL = "#N/A"
CSV = "text/csv;charset=UTF-8"


@dataclass(slots=True, kw_only=True)
class Job:
    """A job with its uploaded data and its results. `rows` of a query job are the CSV cells. assign: whether the lead assignment rule runs."""

    id: str
    info: dict[str, Any]
    data: str = ""
    polls: int = 0
    columns: list[str] = field(default_factory=list)
    done: list[list[str]] = field(default_factory=list)
    bad: list[list[str]] = field(default_factory=list)
    left: list[list[str]] = field(default_factory=list)
    outcome: str = "JobComplete"
    assign: bool = False

    @property
    def state(self) -> str:
        """The job's state word."""
        return str(self.info["state"])


class Bulk:
    """Handlers of jobs/ingest and jobs/query."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: dict[str, Job] = {}
        self._count = 0

    def routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        """Method, address pattern and handler of every bulk call."""
        job = r"(\w{15}|\w{18})"
        return [
            ("POST", "/jobs/ingest", self.open),
            ("GET", "/jobs/ingest", self.jobs),
            ("PUT", f"/jobs/ingest/{job}/batches", self.upload),
            ("PATCH", f"/jobs/ingest/{job}", self.close),
            ("GET", f"/jobs/ingest/{job}", self.status),
            ("DELETE", f"/jobs/ingest/{job}", self.remove),
            ("GET", f"/jobs/ingest/{job}/(successfulResults|failedResults|unprocessedrecords|unprocessedRecords)", self.results),
            ("POST", "/jobs/query", self.open_query),
            ("GET", f"/jobs/query/{job}", self.status),
            ("PATCH", f"/jobs/query/{job}", self.close),
            ("DELETE", f"/jobs/query/{job}", self.remove),
            ("GET", f"/jobs/query/{job}/results", self.query_results),
        ]

    # ---- life of a job ----------------------------------------------------------------------------------------
    def open(self, call: Call) -> Reply:
        """POST jobs/ingest."""
        body = call.object()
        operation = body.get("operation")
        if operation not in OPERATIONS:
            raise SalesforceError("INVALIDJOB", f"InvalidJob : unknown operation {operation}")
        kind = self._org.known(str(body.get("object", "")))
        if kind is None or kind.tooling or not kind.writable:
            raise SalesforceError("INVALIDENTITY", f"InvalidEntity : Entity '{body.get('object')}' is not supported by the Bulk API.")
        key = body.get("externalIdFieldName")
        if operation == "upsert":
            if not key:
                raise SalesforceError("INVALIDJOB", "InvalidJob : The externalIdFieldName property is required for upsert")
            if str(key).lower() != "id":
                external_key(self._org, call.user, kind, str(key))
        if body.get("columnDelimiter", "COMMA") not in DELIMITERS or body.get("lineEnding", "LF") not in ENDINGS:
            raise SalesforceError("INVALIDJOB", "InvalidJob : unknown column delimiter or line ending")
        info = self._info(call, operation, kind.name, "Open")
        if key:
            info["externalIdFieldName"] = key
        info["contentUrl"] = f"services/data/{call.version}/jobs/ingest/{info['id']}/batches"
        info["lineEnding"] = body.get("lineEnding", "LF")
        info["columnDelimiter"] = body.get("columnDelimiter", "COMMA")
        assign = self._org.options.assign_in_bulk and saver_of(call).assign
        self._jobs[info["id"]] = Job(id=info["id"], info=info, assign=assign)
        return Reply(body=info)

    def _info(self, call: Call, operation: str, name: str, state: str) -> dict[str, Any]:
        self._count += 1
        now = self._org.now_stamp()
        return {
            "id": make_id("750", self._count),
            "operation": operation,
            "object": name,
            "createdById": call.user,
            "createdDate": now,
            "systemModstamp": now,
            "state": state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version.removeprefix("v")),
        }

    def _job(self, job_id: str) -> Job:
        job = self._jobs.get(normalise_id(job_id) or "")
        if job is None:
            raise not_found()
        return job

    def jobs(self, call: Call) -> Reply:
        """GET jobs/ingest."""
        records = [job.info for job in self._jobs.values() if "contentUrl" in job.info]
        return Reply(body={"done": True, "nextRecordsUrl": None, "records": records})

    def upload(self, call: Call, job_id: str) -> Reply:
        """PUT jobs/ingest/{id}/batches: once, 201."""
        job = self._job(job_id)
        if job.state != "Open" or job.data:
            raise SalesforceError("INVALIDJOBSTATE", "InvalidJobState : the job takes no more data")
        if len(call.body) > 150_000_000:
            raise SalesforceError("CLIENT_ERROR", "the upload exceeds 150 MB", status=413)
        try:
            job.data = call.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SalesforceError("INVALIDBATCH", "InvalidBatch : the data is not UTF-8") from None
        return Reply(status=201)

    def close(self, call: Call, job_id: str) -> Reply:
        """PATCH jobs/...: UploadComplete starts the work, Aborted gives up."""
        job = self._job(job_id)
        state = call.object().get("state")
        if state not in ("UploadComplete", "Aborted") or job.state not in ("Open", "UploadComplete", "InProgress"):
            raise SalesforceError("INVALIDJOBSTATE", f"InvalidJobState : cannot change state from {job.state} to {state}")
        if state == "UploadComplete" and job.state != "Open":
            raise SalesforceError("INVALIDJOBSTATE", f"InvalidJobState : cannot change state from {job.state} to {state}")
        job.info["state"] = state
        if state == "UploadComplete":
            self._work(call, job)
        hidden = ("contentUrl", "lineEnding", "columnDelimiter", "errorMessage")
        return Reply(body={key: value for key, value in job.info.items() if key not in hidden})

    def status(self, call: Call, job_id: str) -> Reply:
        """GET jobs/.../{id}: InProgress for as many calls as the option says, then the outcome."""
        job = self._job(job_id)
        if job.state in ("UploadComplete", "InProgress"):
            job.polls += 1
            waiting = job.polls <= self._org.options.bulk_polls
            job.info["state"] = "InProgress" if waiting else job.outcome
            job.info["systemModstamp"] = self._org.now_stamp()
        finished = job.state in ("JobComplete", "Failed")
        bad = len(job.bad) if finished else 0
        processed = len(job.done) + bad if finished else 0
        shown = {
            **job.info,
            "jobType": "V2Query" if job.info["operation"].startswith("query") else "V2Ingest",
            "numberRecordsProcessed": processed,
            "retries": 0,
            "totalProcessingTime": processed,
        }
        if shown["jobType"] == "V2Ingest":
            shown |= {"numberRecordsFailed": bad, "apiActiveProcessingTime": processed, "apexProcessingTime": 0}
        if not finished:
            shown.pop("errorMessage", None)
        if job.state != "Open":
            shown.pop("contentUrl", None)
        return Reply(body=shown)

    def remove(self, call: Call, job_id: str) -> Reply:
        """DELETE jobs/.../{id}: 204 with an empty body; only finished jobs."""
        job = self._job(job_id)
        if job.state in ("UploadComplete", "InProgress"):
            raise SalesforceError("INVALIDJOBSTATE", "InvalidJobState : the job is still running")
        del self._jobs[job.id]
        return Reply(status=204)

    # ---- ingest -----------------------------------------------------------------------------------------------
    def _work(self, call: Call, job: Job) -> None:
        kind = self._org.kind(job.info["object"])
        reader = csv.reader(io.StringIO(job.data, newline=""), delimiter=DELIMITERS[job.info["columnDelimiter"]])
        rows = [row for row in reader if row]
        if not rows:
            self._fail(job, "InvalidBatch : The 'Batch' is empty", [])
            return
        job.columns, records = rows[0], rows[1:]
        view = self._org.view(kind, call.user)
        for column in job.columns:
            relation, _, _ = column.partition(".")
            if column.lower() not in view and ("." not in column or relation.lower() not in kind.parents):
                self._fail(job, f"InvalidBatch : Field name not found : {column}", records)
                return
        saver = Saver(user=call.user, channel="bulk", assign=job.assign)
        for cells in records:
            mark = self._org.mark()
            try:
                record_id, made = self._one(call, job, kind, cells, saver)
                job.done.append([record_id, str(made).lower(), *cells])
            except SalesforceError as error:
                self._org.rollback(mark)
                job.bad.append(["", error.cell(), *cells])

    @staticmethod
    def _fail(job: Job, message: str, records: list[list[str]]) -> None:
        job.outcome, job.left = "Failed", records
        job.info["errorMessage"] = message

    def _one(self, call: Call, job: Job, kind: ObjectType, cells: list[str], saver: Saver) -> tuple[str, bool]:
        if len(cells) != len(job.columns):
            raise SalesforceError("INVALID_CSV_LINE_FORMAT", "the row has another number of cells than the header", fields=[])
        # an empty cell leaves the field alone, #N/A makes it null [GK]
        given = {name: cell for name, cell in zip(job.columns, cells, strict=True) if cell != ""}
        fields: dict[str, Any] = {}
        for name, cell in given.items():
            relation, dot, key = name.partition(".")
            value = None if cell == NULL else cell
            if dot:
                fields[relation] = {key: value}
            else:
                fields[name] = value
        columns = {name: index for index, name in enumerate(job.columns)}
        operation = job.info["operation"]
        given_id = next((value for name, value in fields.items() if name.lower() == "id"), None)
        if operation == "insert":
            return saving.create(self._org, kind.name, fields, saver, columns=columns), True
        if operation == "upsert" and str(job.info["externalIdFieldName"]).lower() != "id":
            key_field = external_key(self._org, call.user, kind, str(job.info["externalIdFieldName"]))
            value = next((held for name, held in fields.items() if name.lower() == key_field.name.lower()), None)
            if value is None:
                raise SalesforceError("MISSING_ARGUMENT", f"{key_field.name} not specified", fields=[])
            matches = live_matches(self._org, kind, key_field, coerce(key_field, value))
            if len(matches) > 1:
                message = f"{key_field.name}: more than one record found for external id field"
                raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, fields=[])
            if not matches:
                return saving.create(self._org, kind.name, fields, saver, columns=columns), True
            given_id = matches[0]
        if given_id is None:
            raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", fields=[])
        full = normalise_id(str(given_id))
        if full is None:
            raise malformed_id(str(given_id))
        if self._org.row(kind.name, full) is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
        if operation in ("delete", "hardDelete"):
            removal.delete(self._org, kind.name, full, saver)
            return full, False
        saving.update(self._org, kind.name, full, fields, saver, columns=columns)
        return full, False

    def results(self, call: Call, job_id: str, which: str) -> Reply:
        """GET successfulResults, failedResults or unprocessedRecords as CSV."""
        job = self._job(job_id)
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            raise SalesforceError("INVALIDJOBSTATE", "InvalidJobState : results exist when the job is done")
        head = {"successfulResults": ["sf__Id", "sf__Created"], "failedResults": ["sf__Id", "sf__Error"]}.get(which, [])
        rows = {"successfulResults": job.done, "failedResults": job.bad}.get(which, job.left)
        return Reply(body=_csv([[*head, *job.columns], *rows]).encode(), content_type=CSV)

    # ---- query ------------------------------------------------------------------------------------------------
    def open_query(self, call: Call) -> Reply:
        """POST jobs/query: queries are checked at once, run at once, shown as running for a while."""
        body = call.object()
        if body.get("operation") not in ("query", "queryAll"):
            raise SalesforceError("INVALIDJOB", f"InvalidJob : unknown operation {body.get('operation')}")
        scope = open_scope(
            self._org,
            str(body.get("query", "")),
            user=call.user,
            include_deleted=body["operation"] == "queryAll",
            version=call.version,
        )
        _check_bulk(scope)
        info = self._info(call, body["operation"], scope.kind.name, "UploadComplete")
        info["lineEnding"], info["columnDelimiter"] = "LF", "COMMA"
        shape, columns = scope.shaper(), scope.columns()
        job = Job(id=info["id"], info=info, columns=[".".join(column) for column in columns])
        for row in scope.rows():
            record = shape(row)
            job.done.append([_cell(_at(record, column)) for column in columns])
        self._jobs[job.id] = job
        return Reply(body=info)

    def query_results(self, call: Call, job_id: str) -> Reply:
        """GET jobs/query/{id}/results?maxRecords&locator with Sforce-Locator (`null` at the end)."""
        job = self._job(job_id)
        if job.state != "JobComplete":
            raise SalesforceError("INVALIDJOBSTATE", "InvalidJobState : results exist when the job is done")
        size = call.query.get("maxRecords", "50000")
        locator = call.query.get("locator", "0") or "0"
        if not size.isdigit() or not locator.isdigit() or int(size) < 1:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        start = int(locator)
        page = job.done[start : start + int(size)]
        end = start + len(page)
        headers = {
            "Sforce-Locator": str(end) if end < len(job.done) else "null",
            "Sforce-NumberOfRecords": str(len(page)),
        }
        return Reply(body=_csv([job.columns, *page]).encode(), headers=headers, content_type=CSV)


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _check_bulk(scope: Scope) -> None:
    """Refuse what Bulk 2.0 queries cannot print as CSV. [GK]"""
    query = scope.query
    refused = None
    if query.group_by or any(isinstance(item, Aggregate) for item in query.select):
        refused = "Aggregate Relationships not supported in Bulk Query"
    elif any(isinstance(item, Query) for item in query.select):
        refused = "Nested queries are not supported in Bulk Query"
    elif query.offset:
        refused = "OFFSET not supported in Bulk Query"
    elif any(scope.resolve(item)[1].type == "address" for item in query.select if isinstance(item, Path)):
        refused = "Selecting compound data not supported in Bulk Query"
    if refused is not None:
        raise SalesforceError("API_ERROR", refused)


def _at(record: dict[str, Any], column: tuple[str, ...]) -> Any:
    value: Any = record
    for name in column:
        if value is None:
            return None
        value = value[name]
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
