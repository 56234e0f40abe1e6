"""The rail: what there is, in which order, and for whom. A place whose view is not routed is left out."""

from __future__ import annotations

from tenants.models import Role
from web.shell import Group, Place

_REP, _MANAGER = Role.REP, Role.MANAGER
_MARKETING, _EXECUTIVE = Role.MARKETING, Role.EXECUTIVE
_OVERSEERS = (_MANAGER, _MARKETING, _EXECUTIVE)

NAVIGATION: tuple[Group, ...] = (
    Group(
        "My work",
        (
            Place(
                "Inbox",
                "handoff:inbox",
                "inbox",
                (_REP, _MANAGER),
                bottom="Inbox",
                stands_for=("handoff:leads",),
            ),
            Place(
                "Leads",
                "handoff:leads",
                "user",
                bottom="Leads",
                bottom_for=(_REP, _MARKETING, _EXECUTIVE),
            ),
            Place("Meetings", "handoff:meetings", "calendar-clock", (_REP, _MANAGER)),
            Place("Accounts", "leads:accounts", "building"),
        ),
    ),
    Group(
        "Team",
        (
            Place("Live board", "handoff:board", "layout-dashboard", (_MANAGER,), bottom="Board"),
            Place("Unrouted", "handoff:unrouted", "alert-circle", (_MANAGER,)),
            Place("Excuses", "handoff:excuses", "clipboard-check", (_REP, _MANAGER)),
            Place(
                "Needs data",
                "handoff:needs_data",
                "clipboard-check",
                (_MANAGER, _MARKETING),
                bottom="Needs data",
                bottom_for=(_MARKETING,),
            ),
            Place("Shadow mode", "handoff:shadow", "eye", (_MANAGER,)),
            Place("People", "tenants:people", "users", (_MANAGER,)),
        ),
    ),
    Group(
        "Insight",
        (
            Place("Compliance", "reporting:compliance", "shield-check", (), bottom="Reports"),
            Place("Funnel & leaks", "reporting:funnel", "filter", ()),
            Place("Rejections", "reporting:rejections", "circle-x", ()),
            Place("Pipeline", "reporting:pipeline", "chart-bar", _OVERSEERS),
            Place("Speed", "reporting:speed", "hourglass", _OVERSEERS),
            Place("Volume", "reporting:volume", "chart-bar", ()),
            Place("Data quality", "reporting:data_quality", "clipboard-check", (_MANAGER, _MARKETING)),
            Place("Decisions", "handoff:decisions", "list-check", ()),
            Place("Fairness", "reporting:fairness", "scale", (_MANAGER,)),
        ),
    ),
    Group(
        "Contract",
        (
            Place("Agreement", "reporting:agreement", "signature", ()),
            Place("Commitments", "reporting:commitments", "heart-handshake", _OVERSEERS),
            Place("KPIs", "reporting:kpis", "target", _OVERSEERS),
            Place("Disputes", "handoff:disputes", "gavel", _OVERSEERS),
            Place("Reviews", "reporting:reviews", "clipboard-check", _OVERSEERS),
            Place("Digest", "reporting:digest", "mail", _OVERSEERS),
            Place("Adoption", "reporting:adoption", "eye", (_EXECUTIVE,)),
        ),
    ),
    Group(
        "Set up",
        (
            Place("Qualification", "leads:criteria", "certificate", (_MARKETING,)),
            Place("Routing", "routing:rules", "route", (_MANAGER, _MARKETING, _EXECUTIVE)),
            Place("SLA tiers", "sla:policy", "hourglass"),
            Place("Calendars", "sla:calendars", "calendar-clock"),
            Place("Reasons", "feedback:reasons", "list-check", (Role.ADMIN,)),
            Place("API keys", "tenants:keys", "key", (Role.ADMIN,)),
            Place("Webhooks", "notifications:webhooks", "webhook", (Role.ADMIN,)),
            Place("Drill", "integrations:drills", "test-pipe", (Role.ADMIN,)),
            Place("Intake log", "integrations:intake", "file-import", (Role.ADMIN,)),
            Place("Engine", "sla:engine", "activity", (Role.ADMIN,)),
        ),
    ),
)
