"""Numbers of outbound meetings: the page and its file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handoff.words import lower_first
from reporting import params
from reporting.selectors import outbound
from reporting.selectors.outbound import SPLITS, Absent, Numbers, Report
from reporting.views.asked import Asked, file_name, period_text, periods_of
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.requests import TenantRequest
from web.table_files import table_file

_NAMED: Final = tuple((who, lower_first(str(who.label))) for who in Absent)
_HEAD: Final = (
    "By",
    "Name",
    "Booked",
    "Held",
    "Accepted",
    "Disqualified",
    *(f"No-show of {name}" for _, name in _NAMED),
    "Opportunities",
    "Show rate %",
    "Acceptance %",
    "In no rate",
)


def _asked(request: TenantRequest) -> tuple[Asked, Report]:
    query = {name: str(request.GET[name]) for name in ("period", "from", "to") if request.GET.get(name)}
    now = database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    return Asked(query, question, "", now, False), outbound.report(question, now=now)


@require_safe
@member_required()
def meetings(request: TenantRequest) -> HttpResponse:
    """GET /meetings/report: what became of the meetings of a period, by SDR and by AE."""
    asked, found = _asked(request)
    periods = periods_of(asked.query, asked.question)

    def behind(what: str, number: int, **more: str) -> str:
        """The way to the meetings of a number; none where there is none."""
        return asked.link("meetings_behind", what=what, **more) if number else ""

    total = found.total
    context = {
        "period": period_text(asked.question),
        "ahead": asked.ahead,
        "periods": periods,
        "total": total,
        "behind": {what: behind(what, number) for what, number in _numbers(total)},
        "no_shows": [
            (name, total.absent[who], behind(f"no_show_{who}", total.absent[who])) for who, name in _NAMED
        ],
        "reasons": [
            (label, number, behind("all_disqualified", number, reason=label))
            for label, number in total.reasons.most_common()
        ],
        "tables": [
            {
                "head": head,
                "rows": [
                    {
                        "name": row.name,
                        "numbers": row.numbers,
                        "behind": {
                            what: behind(what, number, **{name: str(row.key)})
                            for what, number in _numbers(row.numbers)
                        },
                        "absences": [
                            (
                                row.numbers.absent[who],
                                behind(f"no_show_{who}", row.numbers.absent[who], **{name: str(row.key)}),
                            )
                            for who in Absent
                        ],
                    }
                    for row in found.by[name]
                ],
            }
            for name, (_, head) in SPLITS.items()
        ],
        "absent": [name for _, name in _NAMED],
        "csv_url": asked.link("meetings_report_csv"),
    }
    return render(request, "reporting/meetings.html", context)


def _numbers(own: Numbers) -> list[tuple[str, int]]:
    """The numbers that lead to their meetings, by the names of outbound.LISTED."""
    names = ("booked", "qualified", "held", "accepted", "opportunities", "disqualified", "left_out")
    return [(name, getattr(own, name)) for name in names]


@require_safe
@member_required()
def meetings_file(request: TenantRequest) -> HttpResponse:
    """GET /meetings/report.csv, .xlsx: the tables of the page."""
    asked, found = _asked(request)
    return table_file(request, file_name(asked, "meetings"), _HEAD, _rows(found))


def _rows(found: Report) -> Iterator[list[Any]]:
    for name, (_, head) in SPLITS.items():
        for row in found.by[name]:
            own = row.numbers
            yield [
                head,
                row.name,
                own.booked,
                own.held,
                own.accepted,
                own.disqualified,
                *(own.absent[who] for who in Absent),
                own.opportunities,
                own.show_rate,
                own.acceptance,
                own.left_out,
            ]
