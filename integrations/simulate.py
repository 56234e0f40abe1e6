"""Ask who would get a lead, and under which tier: the live rules on a lead that is not taken in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.rules import Facts
from handoff.words import REASONS, say
from integrations.api import lead_in
from integrations.serializers import LeadInSerializer
from leads import strict
from leads.criteria import facts_of, load_criteria
from leads.incoming import LeadIn
from leads.matching import email_domain, is_free_mail
from leads.models import Account, Lead
from leads.selectors import criteria_in_force
from routing.services import simulate
from sla.services import match_tier
from tenants.models import Member
from web.api import TenantAPIView


class SimulateInSerializer(serializers.Serializer[Any]):
    """A lead as it would be posted."""

    lead = LeadInSerializer()


class SimulateOutSerializer(serializers.Serializer[Any]):
    """What would become of it; nothing is written."""

    qualified = serializers.BooleanField()
    needs = serializers.ListField(child=serializers.CharField())
    qualification = serializers.DictField(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    owner = serializers.DictField(allow_null=True)
    outcome = serializers.CharField()
    reason = serializers.CharField()
    words = serializers.CharField()
    pool = serializers.CharField(allow_null=True)
    rule = serializers.CharField(allow_blank=True)
    priority = serializers.IntegerField()
    trace = serializers.DictField()


_read: Callable[..., dict[str, Any]] = strict.reader_of(SimulateInSerializer)


class SimulateView(TenantAPIView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "routing:simulate"}

    @extend_schema(
        operation_id="routing_simulate",
        request=SimulateInSerializer,
        responses={200: SimulateOutSerializer},
    )
    def post(self, request: Request) -> Response:
        """Say who would get this lead now, and why not the others. Nothing is written and no turn is
        taken."""
        item = lead_in(strict.read(_read, request.data)["lead"])
        now = self.clock()
        lead, account = _imagined(item)
        past = [(each.kind, each.subject, each.at or item.occurred_at or now) for each in item.engagements]
        version = criteria_in_force()
        judged = load_criteria(version).judge(facts_of(lead, account, past, now)) if version else None
        tier = match_tier(facts_of(lead, account, past, now)).tier
        found = simulate(facts=_facts(lead, account, past, now, tier.slug), now=now)
        owner = Member.objects.filter(id=found["member"]).first() if found["member"] else None
        return Response(
            {
                "qualified": judged.qualified if judged else False,
                "needs": judged.needs if judged else [],
                "qualification": judged.verdict if judged else None,
                "tier": tier.slug,
                "owner": {"id": owner.id, "name": owner.name, "email": owner.email} if owner else None,
                "outcome": found["outcome"],
                "reason": found["reason"],
                "words": say(REASONS, found["reason"]),
                "pool": found["pool"],
                "rule": found["rule"],
                "priority": found["priority"],
                "trace": found["trace"],
            }
        )


def _facts(
    lead: Lead, account: Account | None, past: list[tuple[str, str, datetime]], now: datetime, tier: str
) -> Facts:
    return facts_of(lead, account, past, now, extra={"sla.tier": tier})


def _imagined(item: LeadIn) -> tuple[Lead, Account | None]:
    """The lead and its company as intake would make them, the known account of the domain where there is
    one."""
    names = ("email", "first_name", "last_name", "title", "phone", "source", "campaign", "channel", "score")
    company = item.company
    lead = Lead(
        company_name=company.name,
        country=company.country,
        region=company.region,
        **{name: getattr(item, name) for name in names},
    )
    own = email_domain(item.email) if item.email else ""
    domain = company.domain or ("" if is_free_mail(own) else own)
    known: Account | None = Account.objects.filter(domain=domain).first() if domain else None
    if known is not None or not (domain or company.name):
        return lead, known
    return lead, Account(
        name=company.name or domain,
        domain=domain,
        employees=company.employees,
        revenue=company.revenue,
        industry=company.industry,
        country=company.country,
        region=company.region,
    )
