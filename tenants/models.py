"""Who exists, what they may do, when they work."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower
from uuid_utils.compat import uuid7

from tenants.context import tenant_id_or_none
from tenants.managers import TenantManager


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str, name: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=email.strip().lower(), name=name, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who logs in, by e-mail. Shared by all tenants: what they are somewhere is a Member."""

    class Theme(models.TextChoices):
        AUTO = "auto"
        LIGHT = "light"
        DARK = "dark"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    theme = models.CharField(max_length=5, choices=Theme.choices, default=Theme.AUTO)
    shortcuts = models.BooleanField(default=True)  # single-key shortcuts on pages
    last_tenant_id = models.UUIDField(null=True)  # the organisation last worked in: a sign-in leads there
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.name


class Mode(models.TextChoices):
    """What the engine may do for a team. Everything is measured in both."""

    LIVE = "live", "Live"
    SHADOW = "shadow", "Shadow"


class Tenant(models.Model):
    """An organisation. Its row is visible only inside its own scope."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    is_active = models.BooleanField(default=True)
    # Share of targets met that both sides signed for, in percent; 85 unless set.
    target_percent = models.PositiveSmallIntegerField(default=85)
    # Amounts are told in this currency; ISO 4217.
    currency = models.CharField(max_length=3, default="EUR", db_default="EUR")
    # The tenant's own business calendar: company clocks run on it.
    calendar_id = models.UUIDField(null=True)
    # Of leads that nobody owns and of people without a team.
    mode = models.CharField(max_length=6, choices=Mode.choices, default=Mode.LIVE, db_default=Mode.LIVE)
    mode_since = models.DateTimeField(null=True)  # null: as it was from the beginning
    mode_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    # Kinds of versions that a second person must approve before they come into force: see tenants.versions.
    second_approval = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    # Kinds whose second approval one admin wants off and another has not confirmed: {kind: {"by", "at"}}.
    switching_off = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """Base of every row that belongs to a tenant. Keys and row security come from
    tenants.rls.SecureTenantTable."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # every index of ours begins with it
        db_constraint=False,
        default=tenant_id_or_none,  # without a scope the database refuses the null
        editable=False,
    )

    tenant_id: UUID
    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


def tenant_fk(
    to: str, *, null: bool = False, related_name: str = "+", on_delete: Any = models.PROTECT
) -> Any:
    """A reference to another tenant table: no constraint of Django's, the composite one comes by migration
    operation.

    The index is declared by the model, led by tenant_id, where a query needs it.
    """
    return models.ForeignKey(
        to,
        on_delete=on_delete,
        null=null,
        blank=null,
        related_name=related_name,
        db_constraint=False,
        db_index=False,
    )


class Role(models.TextChoices):
    ADMIN = "admin", "RevOps admin"
    MANAGER = "manager", "Manager"
    REP = "rep", "Rep"
    MARKETING = "marketing", "Marketing"
    EXECUTIVE = "executive", "Executive"


class Calendar(TenantModel):
    """A business calendar by name. Its hours live in immutable versions; `current` is the one new timers
    use."""

    name = models.CharField(max_length=80)
    current_version_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="calendar_name_once")]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(TenantModel):
    """Hours as they were from some day on; never changed once written, since timers point at it.

    spec: see tenants.calendars.spec. Public holidays are resolved when the version is written, so that a
    later library cannot move a running clock.
    """

    calendar = tenant_fk("tenants.Calendar", related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80, default="system")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "calendar", "number"], name="calendar_version_once")
        ]


class Team(TenantModel):
    name = models.CharField(max_length=80)
    manager = tenant_fk("tenants.Member", null=True)
    director = tenant_fk("tenants.Member", null=True)
    backup = tenant_fk("tenants.Member", null=True)
    calendar = tenant_fk("tenants.Calendar", null=True)
    mode = models.CharField(max_length=6, choices=Mode.choices, default=Mode.LIVE, db_default=Mode.LIVE)
    mode_since = models.DateTimeField(null=True)  # null: as it was from the beginning
    mode_by = models.CharField(max_length=80, blank=True, default="", db_default="")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="team_name_once")]

    def __str__(self) -> str:
        return self.name


class Member(TenantModel):
    """A person in one organisation: what they may do, and how to reach them. Name and e-mail are this
    tenant's."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=True)
    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=12, choices=Role.choices)
    team = tenant_fk("tenants.Team", null=True)
    is_active = models.BooleanField(default=True)
    # Since when somebody is asked to join and has not said yes; only their own yes makes them active.
    invited_at = models.DateTimeField(null=True)
    # Of the link's secret, while there is an answer to be given; empty once it was declined or withdrawn.
    invitation_hash = models.CharField(max_length=128, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(invited_at__isnull=True) | Q(is_active=False), name="member_joins_by_own_yes"
            ),
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "email"], name="member_email_once"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="member_email_is_lower_case"),
        ]
        indexes = [models.Index(fields=["tenant", "team"], name="member_by_team")]

    def __str__(self) -> str:
        return self.name


class RepProfile(TenantModel):
    """When a rep works and how much fits: one row per member who may own leads. Hot counters live in
    routing.RepLoad."""

    member = tenant_fk("tenants.Member", related_name="profiles")
    time_zone = models.CharField(max_length=60, default="UTC")
    calendar = tenant_fk(
        "tenants.Calendar", null=True
    )  # own hours; the team's, then the tenant's where empty
    weight = models.PositiveSmallIntegerField(default=1)
    cap_open = models.PositiveIntegerField(null=True)  # open leads at once; empty means no cap
    cap_per_day = models.PositiveIntegerField(null=True)  # new leads per local day
    cap_per_week = models.PositiveIntegerField(null=True)  # new leads per local week, from Monday
    cap_deals = models.PositiveIntegerField(null=True)  # open opportunities at once
    on_rotation = models.BooleanField(default=True)
    # When a manager put them back on it: broken promises before that do not count against them again.
    on_rotation_since = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "member"], name="rep_profile_once")]


class Leave(TenantModel):
    """Time off: [starts_at, ends_at). The rep gets no new leads in it.

    What is past stays as it was, since it explains what became of leads then (tenants.leave.services).
    """

    class Source(models.TextChoices):
        HAND = "hand", "Entered"
        FILE = "file", "Calendar file"

    member = tenant_fk("tenants.Member")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=120, blank=True)
    source = models.CharField(
        max_length=8, choices=Source.choices, default=Source.HAND, db_default=Source.HAND
    )
    # What a calendar file calls it (core.ical.Happening.key): the next file changes it instead of adding it
    # again. Empty where it was entered.
    uid = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="leave_forward"),
            models.UniqueConstraint(
                fields=["tenant", "member", "uid"], condition=~Q(uid=""), name="leave_once_per_uid"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "member", "ends_at"], name="leave_by_member")]


class ApiKey(TenantModel):
    """A key for the REST API. The secret is shown once; only its hash is kept. See tenants.auth."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    secret_hash = models.CharField(max_length=128)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    created_by = tenant_fk("tenants.Member", null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "prefix"], name="api_key_prefix_once")]
        indexes = [models.Index(fields=["prefix"], name="api_key_by_prefix")]  # before a tenant is known

    def __str__(self) -> str:
        return self.name


class AuditEntry(TenantModel):
    """Who changed what, from what to what. Append-only: the app role may not update or delete it."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=80)  # "member:<id>", "key:<id>", "engine", "import:<id>"
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.UUIDField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "-at"], name="audit_by_time"),
            models.Index(fields=["tenant", "object_type", "object_id"], name="audit_by_object"),
        ]


class VersionState(models.TextChoices):
    DRAFT = "draft"
    SCHEDULED = "scheduled"  # comes into force at its `effective_at`
    HELD = "held"  # its time came, and it did not pass the check: a person decides
    PUBLISHED = "published"
    RETIRED = "retired"
    CANCELLED = "cancelled"  # was scheduled, and called off while another draft was open


class VersionedModel(TenantModel):
    """Base of the immutable versions (criteria, routing rules, policies). Services: tenants.versions.

    A draft may be edited; a published version never changes again, because what it decided points at it.
    A kind may have several lines, each with its own numbers, draft and version in force.
    """

    #: The column whose value tells the lines apart; "" where the kind has a single one.
    LINE: ClassVar[str] = ""

    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.DRAFT)
    content = models.JSONField()
    # Counts the saves of a draft, so that two who edit it do not write over each other.
    revision = models.PositiveIntegerField(default=1, db_default=1)
    saved_at = models.DateTimeField(null=True)
    saved_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    copy_of = models.PositiveIntegerField(null=True)  # number of the version that it began as
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80)
    published_at = models.DateTimeField(null=True)
    published_by = models.CharField(max_length=80, blank=True)
    effective_at = models.DateTimeField(null=True)  # from when on, where it was not at once

    class Meta(TenantModel.Meta):
        abstract = True

    @property
    def line(self) -> UUID | None:
        """The line that it is a version of; None for the main one."""
        return getattr(self, self.LINE) if self.LINE else None

    @property
    def line_name(self) -> str:
        """What people call its line; "" for the main one."""
        return ""

    @property
    def line_query(self) -> str:
        """What is added to the address of a page about its kind to see its line: "?unit=cloud", or ""."""
        return ""


class Publication(TenantModel):
    """An order to put a version in force that is not carried out at once: it waits for a second person, for
    its time, or for one and then the other. Services: tenants.versions.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Waits for approval"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"
        SCHEDULED = "scheduled", "Scheduled"
        HELD = "held", "Could not come into force"
        CANCELLED = "cancelled", "Cancelled"
        DONE = "done", "In force"

    kind = models.CharField(max_length=20)  # tenants.versions.kinds: "policy", "criteria", "routing"
    version_id = models.UUIDField()  # of that kind's table
    line = models.UUIDField(null=True)  # of the version; see VersionedModel.LINE
    revision = models.PositiveIntegerField()  # of the draft that was asked for
    effective_at = models.DateTimeField(null=True)  # null: at once
    options = models.JSONField(
        default=dict
    )  # what else was chosen, for the kind to read: {"move_open": true}
    state = models.CharField(max_length=9, choices=State.choices)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80)
    asker = tenant_fk("tenants.Member", null=True)  # who hears how it ended; null: a program asked
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=300, blank=True)  # of whoever decided
    closed_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, blank=True)  # why it was withdrawn, or could not come into force

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "line"],
                condition=Q(state="asked"),
                nulls_distinct=False,
                name="one_approval_a_line",
            ),
            models.UniqueConstraint(
                fields=["tenant", "kind", "line"],
                condition=Q(state__in=["scheduled", "held"]),
                nulls_distinct=False,
                name="one_scheduled_a_line",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "kind", "-asked_at", "-id"], name="publication_by_kind"),
            models.Index(fields=["tenant", "version_id", "-asked_at"], name="publication_by_version"),
            models.Index(
                fields=["effective_at", "tenant"],
                condition=Q(state="scheduled"),
                name="publication_due_anywhere",
            ),
        ]


class RateWindow(models.Model):
    """A shared counter: what a bucket ("key:<id>", "login:<hash>") has used of its present window. See
    tenants.rates.

    Not a tenant's row: it is counted before a tenant is known. Not logged to disk: a crash may forget it.
    """

    bucket = models.CharField(max_length=160, primary_key=True)
    started = models.BigIntegerField()  # Unix time at which the window began
    taken = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["started"], name="rate_window_by_start")]
