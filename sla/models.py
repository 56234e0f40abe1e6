"""By when: versioned policies and the timers that enforce them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from sla.targets import Target as Target
from tenants.models import TenantModel, VersionedModel, tenant_fk


class BusinessUnit(TenantModel):
    """A part of the organisation, or a product line, whose leads run by a policy of their own.

    A lead belongs to the first active unit, by position, whose rule matches and that has a version in force;
    every other runs by the organisation's main policy. Services: sla.units.
    """

    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    when = models.JSONField()  # a core.rules tree, as the condition of a tier
    is_active = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="business_unit_slug_once"),
            models.UniqueConstraint("tenant", Lower("name"), name="business_unit_name_once"),
        ]


class PolicyVersion(VersionedModel):
    """The contract's clock part as written. Shape of `content`: see sla.tiers.

    {"tiers": [{"slug", "name", "when": tree|null, "targets": [{"target": "first_touch", "duration":
    {"minutes": 5}, "clock": "business"|"wall"}]}], "ladder": [{"at": 80, "actions": ["warn_manager"]}],
    "responses": ["call", ...], "on_reassign": "restart"}
    """

    LINE = "unit_id"

    unit = tenant_fk("sla.BusinessUnit", null=True)  # null: the organisation's main policy

    class Meta(VersionedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "unit", "number"],
                nulls_distinct=False,
                name="policy_version_of_a_line_once",
            )
        ]

    @property
    def line_name(self) -> str:
        """The unit's name; "" for the main policy."""
        return str(self.unit.name) if self.unit_id else ""

    @property
    def line_query(self) -> str:
        """The unit as the pages of the policy take it."""
        return f"?unit={self.unit.slug}" if self.unit_id else ""


class Timer(TenantModel):
    """One target running for one handoff, on one clock. Its deadline is computed when it is armed."""

    class Clock(models.TextChoices):
        COMPANY = "company"  # from MQL, never reset: what marketing was promised
        OWNER = "owner"  # from the assignment: what a rep is judged by

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        MET = "met"
        BREACHED = "breached"
        CANCELLED = "cancelled"
        FAILED = "failed"

    handoff = tenant_fk("leads.Handoff", related_name="timers", on_delete=models.CASCADE)
    assignment = tenant_fk("leads.Assignment", null=True, related_name="timers", on_delete=models.CASCADE)
    member = tenant_fk("tenants.Member", null=True)  # whom an owner clock judges
    target = models.CharField(max_length=40)  # see sla.targets
    clock = models.CharField(max_length=7, choices=Clock.choices)
    policy_version = tenant_fk("sla.PolicyVersion")
    tier = models.CharField(max_length=60)
    calendar_version = tenant_fk("tenants.CalendarVersion", null=True)  # null: wall clock
    generation = models.PositiveSmallIntegerField(default=1)  # +1 at each re-arming; old firings do not count
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    duration_seconds = models.PositiveIntegerField()  # working seconds from start to due
    warn_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    # Where this generation began on the ladder. The database's default serves code that does not know it yet.
    first_step = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_step = models.PositiveSmallIntegerField(default=0)  # index into the ladder
    next_at = models.DateTimeField(null=True)  # when the sweep must look again; null: never
    met_at = models.DateTimeField(null=True)
    breached_at = models.DateTimeField(null=True)  # = due_at, when it was broken, not when we noticed
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=20, blank=True)
    business_seconds = models.PositiveIntegerField(null=True)  # working time used when met (or closed)
    wall_seconds = models.PositiveIntegerField(null=True)
    repaired_at = models.DateTimeField(null=True)  # a touch logged late, made in time, mended the record
    # When the clock stood still: [[start, end, "pause"], ...] as sla.gaps writes them; `paused_at` since when
    # it stands now, null while it runs.
    gaps = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    paused_at = models.DateTimeField(null=True)
    paused_seconds = models.PositiveIntegerField(null=True)  # working time in pauses, when met (or closed)
    attempts = models.PositiveSmallIntegerField(default=0)  # failed tries of the sweep
    last_error = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "handoff", "target", "clock"],
                condition=Q(state__in=["running", "paused"]),
                name="one_running_timer",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "next_at"], condition=Q(next_at__isnull=False), name="timer_due"),
            models.Index(
                fields=["next_at", "tenant"], condition=Q(next_at__isnull=False), name="timer_due_anywhere"
            ),
            models.Index(fields=["tenant", "handoff"], name="timer_by_handoff"),
            # Those that stood ever: a rebuild of reports asks for them, a few of all.
            models.Index(
                fields=["tenant", "handoff"],
                condition=Q(paused_at__isnull=False) | ~Q(gaps=[]),
                name="timer_that_stood",
            ),
            models.Index(
                fields=["tenant", "member", "-due_at"],
                condition=Q(clock="owner", target="first_touch", state__in=["met", "breached"]),
                name="timer_kept_or_broken",
            ),
            models.Index(fields=["tenant", "due_at"], condition=Q(state="running"), name="timer_by_due"),
            models.Index(
                fields=["tenant", "breached_at"],
                condition=Q(breached_at__isnull=False),
                name="timer_by_breach",
            ),
            models.Index(
                fields=["tenant", "id"],
                condition=Q(state="failed", closed_at__isnull=True),
                name="timer_failed",
            ),
        ]


class TimerEvent(TenantModel):
    """One rung of the ladder that fired. Exactly once: the key says so."""

    timer = tenant_fk("sla.Timer", related_name="events", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    generation = models.PositiveSmallIntegerField()
    step = models.PositiveSmallIntegerField()
    percent = models.PositiveSmallIntegerField()
    actions = models.JSONField()
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField()
    lateness_ms = models.PositiveBigIntegerField()
    repaired_at = models.DateTimeField(null=True)
    # It fired in shadow: what it would have done is in HeldBack, and none of it was done.
    shadow = models.BooleanField(default=False, db_default=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "timer", "generation", "step"], name="step_fires_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "handoff", "fired_at"], name="timer_event_by_handoff"),
            models.Index(fields=["tenant", "fired_at"], name="timer_event_by_time"),
        ]


class Pause(TenantModel):
    """[started_at, ended_at) in which the clocks of a handoff stood still; open while `ended_at` is null."""

    class EndReason(models.TextChoices):
        RESUMED = "resumed", "Somebody went on with it"
        TIME_UP = "time_up", "Its time was up"
        ENGAGED = "engaged", "The lead came back"
        MOVED = "moved", "The lead went to somebody else"
        CLOSED = "closed", "The handoff ended"

    handoff = tenant_fk("leads.Handoff", related_name="pauses", on_delete=models.CASCADE)
    reason = models.CharField(max_length=40)  # slug of the policy's list of allowed reasons
    name = models.CharField(max_length=80)  # how that reason was called then
    note = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=80)
    until = models.DateTimeField()  # the clocks go on by themselves then
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=80, blank=True)
    end_reason = models.CharField(max_length=8, choices=EndReason.choices, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "handoff"], condition=Q(ended_at__isnull=True), name="one_pause_at_a_time"
            ),
            models.CheckConstraint(condition=Q(until__gt=models.F("started_at")), name="pause_forward"),
        ]
        indexes = [
            models.Index(fields=["tenant", "handoff", "started_at"], name="pause_by_handoff"),
            models.Index(fields=["tenant", "until"], condition=Q(ended_at__isnull=True), name="pause_open"),
        ]


class Excuse(TenantModel):
    """Somebody asks that a broken clock be left out of the second rate, and somebody else decides.

    Whether it still says anything is read from the clock: one that was answered in time after all (a touch
    logged late) has nothing to excuse, whatever was decided.
    """

    class Kind(models.TextChoices):
        OUTAGE = "outage", "Something was down"
        BAD_DATA = "bad_data", "The lead's data was wrong"
        OTHER = "other", "Something else"

    class State(models.TextChoices):
        ASKED = "asked", "Waits for an answer"
        APPROVED = "approved", "Excused"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    timer = tenant_fk("sla.Timer", related_name="excuses", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", related_name="excuses", on_delete=models.CASCADE)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    note = models.CharField(max_length=300)
    state = models.CharField(max_length=9, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80)
    asker = tenant_fk("tenants.Member", null=True)  # who hears how it ended; null: a program asked
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=80, blank=True)
    decision_note = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "timer"],
                condition=Q(state__in=["asked", "approved"]),
                name="one_standing_excuse",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "-asked_at", "-id"], name="excuse_by_state"),
            models.Index(fields=["tenant", "handoff", "asked_at"], name="excuse_by_handoff"),
        ]


class ClockMove(TenantModel):
    """An order to move running clocks to another version of their calendar or of the policy.

    The engine carries it out batch by batch, by ascending handoff, so that sweeps go on meanwhile; a killed
    batch is simply done again.
    """

    calendar_version = tenant_fk("tenants.CalendarVersion", null=True)
    policy_version = tenant_fk("sla.PolicyVersion", null=True)
    ordered_at = models.DateTimeField()
    ordered_by = models.CharField(max_length=80)
    expected = models.PositiveIntegerField()  # clocks that the preview counted
    moved = models.PositiveIntegerField(default=0)
    reached_handoff_id = models.UUIDField(null=True)  # handoffs up to here are done
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(calendar_version__isnull=False, policy_version__isnull=True)
                | Q(calendar_version__isnull=True, policy_version__isnull=False),
                name="clock_move_to_one_version",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "ordered_at"], condition=Q(finished_at__isnull=True), name="clock_move_open"
            )
        ]


class TimerMove(TenantModel):
    """One clock that was moved to another version: its deadline before and after."""

    clock_move = tenant_fk("sla.ClockMove", on_delete=models.CASCADE)
    timer = tenant_fk("sla.Timer", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    at = models.DateTimeField()
    old_due_at = models.DateTimeField()
    new_due_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "clock_move", "timer"], name="timer_moves_once")
        ]
        indexes = [models.Index(fields=["tenant", "handoff", "at"], name="timer_move_by_handoff")]


class HeldBack(TenantModel):
    """Something that the engine would have done by itself, and did not: the team was in shadow then.

    Kept as things were at that moment, since people change teams and ladders change. Whom it would have told
    are the suppressed rows of the outbox with this `event_id`.
    """

    class Moves(models.TextChoices):
        NEXT = "next", "to the next person in the pool"
        QUEUE = "queue", "to the queue"

    kind = models.CharField(max_length=20)  # "step", "away", or the kind of a message: "lead.assigned"
    event_id = models.UUIDField()  # of the timer's event, the assignment, the decision or the engagement
    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    team = tenant_fk("tenants.Team", null=True)  # null: the organisation's own mode
    member = tenant_fk("tenants.Member", null=True)  # who owned the lead, or would have been told of it
    at = models.DateTimeField()
    target = models.CharField(max_length=40, blank=True)
    percent = models.PositiveSmallIntegerField(null=True)
    tells = models.BooleanField(default=False)
    moves = models.CharField(max_length=5, choices=Moves.choices, blank=True)
    to_member = tenant_fk("tenants.Member", null=True)  # whom the ladder names before the pool is asked
    raises = models.BooleanField(default=False)  # the priority

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "event_id", "kind"], name="held_back_once")]
        indexes = [
            models.Index(fields=["tenant", "-at", "-id"], name="held_back_by_time"),
            models.Index(fields=["tenant", "handoff"], name="held_back_by_handoff"),
        ]


class Finding(TenantModel):
    """Something the engine or its auditor found wrong and a person must see."""

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)  # "timer:<id>", "handoff:<id>"
    detail = models.CharField(max_length=300)
    found_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "subject"],
                condition=Q(cleared_at__isnull=True),
                name="finding_once",
            )
        ]


class EngineCycle(models.Model):
    """Heartbeat of each tick, one row a tick name; shared by all tenants. /healthz/engine reads it."""

    tick = models.CharField(max_length=60, primary_key=True)
    finished_at = models.DateTimeField()
    handled = models.PositiveIntegerField(default=0)
    worst_lateness_ms = models.PositiveBigIntegerField(default=0)
