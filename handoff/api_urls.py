"""Addresses of the handoff API, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from handoff import (
    api,
    decision_api,
    excuse_api,
    handover_api,
    leave_api,
    leaving_api,
    publication_api,
    shadow_api,
    stale_api,
)

urlpatterns = [
    path("leads/<uuid:lead_id>/touches", api.TouchesView.as_view(), name="api-lead-touches"),
    path("leads/<uuid:lead_id>/accept", api.AcceptView.as_view(), name="api-lead-accept"),
    path("leads/<uuid:lead_id>/reject", api.RejectView.as_view(), name="api-lead-reject"),
    path("leads/<uuid:lead_id>/nurture", api.NurtureView.as_view(), name="api-lead-nurture"),
    path("leads/<uuid:lead_id>/pause", api.PauseView.as_view(), name="api-lead-pause"),
    path("leads/<uuid:lead_id>/resume", api.ResumeView.as_view(), name="api-lead-resume"),
    path("leads/<uuid:lead_id>/stage", api.StageView.as_view(), name="api-lead-stage"),
    path("leads/<uuid:lead_id>/reassign", api.ReassignView.as_view(), name="api-lead-reassign"),
    path("leads/<uuid:lead_id>/claim", api.ClaimView.as_view(), name="api-lead-claim"),
    path("leads/<uuid:lead_id>/timeline", api.TimelineView.as_view(), name="api-lead-timeline"),
    path("leads/<uuid:lead_id>/explain", api.ExplainView.as_view(), name="api-lead-explain"),
    path("leads/stale", stale_api.StaleView.as_view(), name="api-leads-stale"),
    path("handover", handover_api.HandoverView.as_view(), name="api-handover"),
    path("upkeep", handover_api.UpkeepView.as_view(), name="api-upkeep"),
    path("unrouted", handover_api.UnroutedView.as_view(), name="api-unrouted"),
    path("decisions", decision_api.DecisionsView.as_view(), name="api-decisions"),
    path(
        "leads/<uuid:lead_id>/decision-inputs",
        decision_api.DecisionInputsView.as_view(),
        name="api-lead-decision-inputs",
    ),
    path("decisions/<uuid:decision_id>", decision_api.DecisionView.as_view(), name="api-decision"),
    path("leads/<uuid:lead_id>/ledger", api.LedgerView.as_view(), name="api-lead-ledger"),
    path("timers/<uuid:timer_id>/explain", api.TimerExplainView.as_view(), name="api-timer-explain"),
    path("timers/<uuid:timer_id>/excuse", excuse_api.AskView.as_view(), name="api-timer-excuse"),
    path("excuses", excuse_api.ExcusesView.as_view(), name="api-excuses"),
    path("excuses/<uuid:excuse_id>/approve", excuse_api.ApproveView.as_view(), name="api-excuse-approve"),
    path("excuses/<uuid:excuse_id>/refuse", excuse_api.RefuseView.as_view(), name="api-excuse-refuse"),
    path("excuses/<uuid:excuse_id>/withdraw", excuse_api.WithdrawView.as_view(), name="api-excuse-withdraw"),
    path("members/<uuid:member_id>/leads", leaving_api.HandLeadsOnView.as_view(), name="api-hand-leads-on"),
    path("members/<uuid:member_id>/departure", leaving_api.DepartureView.as_view(), name="api-departure"),
    path("leave", leave_api.LeavesView.as_view(), name="api-leaves"),
    path("leave/import", leave_api.LeaveImportView.as_view(), name="api-leave-import"),
    path("leave/<uuid:leave_id>", leave_api.LeaveView.as_view(), name="api-leave"),
    path("shadow", shadow_api.ShadowView.as_view(), name="api-shadow"),
    path("shadow/summary", shadow_api.ShadowSummaryView.as_view(), name="api-shadow-summary"),
    path("organisation", shadow_api.OrganisationView.as_view(), name="api-organisation"),
    path("teams", shadow_api.TeamsView.as_view(), name="api-teams"),
    path("teams/<uuid:team_id>", shadow_api.TeamView.as_view(), name="api-team"),
    path("publications", publication_api.PublicationsView.as_view(), name="api-publications"),
    path(
        "publications/<uuid:publication_id>",
        publication_api.PublicationView.as_view(),
        name="api-publication",
    ),
    path(
        "publications/<uuid:publication_id>/approve",
        publication_api.ApproveView.as_view(),
        name="api-publication-approve",
    ),
    path(
        "publications/<uuid:publication_id>/refuse",
        publication_api.RefuseView.as_view(),
        name="api-publication-refuse",
    ),
    path(
        "publications/<uuid:publication_id>/withdraw",
        publication_api.WithdrawView.as_view(),
        name="api-publication-withdraw",
    ),
    path(
        "publications/<uuid:publication_id>/cancel",
        publication_api.CancelView.as_view(),
        name="api-publication-cancel",
    ),
    path("second-approval", publication_api.SecondApprovalView.as_view(), name="api-second-approval"),
    path("timers", api.TimersView.as_view(), name="api-timers"),
]
