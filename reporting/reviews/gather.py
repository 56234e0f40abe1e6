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
from reporting.leaks.kept import leaks_lately
from reporting.leaks.settings import leak_terms
from reporting.measures import Rate, standing
from reporting.reviews.models import Review
from reporting.reviews.pack import COUNT, PERCENT, SECONDS, STANDING, TEXT, Cell, Column, Pack, Section, Table
from reporting.reviews.periods import Period
from reporting.selectors.feedback import feedback_of
from reporting.selectors.questions import Question
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
    rates = {name: report.whole.rates.get(name, Rate()) for name in [*_TOLD, *report.targets]}
    columns = [
        Column("Target"),
        Column("On time", PERCENT),
        Column("Standing", STANDING),
        Column("Kept", COUNT),
        Column("Of", COUNT),
        Column("Without excused", PERCENT),
        Column("Excused", COUNT),
        Column("Left out", COUNT),
        Column("Median", SECONDS),
        Column("90% within", SECONDS),
        Column("Before", PERCENT),
    ]
    line = tenant.target_percent
    rows = [
        [label(name), *_rate_cells(rate, line), report.before.get(name, Rate()).percent]
        for name, rate in rates.items()
    ]
    teams = [[group.name, *_rate_cells(group.rates[report.lead], line)] for group in report.groups]
    return Section(
        "compliance",
        "Compliance",
        [
            Table("Deadlines", columns, rows, link("compliance", question)),
            Table(
                f"{label(report.lead)} by team",
                [Column("Team"), *columns[1:-1]],
                teams[:MOST_ROWS],
                link("compliance", question, by="team"),
            ),
        ],
        [
            f"The signed line is {line}%. Working time, the company's clock.",
            "Left out of each base are clocks not due yet, and those called off before their deadline.",
            f"Before: the {question.days} days right before.",
        ],
    )


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
    ground = selectors.handoff_ground(question)
    found = selectors.funnel(question, "source", now=now, names=selectors.load_names(), ground=ground)
    stages = [
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
    times = [
        [DURATIONS[name].label, spread.median, spread.p90, spread.count]
        for name, spread in found.durations.items()
    ]
    sources: list[list[Cell]] = []
    for group in found.groups[:MOST_ROWS]:
        accepted = group.tally.acceptance
        reached = [group.tally.reached(stage, None) for stage in STAGES[1:]]
        sources.append(
            [
                group.name,
                group.tally.all["mqls"],
                accepted.percent,
                accepted.base,
                accepted.left_out,
                *reached,
            ]
        )
    stage_heads = [(str(Stage(each).label), COUNT) for each in STAGES[1:]]
    lines = [
        "The cohort of the period: leads that became MQL in it, and how far they came until it was counted.",
        "Younger ones are still on their way, so a share can only grow.",
    ]
    if found.leads is not None:
        lines.append(f"Created in the period: {found.subscribers:,}, of which {found.leads:,} became leads.")
    if found.number > MOST_ROWS:
        lines.append(f"The {MOST_ROWS} largest of {found.number:,} sources are listed.")
    return Section(
        "funnel",
        "Funnel",
        [
            Table(
                "Stages",
                [
                    Column("Stage"),
                    Column("Reached", COUNT),
                    Column("Of the stage before", PERCENT),
                    Column("Base", COUNT),
                    Column("Of MQLs", PERCENT),
                ],
                stages,
                link("funnel", question),
            ),
            Table(
                "How quickly",
                _columns("From and to", ("Median", SECONDS), ("90% within", SECONDS), ("Of", COUNT)),
                times,
                link("funnel", question),
            ),
            Table(
                "By source",
                _columns(
                    "Source",
                    ("MQLs", COUNT),
                    ("Acceptance", PERCENT),
                    ("Answered", COUNT),
                    ("Without answer", COUNT),
                    *stage_heads,
                ),
                sources,
                link("funnel", question, by="source"),
            ),
        ],
        lines,
    )


def rejections(question: Question, now: datetime) -> Section:
    """Why sales said no, both figures of the rejection rate, feedback coverage, and what disputes came to."""
    names = selectors.load_names()
    found = selectors.rejections(
        question, "source", now=now, names=names, ground=selectors.handoff_ground(question)
    )
    all_given = sum(row.count for row in found.reasons)
    reasons: list[list[Cell]] = [
        [row.label, row.count, round(100 * row.count / all_given, 1) if all_given else None, row.before]
        for row in found.reasons
    ]
    feedback, _ = feedback_of(question, "source", now=now, names=names)
    shares: list[list[Cell]] = [
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
    disputes: list[list[Cell]] = [
        ["Disputed", feedback.disputed],
        ["Open", feedback.dispute_open],
        ["Upheld", feedback.dispute_upheld],
        ["Overturned", feedback.dispute_overturned],
        ["Criteria to change", feedback.dispute_criteria],
        ["Routing to change", feedback.dispute_routing],
    ]
    return Section(
        "rejections",
        "Rejections and disputes",
        [
            Table(
                "Reasons",
                _columns("Reason", ("Rejected", COUNT), ("Share", PERCENT), ("In the period before", COUNT)),
                reasons,
                link("rejections", question),
                "Nothing was rejected.",
            ),
            Table(
                "Answers",
                _columns("Measure", ("Rate", PERCENT), ("Count", COUNT), ("Of", COUNT), ("Left out", COUNT)),
                shares,
                link("feedback", question),
            ),
            Table(
                "Disputes of the period's leads",
                [Column("State"), Column("Number", COUNT)],
                disputes,
                reverse("handoff:disputes"),
            ),
        ],
        [
            "As corrected leaves out rejections that a dispute overturned.",
            "Coverage leaves out answers not due yet, and leads of which no decision was promised.",
        ],
    )


def leaks(question: Question, now: datetime, most: int = MOST_LEAKS) -> Section:
    """The largest leaks that are beyond chance."""
    found = leaks_lately(question, now, chosen=leak_terms()).leaks
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
    return Section(
        "leaks",
        "Leaks",
        [
            Table(
                "Largest first",
                _columns(
                    "Leak",
                    ("Opportunities lost", COUNT),
                    ("Between", TEXT),
                    ("Leads", COUNT),
                    ("Evidence", TEXT),
                ),
                rows,
                link("leaks", question),
                "No leak is beyond chance by these numbers.",
            )
        ],
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
