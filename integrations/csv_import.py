"""Read a file of history: find out how it is written, make each row a `Past`, write in batches, resume.

Every batch is one transaction, which also notes how far the file is done, so a crash costs one batch at most.
A bad row is reported with its line and field, and the others land. See docs/import.md.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import DataError, IntegrityError, connection, transaction

from core.errors import Conflict, FieldError, ValidationFailed
from core.numbers import is_plain
from integrations.history import Raced, record
from integrations.mappings import CUSTOM, DATE_FIELDS, DATED, DUE_FIELDS, Mapping, is_file
from integrations.models import ImportRun
from integrations.past import Owner, Past
from leads.incoming import CompanyIn, LeadIn, check
from leads.lifecycle import Stage
from leads.matching import normalise_email
from leads.models import Lead
from tenants.audit import record_change
from tenants.context import tenant_scope
from tenants.models import Tenant
from web.csv_text import encoding_of, not_text_in, said, undivided

MAX_BYTES: Final = 512 * 1024 * 1024
MAX_ROWS: Final = 200_000
BATCH: Final = 500
MOST_ERRORS: Final = 1_000
_TRIES: Final = 3
_AHEAD: Final = timedelta(days=1)  # days without a time may be today's in any zone
#: Where reports begin (reporting.params). What a CRM writes for "never", like 1900 or the year 1, would also
#: have every rebuild count through the centuries since.
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC) - _AHEAD
_TO_ITS_END: Final = timedelta(days=1, seconds=-1)  # what is due on a day is due by its end
_LIMITS: Final = {
    "country": Lead._meta.get_field("country").max_length or 0,
    "region": Lead._meta.get_field("region").max_length or 0,
    "company_name": Lead._meta.get_field("company_name").max_length or 0,
    "owner_email": 254,
    "owner_ref": 120,
    "owner_name": 120,
    "owner_team": 120,
}


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row. line: of the file, from 1, where the row begins."""

    line: int
    field: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.line, "field": self.field, "message": self.message}


@dataclass(slots=True)
class Report:
    """What an import did, or would do. skipped: rows that an earlier, broken-off run had done. left_out: rows
    that the mapping does not count, or about nobody who is here.

    encoding: as which the file was read. used, unused: its columns that the mapping knows, and the others.
    warning: what the columns leave open that history lives by; "" for nothing.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0
    left_out: int = 0
    encoding: str = ""
    used: Sequence[str] = ()
    unused: Sequence[str] = ()
    warning: str = ""
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, error: RowError) -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)


@dataclass(frozen=True, slots=True)
class Joined:
    """A second file, by the column that both have. place: of that column in the first."""

    header: list[str]
    place: int
    rows: dict[str, list[list[str]]]
    digest: str

    def of(self, cells: Sequence[str]) -> list[list[str]]:
        """The rows that go with one of the first file; one of blanks where there is none."""
        key = cells[self.place].strip() if self.place < len(cells) else ""
        return self.rows.get(key) or [[""] * len(self.header)]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that has been looked through. fields: of each column, by its place; empty for one unmapped."""

    path: Path
    digest: str
    encoding: str
    delimiter: str
    rows: int
    fields: tuple[tuple[str, ...], ...]
    only: tuple[tuple[int, tuple[str, ...]], ...] = ()  # place of a column, and the texts that count
    joined: Joined | None = None
    used: tuple[str, ...] = ()  # names of columns that the mapping knows, as the file writes them
    unused: tuple[str, ...] = ()

    def counts(self, cells: Sequence[str]) -> bool:
        """Whether the mapping counts such a row."""
        return len(cells) != len(self.fields) or all(
            cells[place].strip().casefold() in texts for place, texts in self.only
        )

    def read(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row that is not blank."""
        with self.path.open(encoding=self.encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=self.delimiter)
            next(reader)
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    for more in self.joined.of(cells) if self.joined else [[]]:
                        yield line, [*cells, *more]
                line = reader.line_num + 1


Progress = Callable[[Report, int], None]


def import_file(
    path: Path,
    *,
    tenant: Tenant,
    mapping: Mapping,
    now: datetime,
    dry_run: bool = False,
    progress: Progress | None = None,
    batch: int = BATCH,
    join: Path | None = None,
) -> Report:
    """Import a file of history into an organisation; opens its own transactions, a batch each.

    dry_run: everything is done and taken back, so what the database would refuse is found too; nothing stays.
    join: the second file of a mapping that joins two.
    progress: told the report and the number of rows of the file after each batch.
    Raises ValidationFailed for a file that cannot be read by this mapping, Conflict where another process
    imports the same file at this moment.
    """
    source = look_through(path, mapping, join)
    zone = ZoneInfo(mapping.time_zone or tenant.time_zone)
    report = Report(
        encoding=said(source.encoding),
        used=source.used,
        unused=source.unused,
        warning=_warning(source, mapping),
    )
    run = None if dry_run else _open_run(source, tenant, mapping, now, report)
    actor = f"import:{run.id}" if run else "import:dry-run"
    seen: set[str] = set()
    done = report.skipped
    for rows in _batches(source, batch, skip=done):
        good: list[tuple[int, Past]] = []
        errors: list[RowError] = []
        for line, cells in rows:
            if not source.counts(cells):
                report.left_out += 1
                continue
            past, wrong = read_row(cells, source, mapping, zone, now)
            if past is None:
                errors += [RowError(line, each.path, each.message) for each in wrong[:1]]
            else:
                good.append((line, past))
        done += len(rows)
        step = _Step(tenant, mapping, actor, now, run, done - len(rows), done, seen if dry_run else None)
        report = _do_batch(good, errors, step, report)
        if progress is not None:
            progress(report, source.rows)
    report.errors.sort(key=lambda error: error.line)
    if run is not None:
        _close_run(run, tenant, actor, report, now)
    return report


# --- The file ---


def look_through(path: Path, mapping: Mapping, join: Path | None = None) -> SourceFile:
    """Read the file once: digest, encoding, header, number of rows. Raises ValidationFailed."""
    if not is_file(path):
        raise ValidationFailed(f"There is no file {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise ValidationFailed(f"The file has more than {MAX_BYTES // 1024 // 1024} MB; split it.")
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    encoding = _encoding(path, head, mapping)
    delimiter = mapping.delimiter or _delimiter(path, encoding)
    try:
        with path.open(encoding=encoding, newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter)
            header = next(reader, [])
            rows = sum(any(cell.strip() for cell in cells) for cells in reader)
    except csv.Error as error:
        raise ValidationFailed(f"Line {reader.line_num} of the file is no CSV: {error}.") from error
    if rows > MAX_ROWS:
        raise ValidationFailed(f"The file has {rows:,} rows; the most is {MAX_ROWS:,}. Split it.")
    joined = _join(header, mapping, join)
    if joined is not None:
        header = [*header, *joined.header]
        digest.update(joined.digest.encode())
    fields, names = _fields(header, mapping), _names(header)
    only = tuple((names.index(name), texts) for name, texts in mapping.only.items() if name in names)
    if mapping.only and not only:
        raise ValidationFailed(
            f"The mapping {mapping.name} tells rows by {', '.join(mapping.only)}; none is here."
        )
    read = {*mapping.columns, *mapping.only, mapping.join}
    shown = [name.strip().lstrip("\ufeff") for name in header]
    used = tuple(each for each in shown if each and each.casefold() in read)
    unused = tuple(each for each in shown if each and each.casefold() not in read)
    return SourceFile(path, digest.hexdigest(), encoding, delimiter, rows, fields, only, joined, used, unused)


def _warning(source: SourceFile, mapping: Mapping) -> str:
    """What a file of this mapping can never say, where it is what reports begin with: one that adds to leads
    that are here need not say it."""
    known = {*mapping.constants, *(each for named in source.fields for each in named)}
    if mapping.update_only or known & {"stage", *DATED}:
        return ""
    return (
        "No column gives a stage or the date of one, so nobody becomes an MQL by this file: is this its"
        " mapping?"
    )


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lstrip("\ufeff").casefold() for name in header]


def _join(header: Sequence[str], mapping: Mapping, path: Path | None) -> Joined | None:
    """The second file of a mapping that joins two; its key column is left out. Raises ValidationFailed."""
    if not mapping.join:
        if path is not None:
            raise ValidationFailed(f"The mapping {mapping.name} joins no second file.")
        return None
    if path is None:
        raise ValidationFailed(f"The mapping {mapping.name} needs a second file, joined by {mapping.join}.")
    second = look_through(path, replace(mapping, join="", only={}, columns=mapping.columns), None)
    with path.open(encoding=second.encoding, newline="") as stream:
        names = _names(next(csv.reader(stream, delimiter=second.delimiter), []))
    own = _names(header)
    if mapping.join not in own or mapping.join not in names:
        raise ValidationFailed(f"Both files need a column {mapping.join}.")
    place = names.index(mapping.join)
    kept = [at for at, name in enumerate(names) if at != place and name not in own]
    rows: dict[str, list[list[str]]] = {}
    for _, cells in second.read():
        if len(cells) == len(names):
            rows.setdefault(cells[place].strip(), []).append([cells[at] for at in kept])
    return Joined([names[at] for at in kept], own.index(mapping.join), rows, second.digest)


def _encoding(path: Path, head: bytes, mapping: Mapping) -> str:
    """What its mark says, else what the mapping names, else UTF-8: never a guess. Raises ValidationFailed."""
    marked = encoding_of(head)
    encoding = marked if marked != "utf-8" else mapping.encoding or marked
    line = 1
    try:
        "".encode(encoding)  # of codecs that are none of text, like hex, a decoder may be had too
        decoder = codecs.getincrementaldecoder(encoding)()
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        way_out = "import that, or say what it is written in, in the mapping or as --encoding cp1252"
        raise ValidationFailed(not_text_in(encoding, line, way_out).message) from error
    except UnicodeError as error:  # UTF-16 and UTF-32 whose file does not say in which order
        raise ValidationFailed(f"The file is not written in {encoding}: {error}.") from error
    except (LookupError, ValueError) as error:
        raise ValidationFailed(f"The mapping names an unknown encoding: {encoding[:40]!r}.") from error
    return encoding


def _delimiter(path: Path, encoding: str) -> str:
    """The one of comma, semicolon, tab and bar that parts the header into most columns."""
    with path.open(encoding=encoding, newline="") as stream:
        first = stream.readline(1 << 20)
    try:
        return max(
            (",", ";", "\t", "|"),
            key=lambda each: len(next(csv.reader(io.StringIO(first), delimiter=each), [])),
        )
    except csv.Error as error:
        raise ValidationFailed(f"Line 1 of the file is no CSV: {error}.") from error


def _fields(header: Sequence[str], mapping: Mapping) -> tuple[tuple[str, ...], ...]:
    names = _names(header)
    fields = tuple(mapping.columns.get(name, ()) for name in names)
    known = {each for named in fields for each in named}
    doubled = sorted({name for name in names if name and names.count(name) > 1 and name in mapping.columns})
    if doubled:
        raise ValidationFailed(f"The file has two columns named {doubled[0]!r}.")
    if not {"external_id", "email"} & known:
        wanted = [name for name, named in mapping.columns.items() if {"external_id", "email"} & set(named)]
        raise ValidationFailed(
            f"No column says who a row is: the mapping {mapping.name} knows {', '.join(wanted)};"
            f" the file has {', '.join(names[:20]) or 'no header'}."
        )
    return fields


def _batches(source: SourceFile, size: int, *, skip: int) -> Iterator[list[tuple[int, list[str]]]]:
    rows: list[tuple[int, list[str]]] = []
    for number, row in enumerate(source.read()):
        if number < skip:
            continue
        rows.append(row)
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def _identities(past: Past) -> list[str]:
    found = [f"id:{past.lead.external_id}"] if past.lead.external_id else []
    email = normalise_email(past.lead.email)
    return [*found, f"mail:{email}"] if email else found


def _different_people(rows: Sequence[tuple[int, Past]]) -> Iterator[list[tuple[int, Past]]]:
    """Parts in which nobody comes twice, in the file's order: a later row builds on the earlier one."""
    part: list[tuple[int, Past]] = []
    names: set[str] = set()
    for line, past in rows:
        own = _identities(past)
        if names.intersection(own):
            yield part
            part, names = [], set()
        part.append((line, past))
        names.update(own)
    if part:
        yield part


# --- One row ---


def read_row(
    cells: Sequence[str], source: SourceFile, mapping: Mapping, zone: ZoneInfo, now: datetime
) -> tuple[Past | None, list[FieldError]]:
    """A row as history, or what is wrong with it, each at its field."""
    if len(cells) != len(source.fields):
        text = f"The row has {len(cells)} values and the header {len(source.fields)}."
        return None, [FieldError("", text, "columns")]
    told, custom = _told(cells, source, mapping)
    errors: list[FieldError] = []
    dates: dict[str, datetime] = {}
    is_day: dict[str, bool] = {}
    for name in DATE_FIELDS:
        if told.get(name):
            try:
                dates[name], is_day[name] = mapping.read_moment(told[name], zone)
            except (ValueError, OverflowError):
                errors.append(FieldError(name, f"{told[name]!r} is no date that the mapping knows."))
                continue
            if name in DUE_FIELDS and is_day[name]:
                dates[name] += _TO_ITS_END
            if dates[name] > now + _AHEAD and name not in DUE_FIELDS:
                errors.append(FieldError(name, f"{told[name]} lies in the future."))
            if dates[name] < _EARLIEST:
                text = f"{told[name]} lies before 2000: no report goes back so far."
                errors.append(FieldError(name, f"{text} Leave out a date that is not known."))
    stage = _stage(told.get("stage", ""), mapping, errors)
    numbers = {name: _number(told.get(name, ""), name, errors) for name in _NUMBERS}
    reached = {stage: dates[name] for name, stage in DATED.items() if name in dates}
    is_change = mapping.changes and stage is not None and "stage_at" in dates
    if is_change and stage is not None:
        reached[stage] = dates["stage_at"]
        is_day[f"{stage}_at"] = is_day["stage_at"]
    past = Past(
        lead=LeadIn(
            email=told.get("email", ""),
            external_system=mapping.external_system if told.get("external_id") else "",
            external_id=told.get("external_id", ""),
            first_name=told.get("first_name", ""),
            last_name=told.get("last_name", ""),
            title=told.get("title", ""),
            phone=told.get("phone", ""),
            postal_code=told.get("postal_code", ""),
            company=CompanyIn(
                name=told.get("company_name", ""),
                domain=told.get("company_domain", ""),
                employees=numbers["company_employees"],
                revenue=numbers["company_revenue"],
                industry=told.get("company_industry", ""),
                country=told.get("company_country", ""),
                region=told.get("company_region", ""),
            ),
            source=told.get("source", ""),
            campaign=told.get("campaign", ""),
            channel=told.get("channel", ""),
            score=numbers["score"],
            custom=custom,
        ),
        country=told.get("country", ""),
        region=told.get("region", ""),
        stage=None if is_change else stage,
        stage_at=None if is_change else dates.get("stage_at"),
        created_at=dates.get("created_at"),
        first_touch_at=dates.get("first_touch_at"),
        touched_at=dates.get("touched_at"),
        first_touch_due_at=dates.get("first_touch_due_at"),
        decision_due_at=dates.get("decision_due_at"),
        decided_at=dates.get("decided_at"),
        is_day=is_day,
        file=source.path.name[:200],
        dates=reached,
        is_change=is_change,
        owner=Owner(
            told.get("owner_email", ""),
            told.get("owner_ref", ""),
            told.get("owner_name", ""),
            told.get("owner_team", ""),
        ),
    )
    errors += [
        FieldError(name, f"At most {limit} characters.")
        for name, limit in _LIMITS.items()
        if len(told.get(name, "")) > limit
    ]
    refusal = check(past.lead, now)
    if refusal is not None:
        errors += [
            FieldError(error.path.lstrip("/").replace("company/", "company_"), error.message)
            for error in refusal.field_errors
        ]
    errors += [
        FieldError(name, "This text cannot be stored.") for name, text in told.items() if "\x00" in text
    ]
    return (None, errors) if errors else (past, [])


_NUMBERS: Final = ("score", "company_employees", "company_revenue")


def _told(
    cells: Sequence[str], source: SourceFile, mapping: Mapping
) -> tuple[dict[str, str], dict[str, str]]:
    """What the row says, by field, trimmed and translated; the first column with a value counts, of dates one
    with a time before one without. And the tenant's own fields."""
    told = dict(mapping.constants)
    for names, cell in zip(source.fields, cells, strict=True):
        text = cell.strip()
        for name in names:
            meant = mapping.values.get(name, {}).get(text.casefold())
            value = text if meant is None or name == "stage" else meant
            present = told.get(name)
            is_finer = name in DATE_FIELDS and present and ":" in value and ":" not in present
            if value and (not present or present == mapping.constants.get(name) or is_finer):
                told[name] = value
    custom = {name.removeprefix(CUSTOM): told.pop(name) for name in list(told) if name.startswith(CUSTOM)}
    return told, custom


def _stage(text: str, mapping: Mapping, errors: list[FieldError]) -> Stage | None:
    known = mapping.values.get("stage", {})
    meant = known.get(text.casefold(), text.lower() if text.lower() in Stage.values else None)
    if not text or meant == "":
        return None
    if meant is None:
        errors.append(FieldError("stage", f"The mapping does not say which stage {text!r} is."))
        return None
    return Stage(meant)


def _number(text: str, name: str, errors: list[FieldError]) -> int | None:
    plain = undivided(text)
    if not plain:
        return None
    try:
        return int(float(plain)) if len(plain) <= 30 and is_plain(plain) else int("")
    except (ValueError, OverflowError):
        errors.append(FieldError(name, f"{text[:40]!r} is no number."))
        return None


# --- Batches ---


@dataclass(frozen=True, slots=True)
class _Step:
    """One batch's place in the run: rows `before` are done, rows up to `after` will be. seen: whom a dry run
    has met, since it keeps nothing; None for a real one."""

    tenant: Tenant
    mapping: Mapping
    actor: str
    now: datetime
    run: ImportRun | None
    before: int
    after: int
    seen: set[str] | None


def _do_batch(
    good: Sequence[tuple[int, Past]], errors: Sequence[RowError], step: _Step, report: Report
) -> Report:
    """Write one batch and how far the file is done, in one transaction; the report as it is then.

    Starts again where another process brought one of these people at the same moment.
    """
    for attempt in range(_TRIES):
        draft = replace(report, errors=list(report.errors), rows=report.rows + step.after - step.before)
        try:
            with tenant_scope(step.tenant.id):
                _forget_plans()
                if step.run is not None:
                    _check_run(step.run, step.before)
                for part in _different_people(good):
                    _land(part, step, draft)
                for error in errors:
                    draft.refuse(error)
                if step.run is not None:
                    _note(step.run, step.after, draft)
                else:
                    transaction.set_rollback(True)
            return draft
        except Raced:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _forget_plans() -> None:
    """Have the checks of foreign keys planned for tables as long as they are by now.

    A connection plans each of them once. Where that was on tables almost empty it reads them from end to end
    for every row, and goes on to until somebody counts the tables anew: a file of history fills them sooner.
    """
    with connection.cursor() as cursor:
        cursor.execute("discard plans")


def _land(rows: Sequence[tuple[int, Past]], step: _Step, report: Report) -> None:
    """Write different people; row by row where the database refuses the whole."""
    try:
        with transaction.atomic():
            answers = record(
                [past for _, past in rows],
                tenant=step.tenant,
                actor=step.actor,
                now=step.now,
                update_only=step.mapping.update_only,
            )
            connection.check_constraints()
    except (DataError, IntegrityError) as error:
        if len(rows) > 1:
            for row in rows:
                _land([row], step, report)
            return
        first = str(error).partition("\n")[0]
        report.refuse(RowError(rows[0][0], "", f"The database refused this row: {first}"))
        return
    for (line, past), answer in zip(rows, answers, strict=True):
        if isinstance(answer, FieldError):
            if answer.code == "not_found" and step.mapping.leaves_out_unknown:
                report.left_out += 1
                continue
            report.refuse(RowError(line, answer.path, answer.message))
            continue
        met = step.seen is not None and step.seen.intersection(_identities(past))
        if step.seen is not None:
            step.seen.update(_identities(past))
        if answer == "created" and not met:
            report.created += 1
        elif answer == "unchanged":
            report.unchanged += 1
        else:
            report.updated += 1


def _check_run(run: ImportRun, before: int) -> None:
    """Hold the run's row: nobody else may be at this file."""
    held = ImportRun.objects.select_for_update(of=("self",)).get(id=run.id)
    if held.rows_done != before or held.finished_at is not None:
        raise Conflict("Another process imports this file at this moment; this one stops here.")


def _mapping_key(mapping: Mapping) -> str:
    """Name and content of the mapping: a changed one is another import, which never goes on in the middle."""
    content = json.dumps(
        [
            mapping.columns,
            mapping.constants,
            mapping.values,
            mapping.dates,
            mapping.time_zone,
            mapping.external_system,
            mapping.update_only,
            mapping.only,
            mapping.changes,
            mapping.leaves_out_unknown,
            mapping.join,
        ],
        sort_keys=True,
    )
    return f"{mapping.name[:60]}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _open_run(
    source: SourceFile, tenant: Tenant, mapping: Mapping, now: datetime, report: Report
) -> ImportRun:
    """The unfinished run of this file by this mapping, or a new one."""
    with tenant_scope(tenant.id):
        run, fresh = ImportRun.objects.get_or_create(
            file_hash=source.digest,
            mapping=_mapping_key(mapping),
            finished_at=None,
            defaults={"file_name": source.path.name[:200], "started_at": now},
        )
    if not fresh:
        report.skipped = run.rows_done
        report.created, report.updated, report.failed = run.created, run.updated, run.failed
        report.unchanged = run.rows_done - run.created - run.updated - run.failed
        report.errors = [RowError(**each) for each in run.errors]
    return run  # type: ignore[no-any-return]


def _note(run: ImportRun, rows_done: int, report: Report) -> None:
    """Write how far the file is done."""
    ImportRun.objects.filter(id=run.id).update(
        rows_done=rows_done,
        created=report.created,
        updated=report.updated,
        failed=report.failed,
        errors=[error.as_dict() for error in report.errors],
    )


def _close_run(run: ImportRun, tenant: Tenant, actor: str, report: Report, now: datetime) -> None:
    with tenant_scope(tenant.id):
        ImportRun.objects.filter(id=run.id).update(finished_at=now)
        record_change(
            actor=actor,
            action="imported",
            object_type="importrun",
            object_id=run.id,
            after={
                "file": run.file_name,
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "failed": report.failed,
            },
            now=now,
        )
