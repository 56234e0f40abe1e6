"""Addresses of the reports for programs, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from reporting.api.adoption import AdoptionView
from reporting.api.agreement import AgreementVersionsView, AgreementVersionView, AgreementView
from reporting.api.baseline import BaselineCountView, BaselineView
from reporting.api.campaigns import CampaignsView
from reporting.api.commitments import CalculatorView, CommitmentsView, CommitmentTargetsView
from reporting.api.compliance import ComplianceClocksView, ComplianceView
from reporting.api.costs import CostsOfMonthView, CostsView
from reporting.api.data_quality import DataQualityView
from reporting.api.digest import DigestSettingsView, DigestView
from reporting.api.fairness import FairnessView
from reporting.api.feedback import FeedbackReportView
from reporting.api.handoffs import (
    CreatedLeadsView,
    FunnelLeadsView,
    FunnelView,
    RejectionsView,
    ResponseTimesView,
)
from reporting.api.journey import JourneyView
from reporting.api.kpis import (
    KpiLeadsView,
    KpiOwnerView,
    KpisView,
    KpiTargetView,
    KpiView,
)
from reporting.api.leaks import LeakLeadsView, LeakSettingsView, LeaksView
from reporting.api.moves import MovesView
from reporting.api.outbound import MeetingReportView, MeetingsBehindView
from reporting.api.outcomes import MoneyView, OutcomesView, PipelineView, SpeedView
from reporting.api.reviews import ReviewNotesView, ReviewsView, ReviewView
from reporting.api.scorecards import ScorecardView
from reporting.api.subscriptions import SubscriptionsView, SubscriptionView
from reporting.api.survey import SurveyQuestionsView, SurveyView
from reporting.api.volume import VolumeLeadsView, VolumeView
from reporting.api.weekly import BreakdownNotesView, BreakdownsView, ReviewWeekNowView, ReviewWeekView

urlpatterns = [
    path("reports/compliance", ComplianceView.as_view(), name="api_report_compliance"),
    path("reports/compliance/clocks", ComplianceClocksView.as_view(), name="api_report_compliance_clocks"),
    path("reports/data-quality", DataQualityView.as_view(), name="api_report_data_quality"),
    path("reports/fairness", FairnessView.as_view(), name="api_report_fairness"),
    path("reports/reassignments", MovesView.as_view(), name="api_report_reassignments"),
    # Of handoffs.
    path("reports/funnel", FunnelView.as_view(), name="api_report_funnel"),
    path("reports/funnel/leads", FunnelLeadsView.as_view(), name="api_report_funnel_leads"),
    path("reports/funnel/created", CreatedLeadsView.as_view(), name="api_report_funnel_created"),
    path("reports/rejections", RejectionsView.as_view(), name="api_report_rejections"),
    path("reports/response-times", ResponseTimesView.as_view(), name="api_report_response_times"),
    path("reports/journey", JourneyView.as_view(), name="api_report_journey"),
    # Feedback and disputes.
    path("reports/feedback", FeedbackReportView.as_view(), name="api_report_feedback"),
    path("agreement", AgreementView.as_view(), name="api_agreement"),
    path("agreement/versions", AgreementVersionsView.as_view(), name="api_agreement_versions"),
    path(
        "agreement/versions/<uuid:agreement_id>", AgreementVersionView.as_view(), name="api_agreement_version"
    ),
    path("reports/baseline", BaselineView.as_view(), name="api_report_baseline"),
    path(
        "reports/baseline/<uuid:baseline_id>/count",
        BaselineCountView.as_view(),
        name="api_report_baseline_count",
    ),
    path("reports/leaks", LeaksView.as_view(), name="api_report_leaks"),
    path("reports/leaks/leads", LeakLeadsView.as_view(), name="api_report_leak_leads"),
    path("reports/leaks/settings", LeakSettingsView.as_view(), name="api_report_leak_settings"),
    # Commitments.
    path("commitments", CommitmentsView.as_view(), name="api_commitments"),
    path("commitments/calculator", CalculatorView.as_view(), name="api_commitment_calculator"),
    path("commitments/targets", CommitmentTargetsView.as_view(), name="api_commitment_targets"),
    # KPIs, and what sources cost.
    path("reports/kpis", KpisView.as_view(), name="api_report_kpis"),
    path("reports/kpis/leads", KpiLeadsView.as_view(), name="api_report_kpi_leads"),
    path("kpis/costs", CostsView.as_view(), name="api_costs"),
    path("kpis/costs/<slug:month>", CostsOfMonthView.as_view(), name="api_costs_of_month"),
    path("kpis/<slug:kpi>", KpiView.as_view(), name="api_kpi"),
    path("kpis/<slug:kpi>/owner", KpiOwnerView.as_view(), name="api_kpi_owner"),
    path("kpis/<slug:kpi>/target", KpiTargetView.as_view(), name="api_kpi_target"),
    # Reviews.
    path("reviews", ReviewsView.as_view(), name="api_reviews"),
    path("reviews/<uuid:review_id>", ReviewView.as_view(), name="api_review"),
    path("reviews/<uuid:review_id>/notes", ReviewNotesView.as_view(), name="api_review_notes"),
    path("reviews/week", ReviewWeekNowView.as_view(), name="api_review_week_now"),
    path("reviews/week/<slug:monday>", ReviewWeekView.as_view(), name="api_review_week"),
    path("reviews/week/<slug:monday>/breakdowns", BreakdownsView.as_view(), name="api_breakdowns"),
    path(
        "reviews/week/<slug:monday>/breakdowns/<uuid:timer_id>/notes",
        BreakdownNotesView.as_view(),
        name="api_breakdown_notes",
    ),
    # People: what one did, what they say, who looks.
    path("reports/scorecards/<uuid:member_id>", ScorecardView.as_view(), name="api_report_scorecard"),
    path("reports/volume", VolumeView.as_view(), name="api_report_volume"),
    path("reports/volume/leads", VolumeLeadsView.as_view(), name="api_report_volume_leads"),
    path("reports/adoption", AdoptionView.as_view(), name="api_report_adoption"),
    path("survey", SurveyView.as_view(), name="api_survey"),
    path("survey/questions", SurveyQuestionsView.as_view(), name="api_survey_questions"),
    # Outcomes.
    path("organisation/money", MoneyView.as_view(), name="api_organisation_money"),
    path("reports/pipeline", PipelineView.as_view(), name="api_report_pipeline"),
    path("reports/speed", SpeedView.as_view(), name="api_report_speed"),
    path("reports/campaigns", CampaignsView.as_view(), name="api_report_campaigns"),
    path("reports/outcomes", OutcomesView.as_view(), name="api_report_outcomes"),
    # Mails on a schedule.
    path("digest", DigestView.as_view(), name="api_digest"),
    path("digest/settings", DigestSettingsView.as_view(), name="api_digest_settings"),
    path("reports/subscriptions", SubscriptionsView.as_view(), name="api_report_subscriptions"),
    path(
        "reports/subscriptions/<uuid:subscription_id>",
        SubscriptionView.as_view(),
        name="api_report_subscription",
    ),
    # Outbound.
    path("reports/meetings", MeetingReportView.as_view(), name="api_report_meetings"),
    path("reports/meetings/list", MeetingsBehindView.as_view(), name="api_report_meetings_list"),
]
