"""Addresses of the inbox, the lead, the board and their acts."""

from __future__ import annotations

from django.urls import path

from handoff.views import (
    acts,
    board,
    corrections,
    decisions,
    excuses,
    handover,
    inbox,
    lead,
    leaving,
    lists,
    moves,
    pauses,
    shadow,
    stale,
)

app_name = "handoff"
urlpatterns = [
    path("inbox", inbox.inbox, name="inbox"),
    path("leads", lists.leads, name="leads"),
    path("leads/stale", stale.stale, name="stale"),
    path("qualification/handover", handover.handover, name="handover"),
    path("qualification/stages", handover.upkeep, name="upkeep"),
    path("leads/<uuid:lead_id>", lead.lead, name="lead"),
    path("leads/<uuid:lead_id>/clocks", lead.lead_clocks, name="clocks"),
    path("leads/<uuid:lead_id>/decision", lead.decision, name="decision"),
    path("leads/<uuid:lead_id>/deadlines", lead.deadlines, name="deadlines"),
    path("leads/<uuid:lead_id>/correct", corrections.correct, name="correct"),
    path("leads/<uuid:lead_id>/accept", acts.accept, name="accept"),
    path("leads/<uuid:lead_id>/reject", acts.reject, name="reject"),
    path("leads/<uuid:lead_id>/nurture", acts.nurture, name="nurture"),
    path("leads/<uuid:lead_id>/touch", acts.touch, name="touch"),
    path("leads/<uuid:lead_id>/claim", moves.claim, name="claim"),
    path("leads/<uuid:lead_id>/hand-over", moves.hand_over, name="hand_over"),
    path("leads/<uuid:lead_id>/reassign", moves.reassign, name="reassign"),
    path("leads/<uuid:lead_id>/retry", moves.retry, name="retry"),
    path("leads/<uuid:lead_id>/pause", pauses.pause, name="pause"),
    path("leads/<uuid:lead_id>/resume", pauses.resume, name="resume"),
    path("leads/<uuid:lead_id>/stage", acts.stage, name="stage"),
    path("leads/<uuid:lead_id>/undo/accept", acts.undo_accept, name="undo_accept"),
    path("leads/<uuid:lead_id>/undo/touch/<uuid:touch_id>", acts.undo_touch, name="undo_touch"),
    path("timers/<uuid:timer_id>/excuse", excuses.ask, name="excuse"),
    path("excuses", excuses.excuses_list, name="excuses"),
    path("excuses/<uuid:excuse_id>/approve", excuses.approve, name="excuse_approve"),
    path("excuses/<uuid:excuse_id>/refuse", excuses.refuse, name="excuse_refuse"),
    path("excuses/<uuid:excuse_id>/withdraw", excuses.withdraw, name="excuse_withdraw"),
    path("people/<uuid:member_id>/leads", leaving.hand_leads_on, name="hand_leads_on"),
    path("people/<uuid:member_id>/departure", leaving.departure, name="departure"),
    path("decisions", decisions.log, name="decisions"),
    path("decisions/mine", decisions.mine, name="my_decisions"),
    path("decisions/<uuid:decision_id>", decisions.one, name="one_decision"),
    path("board", board.board, name="board"),
    path("shadow", shadow.shadow, name="shadow"),
    path("unrouted", lists.unrouted, name="unrouted"),
    path("needs-data", lists.needs_data, name="needs_data"),
    path("search", lists.search, name="search"),
]
