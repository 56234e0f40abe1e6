"""Who gets it: pools, rules, the locked counters, and the trace of every decision."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from tenants.models import TenantModel, VersionedModel, tenant_fk


class RuleSetVersion(VersionedModel):
    """Routing as written: {"pools": [{"name", "when": tree|null, "pool": pool slug}], "priorities": [{"name",
    "when", "priority": int}], "territories": [...], "horizon_minutes": 30}. First match wins in each layer; a
    `when` of null is everyone else. Of territories see routing.territories."""

    class Meta(VersionedModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="rule_set_version_once")]


class RoutingSettings(TenantModel):
    """One row a tenant: may we route at all, who catches what nobody takes, how often a lead may move.

    breaches_in_a_row: so many broken owner clocks, one after the other, take a person off the rotation; null
    is never. rebalance_above: so many per cent above their team's mean of open leads are too many; null is
    not looked at.
    gated: kinds of versions ("routing", "criteria") that are not published before the saved test leads pass.
    """

    enabled = models.BooleanField(default=True)
    fallback = tenant_fk("tenants.Member", null=True)
    max_hops = models.PositiveSmallIntegerField(default=3)
    breaches_in_a_row = models.PositiveSmallIntegerField(null=True)
    gated = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    rebalance_above = models.PositiveSmallIntegerField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="routing_settings_once")]


#: The strategies and what a pool does in closed hours (routing.decide), with the words for them.
STRATEGIES = [
    ("weighted_round_robin", "Weighted round robin"),
    ("round_robin", "Round robin"),
    ("least_loaded", "Least loaded"),
    ("fastest", "Fastest available"),
    ("claim", "First come, first served"),
]
OFF_HOURS = [
    ("assign", "Give it to whoever opens first"),
    ("hold", "Hold it until somebody is at work"),
    ("overflow", "Ask another pool, then hold it"),
]


class Pool(TenantModel):
    """People who share leads; routing.decide.PoolView says what the settings do. `counters` is the rotation's
    state and changes only under this row's lock: {member id: turns taken, each routing.decide.TURN / weight}.
    """

    slug = models.SlugField(max_length=60, db_index=False)  # its unique key leads with the tenant
    name = models.CharField(max_length=80)
    strategy = models.CharField(max_length=30, choices=STRATEGIES, default="weighted_round_robin")
    owner_first = models.BooleanField(default=False, db_default=False)
    off_hours = models.CharField(max_length=10, choices=OFF_HOURS, default="assign", db_default="assign")
    overflow = tenant_fk("routing.Pool", null=True)
    absence_turns = models.PositiveSmallIntegerField(default=1, db_default=1)
    calendar = tenant_fk("tenants.Calendar", null=True)  # in place of its people's own hours
    counters = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="pool_slug_once")]

    def __str__(self) -> str:
        return self.name


class PoolSeat(TenantModel):
    pool = tenant_fk("routing.Pool", related_name="seats", on_delete=models.CASCADE)
    member = tenant_fk("tenants.Member")
    weight = models.PositiveSmallIntegerField(default=1)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "pool", "member"], name="pool_seat_once")]
        indexes = [models.Index(fields=["tenant", "member"], name="pool_seat_by_member")]


class RepLoad(TenantModel):
    """What a rep carries now, counted under this row's lock, since one rep sits in several pools."""

    member = tenant_fk("tenants.Member")
    open_leads = models.PositiveIntegerField(default=0)
    day = models.DateField(null=True)  # the rep's local day that leads_today counts
    leads_today = models.PositiveIntegerField(default=0)
    week = models.DateField(null=True)  # the Monday of the rep's local week that leads_this_week counts
    leads_this_week = models.PositiveIntegerField(default=0, db_default=0)
    last_assigned_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "member"], name="rep_load_once")]


class Decision(TenantModel):
    """The trace: why this person and not the others. Holds ids, never names.

    trace: {"layers": {"pools": [{"name", "result": "match"|"no"|"skipped", "leaves": "10?"}], "priorities":
    [...]}, "columns": [names], "candidates": [[values], ...], "tie_break": str, "pool": slug|null,
    "priority": int}. routing.traces spells the candidates out; docs/routing.md explains it.
    inputs: what the rules read of the lead (routing.traces.snapshot). It alone says anything about a person
    outside, so it can be cleared without the trace; null where no rule asked, and once it is cleared.
    """

    handoff = tenant_fk("leads.Handoff", related_name="decisions", on_delete=models.CASCADE)
    at = models.DateTimeField()
    trigger = models.CharField(max_length=16)  # intake, breach, hand_over, reassigned, rerouted, drain, ...
    rule_set_version = tenant_fk("routing.RuleSetVersion", null=True)
    pool = tenant_fk("routing.Pool", null=True)
    rule = models.CharField(max_length=80, blank=True)
    member = tenant_fk("tenants.Member", null=True)  # null: unrouted
    outcome = models.CharField(max_length=20)  # assigned, fallback, unrouted
    reason = models.CharField(
        max_length=40
    )  # code: weighted_round_robin, account_owner, nobody_available, ...
    trace = models.JSONField()
    inputs = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "handoff", "at"], name="decision_by_handoff"),
            models.Index(fields=["tenant", "-at"], name="decision_by_time"),
            # The decision log: each may be asked for alone, the last first.
            models.Index(fields=["tenant", "member", "-at", "-id"], name="decision_by_member"),
            models.Index(fields=["tenant", "pool", "-at", "-id"], name="decision_by_pool"),
            models.Index(fields=["tenant", "rule", "-at", "-id"], name="decision_by_rule"),
            models.Index(fields=["tenant", "reason", "-at", "-id"], name="decision_by_reason"),
            models.Index(fields=["tenant", "trigger", "-at", "-id"], name="decision_by_trigger"),
        ]


class SimulationRun(TenantModel):
    """Past leads replayed by a rule set: asked for on a page, carried out by the engine, kept for a while.
    Services: handoff.simulation.runs.

    rules and against are contents as they were when it was asked for, so that a later save changes no result.
    result: see handoff.simulation.report. alive_at: the last sign of life of whoever carries it out.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waits for its turn"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Side(models.TextChoices):
        DRAFT = "draft", "The draft"
        LIVE = "live", "The rules in force"

    side = models.CharField(max_length=5, choices=Side.choices)
    version_number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    rules = models.JSONField()
    against_number = models.PositiveIntegerField(
        null=True
    )  # the rules in force; null where they are replayed
    against = models.JSONField(null=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    with_history = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    step = models.CharField(max_length=40, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80)
    started_at = models.DateTimeField(null=True)
    alive_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    result = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(state__in=["queued", "running"]),
                name="one_simulation_at_a_time",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-asked_at", "-id"], name="simulation_by_time")]


class SimulatedLead(TenantModel):
    """One lead of a simulation: who would have got it, beside who would by the rules in force and who did.

    Pools and tiers by slug, as they were called then. day: of its arrival, where the organisation is.
    """

    run = tenant_fk("routing.SimulationRun", related_name="leads", on_delete=models.CASCADE)
    number = models.PositiveIntegerField()  # in order of arrival, from 1
    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    lead = tenant_fk("leads.Lead", on_delete=models.CASCADE)
    at = models.DateTimeField()
    day = models.DateField()
    tier = models.CharField(max_length=60, blank=True)
    past_tier = models.CharField(max_length=60, blank=True)
    rule = models.CharField(max_length=80, blank=True)
    pool = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=40)
    priority = models.SmallIntegerField(default=0)
    member = tenant_fk("tenants.Member", null=True)
    given_at = models.DateTimeField(null=True)
    live_pool = models.CharField(max_length=60, blank=True)
    live_member = tenant_fk("tenants.Member", null=True)
    past_member = tenant_fk("tenants.Member", null=True)
    past_given_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "run", "number"], name="simulated_lead_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "handoff"], name="simulated_by_handoff"),
            models.Index(fields=["tenant", "lead"], name="simulated_by_lead"),
        ]


class LeadCase(TenantModel):
    """A saved test lead: facts as typed, and what is expected of them. Shapes: handoff.simulation.cases.

    comes_on, comes_at: the weekday ("tue") and time ("10:00") at which it comes, where the organisation is.
    """

    name = models.CharField(max_length=80)
    comes_on = models.CharField(max_length=3, default="tue", db_default="tue")
    comes_at = models.CharField(max_length=5, default="10:00", db_default="10:00")
    facts = models.JSONField()
    expects = models.JSONField()
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    saved_at = models.DateTimeField()
    saved_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint("tenant", Lower("name"), name="lead_case_name_once")]

    def __str__(self) -> str:
        return self.name
