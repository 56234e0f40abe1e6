"""The numbers of a month or a quarter, taken from the reports that show them: nothing is counted here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from leads.completeness import MOST_LEADS, by_source, together
from leads.lifecycle import Stage
from reporting import selectors
from reporting.agreement.measured import DAYS, proposals, row_of
from reporting.agreement.models import Agreement
from reporting.commitments.book import Line, book_of
from reporting.commitments.catalog import CATALOG
from reporting.commitments.models import CommitmentTarget
from reporting.commitments.targets import gathered
from reporting.definitions import DURATIONS, STAGES, Share
from reporting.feedback_measures import Feedback
from reporting.leaks.kept import leaks_lately
from reporting.leaks.settings import leak_terms
from reporting.measures import Rate, standing
from reporting.reviews.models import Review
from reporting.reviews.pack import COUNT, PERCENT, SECONDS, STANDING, TEXT, Cell, Column, Pack, Section, Table
from reporting.reviews.periods import Period
from reporting.selectors import Funnel, Question, Rejections, Report
from reporting.selectors.feedback import feedback_of
from sla.targets import Target, label
from tenants import versions
from tenants.audit import names_of_actors
from tenants.models import Tenant, VersionState

#: Rows of a table that may be long.
MOST_ROWS: Final = 20
MOST_LEAKS: Final = 10
#: Told in every pack, whether or not there are clocks of them.
_TOLD: Final = (str(Target.FIRST_TOUCH), str(Target.DECISION), str(Target.ATTEMPTS))


def question_of(tenant: Tenant, first: date, last: date) -> Question:
    """A period of the whole organisation."""
    return Question(zone=ZoneInfo(tenant.time_zone), first=first, last=last)


def pack_of(*, tenant: Tenant, period: Period, now: datetime) -> Pack:
    """Everything of a period as it stands at `now`; what lies ahead is not counted yet. About thirty queries
    for a month, fifty for a quarter, whatever the history."""
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    question = question_of(tenant, period.first, max(period.first, min(period.last, today)))
    sections = [
        compliance(question, tenant, now),
        commitments(tenant, period.months, now),
        funnel(question, now),
        rejections(question, now),
        leaks(question, now),
        _data_quality(question),
        _configuration(question),
    ]
    if period.kind == Review.Kind.QUARTER:
        sections.append(_proposed(tenant, question, now))
    return Pack(sections)


def link(view: str, question: Question, **more: str) -> str:
    """The report with the same days."""
    said = {"from": question.first.isoformat(), "to": question.last.isoformat(), **more}
    return f"{reverse(f'reporting:{view}')}?{urlencode(said)}"


def _columns(first: str, *others: tuple[str, str]) -> list[Column]:
    """A column of names, and others by their head and form."""
    return [Column(first), *(Column(head, form) for head, form in others)]


def compliance(question: Question, tenant: Tenant, now: datetime) -> Section:
    """Deadlines kept, on the company's clock, with and without excuses; and by team."""
    ground = selectors.ground_of(question)
    report = selectors.report(question, "team", now=now, names=selectors.load_names(), ground=ground)
    line = tenant.target_percent
    return Section(
        "compliance",
        "Compliance",
        [_deadlines(report, question, line), _teams(report, question, line)],
        [
            f"The signed line is {line}%. Working time, the company's clock.",
            "Left out of each base are clocks not due yet, and those called off before their deadline.",
            f"Before: the {question.days} days right before.",
        ],
    )


#: What `_rate_cells` gives.
_RATE: Final = (
    ("On time", PERCENT),
    ("Standing", STANDING),
    ("Kept", COUNT),
    ("Of", COUNT),
    ("Without excused", PERCENT),
    ("Excused", COUNT),
    ("Left out", COUNT),
    ("Median", SECONDS),
    ("90% within", SECONDS),
)


def _deadlines(report: Report, question: Question, line: int) -> Table:
    rates = {name: report.whole.rates.get(name, Rate()) for name in [*_TOLD, *report.targets]}
    rows = [
        [label(name), *_rate_cells(rate, line), report.before.get(name, Rate()).percent]
        for name, rate in rates.items()
    ]
    columns = _columns("Target", *_RATE, ("Before", PERCENT))
    return Table("Deadlines", columns, rows, link("compliance", question))


def _teams(report: Report, question: Question, line: int) -> Table:
    rows = [[group.name, *_rate_cells(group.rates[report.lead], line)] for group in report.groups]
    url = link("compliance", question, by="team")
    return Table(f"{label(report.lead)} by team", _columns("Team", *_RATE), rows[:MOST_ROWS], url)


def _rate_cells(rate: Rate, line: int) -> list[Cell]:
    return [
        rate.percent,
        standing(rate.percent, line),
        rate.kept,
        rate.base,
        rate.percent_excused,
        rate.excused,
        rate.left_out,
        rate.median,
        rate.p90,
    ]


COMMITMENT_COLUMNS: Final = (
    Column("Commitment"),
    Column("Side"),
    Column("Target"),
    Column("Actual"),
    Column("Count", COUNT),
    Column("Of", COUNT),
    Column("Left out", COUNT),
    Column("Standing", STANDING),
    Column("Remark"),
)


def commitments(tenant: Tenant, months: list[date], now: datetime) -> Section:
    """What both sides owed each other, by the targets that held in each month."""
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    tables = []
    for month in months:
        if month > today:
            continue
        book = book_of(tenant=tenant, month=month, now=now)
        rows = [_commitment(line) for line in book.lines]
        url = f"{reverse('reporting:commitments')}?month={month:%Y-%m}"
        so_far = "" if book.is_over else ", so far"
        tables.append(Table(f"{month:%B %Y}{so_far}", COMMITMENT_COLUMNS, rows, url))
    return Section(
        "commitments", "Commitments", tables, ["A month is judged by the targets that held in it."]
    )


def _commitment(line: Line) -> list[Cell]:
    share = line.share or Share()
    actual = "" if line.actual is None else f"{line.actual:,.0f}" if line.is_count else f"{line.actual:.1f}%"
    count = None if line.actual is None else int(line.actual) if line.is_count else share.count
    base, left_out = (None, None) if line.is_count or line.share is None else (share.base, share.left_out)
    words = line.term.words or "None set"
    side = line.kind.side.value.capitalize()
    return [line.kind.label, side, words, actual, count, base, left_out, line.status, line.why]


def funnel(question: Question, now: datetime) -> Section:
    """How far the MQLs of the period came, how quickly, and by source."""
    ground = selectors.handoff_ground(question)
    found = selectors.funnel(question, "source", now=now, names=selectors.load_names(), ground=ground)
    lines = [
        "The cohort of the period: leads that became MQL in it, and how far they came until it was counted.",
        "Younger ones are still on their way, so a share can only grow.",
    ]
    if found.leads is not None:
        lines.append(f"Created in the period: {found.subscribers:,}, of which {found.leads:,} became leads.")
    if found.number > MOST_ROWS:
        lines.append(f"The {MOST_ROWS} largest of {found.number:,} sources are listed.")
    tables = [_stages(found, question), _durations(found, question), _sources(found, question)]
    return Section("funnel", "Funnel", tables, lines)


def _stages(found: Funnel, question: Question) -> Table:
    rows: list[list[Cell]] = [
        [
            Stage(stage).label,
            count,
            None if place == 0 else before.percent,
            None if place == 0 else before.base,
            None if place == 0 else of_mqls.percent,
        ]
        for place, (stage, count, before, of_mqls) in enumerate(
            selectors.stages_with_shares(found.whole, None)
        )
    ]
    columns = _columns(
        "Stage", ("Reached", COUNT), ("Of the stage before", PERCENT), ("Base", COUNT), ("Of MQLs", PERCENT)
    )
    return Table("Stages", columns, rows, link("funnel", question))


def _durations(found: Funnel, question: Question) -> Table:
    rows: list[list[Cell]] = [
        [DURATIONS[name].label, spread.median, spread.p90, spread.count]
        for name, spread in found.durations.items()
    ]
    columns = _columns("From and to", ("Median", SECONDS), ("90% within", SECONDS), ("Of", COUNT))
    return Table("How quickly", columns, rows, link("funnel", question))


def _sources(found: Funnel, question: Question) -> Table:
    rows: list[list[Cell]] = []
    for group in found.groups[:MOST_ROWS]:
        accepted = group.tally.acceptance
        reached = [group.tally.reached(stage, None) for stage in STAGES[1:]]
        shares = (accepted.percent, accepted.base, accepted.left_out)
        rows.append([group.name, group.tally.all["mqls"], *shares, *reached])
    columns = _columns(
        "Source",
        ("MQLs", COUNT),
        ("Acceptance", PERCENT),
        ("Answered", COUNT),
        ("Without answer", COUNT),
        *((str(Stage(each).label), COUNT) for each in STAGES[1:]),
    )
    return Table("By source", columns, rows, link("funnel", question, by="source"))


def rejections(question: Question, now: datetime) -> Section:
    """Why sales said no, both figures of the rejection rate, feedback coverage, and what disputes came to."""
    names = selectors.load_names()
    ground = selectors.handoff_ground(question)
    found = selectors.rejections(question, "source", now=now, names=names, ground=ground)
    feedback, _ = feedback_of(question, "source", now=now, names=names)
    return Section(
        "rejections",
        "Rejections and disputes",
        [_reasons(found, question), _answers(feedback, question), _disputes(feedback)],
        [
            "As corrected leaves out rejections that a dispute overturned.",
            "Coverage leaves out answers not due yet, and leads of which no decision was promised.",
        ],
    )


def _reasons(found: Rejections, question: Question) -> Table:
    given = sum(row.count for row in found.reasons)
    rows: list[list[Cell]] = [
        [row.label, row.count, round(100 * row.count / given, 1) if given else None, row.before]
        for row in found.reasons
    ]
    columns = _columns("Reason", ("Rejected", COUNT), ("Share", PERCENT), ("In the period before", COUNT))
    return Table("Reasons", columns, rows, link("rejections", question), "Nothing was rejected.")


def _answers(feedback: Feedback, question: Question) -> Table:
    rows: list[list[Cell]] = [
        [
            "Rejected, as answered",
            feedback.rejected_as_answered,
            feedback.rejected,
            feedback.decided,
            None,
        ],
        [
            "Rejected, as corrected",
            feedback.rejected_as_corrected,
            feedback.corrected,
            feedback.corrected_base,
            feedback.overturned,
        ],
        [
            "Feedback coverage",
            feedback.coverage,
            feedback.answered,
            feedback.expected,
            feedback.not_due + feedback.not_promised,
        ],
    ]
    columns = _columns("Measure", ("Rate", PERCENT), ("Count", COUNT), ("Of", COUNT), ("Left out", COUNT))
    return Table("Answers", columns, rows, link("feedback", question))


def _disputes(feedback: Feedback) -> Table:
    rows: list[list[Cell]] = [
        ["Disputed", feedback.disputed],
        ["Open", feedback.dispute_open],
        ["Upheld", feedback.dispute_upheld],
        ["Overturned", feedback.dispute_overturned],
        ["Criteria to change", feedback.dispute_criteria],
        ["Routing to change", feedback.dispute_routing],
    ]
    columns = _columns("State", ("Number", COUNT))
    return Table("Disputes of the period's leads", columns, rows, reverse("handoff:disputes"))


def leaks(question: Question, now: datetime, most: int = MOST_LEAKS) -> Section:
    """The largest leaks that are beyond chance."""
    found = leaks_lately(question, now, chosen=leak_terms()).value
    rows: list[list[Cell]] = [
        [
            each.title,
            round(each.size.opportunities, 1),
            f"{each.size.low:.1f} to {each.size.high:.1f}",
            each.leads,
            each.evidence,
        ]
        for each in found.findings[:most]
    ]
    columns = _columns(
        "Leak", ("Opportunities lost", COUNT), ("Between", TEXT), ("Leads", COUNT), ("Evidence", TEXT)
    )
    none = "No leak is beyond chance by these numbers."
    return Section(
        "leaks",
        "Leaks",
        [Table("Largest first", columns, rows, link("leaks", question), none)],
        [f"{found.tests:,} tests of {found.leads:,} leads; {len(found.findings):,} findings."],
    )


def _data_quality(question: Question) -> Section:
    found = by_source(question.start, question.end)
    every = together(found)
    rows: list[list[Cell]] = [
        [each.source or "No source given", each.leads, round(100 * each.share, 1)]
        for each in found[:MOST_ROWS]
    ]
    if len(found) > 1:
        rows.append(["All sources", every.leads, round(100 * every.share, 1)])
    lines = ["Of everything that complete leads would have, how much these have. Without imported history."]
    if every.leads >= MOST_LEADS:
        lines.append(f"The newest {MOST_LEADS:,} leads of the period are counted.")
    if len(found) > MOST_ROWS:
        lines.append(f"The {MOST_ROWS} largest of {len(found):,} sources are listed.")
    columns = [Column("Source"), Column("Leads", COUNT), Column("Complete", PERCENT)]
    return Section(
        "data",
        "Data quality",
        [Table("Leads that came in the period", columns, rows, link("data_quality", question))],
        lines,
    )


def _configuration(question: Question) -> Section:
    """What was put in force, promised and signed within the period, the earliest first."""
    found = sorted([*_published(question), *_promised(question), *_signed(question)])
    people = names_of_actors({by for *_, by in found if by})
    rows: list[list[Cell]] = [
        [f"{what}, {at.astimezone(question.zone):%-d %b %Y %H:%M}", said, people.get(by, "")]
        for at, what, said, by in found
    ]
    columns = [Column("What, and when"), Column("Now"), Column("By")]
    return Section("changes", "What was changed", [Table("Configuration", columns, rows)])


_Change = tuple[datetime, str, str, str]


def _published(question: Question) -> Iterator[_Change]:
    for kind in versions.kinds():
        rows = kind.model.objects.filter(
            published_at__gte=question.start,
            published_at__lt=question.end,
            state__in=[VersionState.PUBLISHED, VersionState.RETIRED],
        )
        if kind.model.LINE:
            rows = rows.select_related(kind.model.LINE.removesuffix("_id"))
        for row in rows:
            if row.published_at is not None:
                title = versions.title_of(row)
                yield (
                    row.published_at,
                    title[:1].upper() + title[1:],
                    f"Version {row.number}",
                    row.published_by,
                )


def _promised(question: Question) -> Iterator[_Change]:
    rows = CommitmentTarget.objects.filter(set_at__gte=question.start, set_at__lt=question.end)
    for row in rows:
        kind = CATALOG.get(row.commitment)
        if kind is None:
            continue
        term = gathered([row], 0).of(kind, row.valid_from)
        said = f"{term.words or 'Nothing promised'} from {row.valid_from:%B %Y}: {row.why}"
        yield row.set_at, f"Target of {kind.label}", said, row.set_by


def _signed(question: Question) -> Iterator[_Change]:
    rows = Agreement.objects.filter(in_force_at__gte=question.start, in_force_at__lt=question.end)
    for row in rows.defer("document"):
        if row.in_force_at is not None:
            yield row.in_force_at, "Agreement", f"Version {row.number} in force", ""


def _proposed(tenant: Tenant, question: Question, now: datetime) -> Section:
    """What the quarter's numbers propose for the response times."""
    found = proposals(tenant=tenant, now=min(now, question.end))
    rows: list[list[Cell]] = []
    for each in found.proposals:
        said = row_of(each, found.percent)
        whose = f"{said['unit']}, " if said["unit"] else ""
        name = f"{whose}{said['tier']}: {said['target']}"
        rows.append([name, said["present"], said["proposed"] or "Keep", said["why"]])
    columns = [Column("Target"), Column("Now"), Column("Proposed"), Column("Because")]
    return Section(
        "proposals",
        "Proposed targets",
        [Table("Response times", columns, rows, reverse("reporting:agreement"), "No policy is in force.")],
        [
            f"By the last {DAYS} days of the quarter, or until now.",
            "On the page of the agreement they are put into a draft.",
        ],
    )
