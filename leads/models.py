"""The lead and everything that happened to it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from leads import text_search
from leads.lifecycle import Stage
from tenants.models import TenantModel, VersionedModel, tenant_fk


class CriteriaVersion(VersionedModel):
    """What makes an MQL, as written: {"rule": <core.rules tree>, "fit": <tree or null>, "required": [field,
    ...], "exclude": [{"name", "when": <tree>}, ...]}.

    `fit` is what makes a Subscriber a Lead. `required` are the handoff requirements.
    """

    class Meta(VersionedModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="criteria_version_once")]


class SqlBarVersion(VersionedModel):
    """What makes an SQL, as written: {"questions": [{"key", "label", "hint", "answer", "choices", "must",
    "must_be"}]}. See leads.sql_bar."""

    class Meta(VersionedModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="sql_bar_version_once")]


class MeetingBarVersion(VersionedModel):
    """What makes a meeting a qualified one, as written; shaped as SqlBarVersion. See leads.bars."""

    class Meta(VersionedModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="meeting_bar_version_once")]


class LeadSettings(TenantModel):
    """One row a tenant: what hands a lead over (leads.triggers), what sales owes at each stage (leads.owed),
    and after how many working days a status is stale (handoff.stale)."""

    triggers = models.JSONField(default=list)  # of triggers.KINDS; empty is our criteria alone
    outside_stages = models.JSONField(default=list)  # "MQL", or of one system alone "hubspot: MQL"
    score_from = models.IntegerField(null=True)
    form_kinds = models.JSONField(default=list)  # kinds of engagement
    owed = models.JSONField(default=dict)  # {stage: [field, ...]}
    stale_days = models.JSONField(default=dict)  # {stage: working days}

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="lead_settings_once")]


class Account(TenantModel):
    name = models.CharField(max_length=200)
    lower_name = text_search.lower_of("name")
    domain = models.CharField(max_length=253, blank=True)  # registrable domain, lower case
    website = models.CharField(max_length=300, blank=True)
    employees = models.PositiveIntegerField(null=True)
    revenue = models.BigIntegerField(null=True)  # a year, in the tenant's currency
    industry = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=60, blank=True)
    owner = tenant_fk("tenants.Member", null=True)
    tier = models.CharField(max_length=40, blank=True)  # of the account, as the tenant calls it: "A", "1"
    parent = tenant_fk("leads.Account", null=True, related_name="subsidiaries")
    # Another name or domain of that account, or one that was merged into it: what finds this row finds that
    # account. Never a row that points on itself.
    merged_into = tenant_fk("leads.Account", null=True, related_name="also_known_as")
    compared_name = models.CharField(max_length=200, blank=True)  # the name that was compared with others
    is_named = models.BooleanField(default=False)
    is_customer = models.BooleanField(default=False)
    is_partner = models.BooleanField(default=False)
    is_competitor = models.BooleanField(default=False)
    has_open_opportunity = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "domain"], condition=~Q(domain=""), name="account_domain_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "name"], name="account_by_name"),
            text_search.index_of("lower_name", name="account_by_lower_name"),
            text_search.index_of("domain", name="account_by_domain_text"),
            models.Index(
                fields=["tenant", "merged_into"],
                condition=Q(merged_into__isnull=False),
                name="account_by_merged_into",
            ),
            models.Index(
                fields=["tenant", "parent"], condition=Q(parent__isnull=False), name="account_by_parent"
            ),
            models.Index(
                fields=["tenant", "id"],
                condition=~Q(compared_name=models.F("name")),
                name="account_to_compare",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Lead(TenantModel):
    """One person. E-mail (normalised) or an outside id finds the same one again."""

    email = models.CharField(max_length=254, blank=True)  # normalised, lower case
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    search_name = models.CharField(
        max_length=170, blank=True
    )  # lower-cased "first last": row security wants equality or starts_with
    lower_last_name = text_search.lower_of("last_name")
    title = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)  # E.164 where it parses
    country = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=60, blank=True)
    postal_code = models.CharField(max_length=20, blank=True, default="", db_default="")
    company_name = models.CharField(max_length=200, blank=True)
    account = tenant_fk("leads.Account", null=True)
    source = models.CharField(max_length=80, blank=True)
    campaign = models.CharField(max_length=120, blank=True)
    channel = models.CharField(max_length=80, blank=True)
    score = models.IntegerField(null=True)
    custom = models.JSONField(default=dict)
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.SUBSCRIBER)
    # Latest judgement: {"met": bool, "version": int, "criteria": [{"label", "state", "seen", "expected",
    # "path"}]}.
    verdict = models.JSONField(null=True)
    criteria_version = tenant_fk("leads.CriteriaVersion", null=True)
    needs = models.JSONField(default=list)  # handoff requirements that are missing: the "needs data" queue
    # Since when it waits for them; of the past while there are none.
    needs_since = models.DateTimeField(null=True)
    # Codes of leads.quality.CHECKS that found something when it last came or was corrected; null: not looked
    # at yet.
    invalid = models.JSONField(null=True)
    # What another system calls the stage that it is at, and which system that is.
    outside_stage = models.CharField(max_length=60, blank=True, default="", db_default="")
    outside_system = models.CharField(max_length=40, blank=True, default="", db_default="")
    stage_by_system = models.JSONField(null=True)  # {system: what it calls the stage}, the last word of each
    triggered_at = models.DateTimeField(null=True)  # since when that stage, or the score, hands it over
    owner = tenant_fk("tenants.Member", null=True)  # of the open handoff
    # Of the arrival that would hand it over, while it waits for data: owner (e-mail), source, campaign,
    # channel, test, drill_seconds, as far as the lead does not say the same (handoff.kept_arrivals).
    kept_arrival = models.JSONField(null=True)
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"], condition=~Q(email=""), name="lead_email_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-updated_at", "-id"], name="lead_by_update"),
            models.Index(fields=["tenant", "stage", "-updated_at"], name="lead_by_stage"),
            models.Index(fields=["tenant", "owner", "-updated_at"], name="lead_by_owner"),
            models.Index(fields=["tenant", "source", "-updated_at"], name="lead_by_source"),
            models.Index(fields=["tenant", "search_name"], name="lead_by_name"),
            text_search.index_of("lower_last_name", name="lead_by_last_name"),
            models.Index(fields=["tenant", "account"], name="lead_by_account"),
            # The funnel counts those created in a period from it alone.
            models.Index(
                fields=["tenant", "-created_at", "-id"],
                include=["stage", "source", "campaign", "channel", "is_test"],
                name="lead_created",
            ),
            models.Index(
                fields=["tenant", "-updated_at", "-id"], condition=~Q(needs=[]), name="lead_needing_data"
            ),
            models.Index(fields=["tenant", "id"], condition=Q(is_test=True), name="lead_of_test"),
        ]

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email or "Unnamed lead"

    @property
    def waits_since(self) -> datetime:
        """Since when it waits for data. One that began before this was noted waits since its last change."""
        return self.needs_since or self.updated_at

    def note_waiting(self, now: datetime) -> None:
        """Keep since when it waits, where it does; see `leads.upsert` for where a wait is over."""
        if self.needs and self.needs_since is None:
            self.needs_since = now

    @property
    def company(self) -> str:
        """What the lead's company is called: as the account, else as the lead said."""
        return self.account.name if self.account else self.company_name


class DataWait(TenantModel):
    """A lead that the engine looks at again, at `due_at` at the latest: one that is held for enrichment
    before its handoff, or one whose account says more than when it was found wanting.
    """

    class Kind(models.TextChoices):
        ENRICHMENT = "enrichment"
        ACCOUNT = "account"

    class Outcome(models.TextChoices):
        COMPLETE = "complete"  # everything came; handed over at once
        EXPIRED = "expired"  # handed over as it was
        NEEDS_DATA = "needs_data"  # something that is required never came
        NOT_QUALIFIED = "not_qualified"  # judged again, it was no MQL any more

    lead = tenant_fk("leads.Lead", related_name="data_waits", on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    number = models.PositiveIntegerField(default=0)  # of the handoff that waits for enrichment
    fields = models.JSONField(default=list)  # that were missing when it began
    since = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=13, choices=Outcome.choices, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "lead", "number"],
                condition=Q(kind="enrichment"),
                name="held_once_a_handoff",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "lead", "-since"], name="data_wait_by_lead"),
            models.Index(
                fields=["due_at", "tenant"], condition=Q(ended_at__isnull=True), name="data_wait_due_anywhere"
            ),
        ]


class SourceAlarm(TenantModel):
    """An episode in which the data of a source was worse than before: of one field, from when it was noticed
    to when it was good again.

    before, after: leads with a good value, and leads looked at, of the weeks before and the days it was
    noticed in.
    """

    source = models.CharField(max_length=80, blank=True)
    field = models.CharField(max_length=40)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    before_good = models.PositiveIntegerField()
    before_of = models.PositiveIntegerField()
    after_good = models.PositiveIntegerField()
    after_of = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source", "field"],
                condition=Q(ended_at__isnull=True),
                name="one_alarm_a_source_and_field",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-began_at"], name="source_alarm_by_time")]


class SourceLook(TenantModel):
    """When the data of sources was compared last: one row a tenant."""

    day = models.DateField(null=True)  # by UTC

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="source_look_once")]


class LeadExternalId(TenantModel):
    """The lead's id in an outside system; one lead may have several systems, a system's id names one lead."""

    lead = tenant_fk("leads.Lead", related_name="external_ids", on_delete=models.CASCADE)
    system = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "system", "external_id"], name="lead_external_id_once")
        ]
        indexes = [models.Index(fields=["tenant", "lead"], name="external_id_by_lead")]


class Engagement(TenantModel):
    """Something the lead did: a form, a page, a reply. Every arrival of a lead is kept as one."""

    lead = tenant_fk("leads.Lead", related_name="engagements", on_delete=models.CASCADE)
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()  # when it happened
    received_at = models.DateTimeField()  # when we heard of it
    source = models.CharField(max_length=80, blank=True)
    campaign = models.CharField(max_length=120, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "lead", "-at"], name="engagement_by_lead")]


class Handoff(TenantModel):
    """One MQL cycle of one lead: routed, owned, answered. Timers, assignments, dispositions belong to it."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Outcome(models.TextChoices):
        REJECTED = "rejected"
        NURTURE = "nurture"
        DISQUALIFIED = "disqualified"
        WON = "won"
        LOST = "lost"

    class Kind(models.TextChoices):
        INBOUND = "inbound"  # marketing hands a qualified lead over
        OUTBOUND = "outbound"  # an SDR booked a meeting for an AE

    lead = tenant_fk("leads.Lead", related_name="handoffs", on_delete=models.CASCADE)
    number = models.PositiveIntegerField()  # 1, 2, ... per lead
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.INBOUND, db_default=Kind.INBOUND)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    started_at = models.DateTimeField()  # the company clock's start: MQL
    closed_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    first_touch_at = models.DateTimeField(null=True)  # earliest counting touch
    attempts_at = models.DateTimeField(null=True)  # when the attempts that the policy asks for were all made
    nurtured_at = models.DateTimeField(null=True)  # when the policy's nurture sequence was complete
    sql_at = models.DateTimeField(null=True)
    opportunity_at = models.DateTimeField(null=True)
    owner = tenant_fk("tenants.Member", null=True)  # of the open assignment; null means unrouted
    owned_since = models.DateTimeField(null=True)
    hops = models.PositiveSmallIntegerField(default=0)  # times it was moved on after the first owner
    unrouted_reason = models.CharField(max_length=40, blank=True)
    retry_at = models.DateTimeField(null=True)  # unrouted, and not worth asking the rules again before then
    # Last sign of work: a new owner, a touch by a person, a step of the lifecycle. Null in imported history.
    worked_at = models.DateTimeField(null=True)
    tier = models.CharField(max_length=60, blank=True)  # slug inside the policy version
    tier_name = models.CharField(max_length=80, blank=True)
    policy_version_id = models.UUIDField(null=True)  # sla.PolicyVersion; a layer above, so no reference
    priority = models.SmallIntegerField(default=0)  # higher first
    criteria_version = tenant_fk("leads.CriteriaVersion", null=True)
    verdict = models.JSONField(null=True)  # as Lead.verdict, frozen
    source = models.CharField(max_length=80, blank=True)
    campaign = models.CharField(max_length=120, blank=True)
    channel = models.CharField(max_length=80, blank=True)
    is_test = models.BooleanField(default=False)
    drill_seconds = models.PositiveSmallIntegerField(null=True)  # of a drill: its promises run so long
    is_history = models.BooleanField(default=False)  # imported: measured, never acted on

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "lead", "number"], name="handoff_number_once"),
            models.UniqueConstraint(
                fields=["tenant", "lead"], condition=Q(state="open"), name="one_open_handoff_per_lead"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "owner", "state"], name="handoff_by_owner"),
            models.Index(fields=["tenant", "-started_at"], name="handoff_by_start"),
            models.Index(fields=["tenant", "id"], condition=Q(kind="outbound"), name="handoff_outbound"),
            models.Index(
                fields=["tenant", "started_at"],
                condition=Q(state="open", owner__isnull=True),
                name="handoff_unrouted",
            ),
            models.Index(
                fields=["tenant", "worked_at", "id"], condition=Q(state="open"), name="handoff_by_work"
            ),
            models.Index(
                fields=["tenant", "owner", "worked_at", "id"],
                condition=Q(state="open"),
                name="handoff_by_owner_and_work",
            ),
        ]


class Assignment(TenantModel):
    """One ownership span of a handoff."""

    class EndReason(models.TextChoices):
        BREACH = "breach"
        HAND_OVER = "hand_over"  # the rep gave it on
        REASSIGNED = "reassigned"  # a manager moved it
        REROUTED = "rerouted"  # refused as not theirs
        AWAY = "away"  # its owner went on leave before it was answered
        OUTSIDE = "outside"  # another system, which routes here, gave it to somebody else
        CLOSED = "closed"
        UNDONE = "undone"

    handoff = tenant_fk("leads.Handoff", related_name="assignments", on_delete=models.CASCADE)
    member = tenant_fk("tenants.Member")
    hop = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=12, choices=EndReason.choices, blank=True)
    decision_id = models.UUIDField(null=True)  # routing.Decision, a layer above
    reason = models.CharField(max_length=200, blank=True)  # one sentence for the rep: why you

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "handoff"], condition=Q(ended_at__isnull=True), name="one_owner_at_a_time"
            ),
            models.UniqueConstraint(fields=["tenant", "handoff", "hop"], name="assignment_hop_once"),
        ]
        indexes = [models.Index(fields=["tenant", "member", "-started_at"], name="assignment_by_member")]


class Touch(TenantModel):
    """A logged attempt to reach the lead. Inbound replies are engagements."""

    class Kind(models.TextChoices):
        CALL = "call", "Call"
        EMAIL = "email", "E-mail"
        MEETING = "meeting", "Meeting"
        LINKEDIN = "linkedin", "LinkedIn"
        SMS = "sms", "SMS"

    lead = tenant_fk("leads.Lead", related_name="touches", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", null=True, related_name="touches", on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()  # when it was made
    logged_at = models.DateTimeField()
    outcome = models.CharField(max_length=60, blank=True)
    note = models.TextField(blank=True, max_length=4000)
    by = tenant_fk("tenants.Member", null=True)
    automatic = models.BooleanField(default=False)  # a sequence tool made it; never a response
    external_id = models.CharField(max_length=120, blank=True)
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"], condition=~Q(external_id=""), name="touch_external_id_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "lead", "-at"], name="touch_by_lead")]


class StageChange(TenantModel):
    """An immutable step along the lifecycle."""

    lead = tenant_fk("leads.Lead", related_name="stage_changes", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", null=True, on_delete=models.CASCADE)
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12, choices=Stage.choices)
    at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    why = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "lead", "at"], name="stage_change_by_lead"),
            models.Index(fields=["tenant", "new", "at"], name="stage_change_by_stage"),
        ]


class SqlAnswers(TenantModel):
    """What sales answered to the SQL criteria, once written never changed; what is added later is a row more.

    answers: [{"key", "label", "answer", "value", "must", "met"}], in the order of the questions; `met` is
    null where a question was not answered.
    """

    lead = tenant_fk("leads.Lead", on_delete=models.CASCADE)
    handoff = tenant_fk("leads.Handoff", on_delete=models.CASCADE)
    version = tenant_fk("leads.SqlBarVersion", null=True)  # null: the default bar, of which there is no row
    number = models.PositiveIntegerField(default=0)  # of the version; 0 for the default
    stage = models.CharField(max_length=12, choices=Stage.choices)  # the step that asked
    at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    met = models.BooleanField()  # every question that had a bar
    answers = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "handoff", "-at"], name="sql_answers_by_handoff"),
            models.Index(fields=["tenant", "-at"], name="sql_answers_by_time"),
        ]


class Opportunity(TenantModel):
    """A deal that came of a lead. A lead, and a handoff, may have several; an outside system's id names one.

    What was first forecast is kept beside what is forecast now, so that the two can be held against the
    outcome. Amounts in a currency other than the organisation's are kept and told, but added to no sum.
    """

    class Outcome(models.TextChoices):
        WON = "won", "Won"
        LOST = "lost", "Lost"

    lead = tenant_fk("leads.Lead", related_name="opportunities", on_delete=models.CASCADE)
    # The one that led to it; null: it is known of a lead that never was handed over.
    handoff = tenant_fk("leads.Handoff", null=True, related_name="opportunities", on_delete=models.CASCADE)
    external_system = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=120, blank=True)
    name = models.CharField(max_length=200, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3)  # ISO 4217
    close_date = models.DateField(null=True)  # expected; of a closed one, when it closed
    first_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    first_close_date = models.DateField(null=True)
    owner = tenant_fk("tenants.Member", null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=4, choices=Outcome.choices, blank=True)  # blank while it is open
    updated_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "external_system", "external_id"],
                condition=~Q(external_id=""),
                name="opportunity_external_id_once",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", closed_at__isnull=True) | Q(~Q(outcome=""), closed_at__isnull=False),
                name="opportunity_closed_with_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "lead", "-opened_at"], name="opportunity_by_lead"),
            models.Index(fields=["tenant", "handoff"], name="opportunity_by_handoff"),
            models.Index(fields=["tenant", "-opened_at", "-id"], name="opportunity_by_time"),
        ]


class DirtyHandoff(TenantModel):
    """A handoff whose numbers changed; written in the changing transaction, drained by reporting.

    One row a change, no unique key: two writers never wait for each other here. One of three is said: a
    handoff; a lead or an account, which stands for all handoffs of it (leads.dirty), without a reference, for
    that would lock the row that is changing.
    """

    handoff = tenant_fk("leads.Handoff", null=True, on_delete=models.CASCADE)
    lead_id = models.UUIDField(null=True)
    account_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(handoff__isnull=False) | Q(lead_id__isnull=False) | Q(account_id__isnull=False),
                name="dirty_says_what",
            )
        ]
        indexes = [models.Index(fields=["tenant", "at"], name="dirty_by_time")]


# Those of account_models.py are ours too.
from leads.account_models import (  # noqa: E402
    AccountKey,
    AccountMerge,
    AccountPair,
    AccountSettings,
    ListEntry,
    NamedList,
)
from leads.imported_models import ImportedCycle  # noqa: E402

__all__ = [
    "Account",
    "AccountKey",
    "AccountMerge",
    "AccountPair",
    "AccountSettings",
    "Assignment",
    "CriteriaVersion",
    "DirtyHandoff",
    "Engagement",
    "Handoff",
    "ImportedCycle",
    "Lead",
    "LeadExternalId",
    "ListEntry",
    "NamedList",
    "Opportunity",
    "StageChange",
    "Touch",
]
