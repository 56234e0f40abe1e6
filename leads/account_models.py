"""What belongs to accounts: names that are alike, merges, and named lists of companies and people."""

from __future__ import annotations

from django.db import models

from leads import text_search
from tenants.models import TenantModel, tenant_fk


class AccountSettings(TenantModel):
    """One row a tenant that chose otherwise: whether names that are alike are looked for, and how alike in
    percent two must be to be asked about.

    again_after: all names are being compared again, by ascending id of their accounts; those up to this one
    were. Null while none are.
    """

    suggest = models.BooleanField(default=True)
    threshold = models.PositiveSmallIntegerField(default=80)
    again_after = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="account_settings_once")]


class AccountKey(TenantModel):
    """A key of an account's name (`company_names.name_keys`): two that share one are compared."""

    account = tenant_fk("leads.Account", on_delete=models.CASCADE)
    key = models.CharField(max_length=40)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "key"], name="account_key_once"),
        ]
        indexes = [models.Index(fields=["tenant", "key"], name="account_key_by_key")]


class AccountPair(TenantModel):
    """Two accounts that may be one company. first has the smaller id. One that was called different is kept,
    so that nobody is asked again."""

    class State(models.TextChoices):
        OPEN = "open"
        DIFFERENT = "different"
        SAME = "same"

    first = tenant_fk("leads.Account", on_delete=models.CASCADE)
    second = tenant_fk("leads.Account", on_delete=models.CASCADE)
    likeness = models.PositiveSmallIntegerField()  # percent
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "first", "second"], name="account_pair_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "-likeness", "-id"], name="account_pair_by_state"),
            models.Index(fields=["tenant", "second"], name="account_pair_by_second"),
        ]


class AccountMerge(TenantModel):
    """One account became part of another. moved: {"leads", "subsidiaries", "names": [id, ...], "filled":
    {field: [before, after]}}: what an undoing takes back."""

    winner = tenant_fk("leads.Account")
    loser = tenant_fk("leads.Account")
    moved = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.CharField(max_length=80)
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "winner", "-at"], name="account_merge_by_winner"),
            models.Index(fields=["tenant", "loser", "-at"], name="account_merge_by_loser"),
        ]


class NamedList(TenantModel):
    """Companies and people by domain, address or name, which rules ask about by the list's slug."""

    class Purpose(models.TextChoices):
        COMPETITORS = "competitors", "Competitors"
        STUDENTS = "students", "Students"
        CONSULTANTS = "consultants", "Consultants"
        CUSTOMERS = "customers", "Customers"
        OPPORTUNITIES = "opportunities", "Open opportunities"
        NAMED = "named", "Named accounts"
        OTHER = "other", "Something else"

    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=60)  # stays when the list is renamed: rules say it
    purpose = models.CharField(max_length=13, choices=Purpose.choices, default=Purpose.OTHER)
    created_at = models.DateTimeField()
    size: int  # how many entries; where it was counted

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="named_list_once")]

    def __str__(self) -> str:
        return self.name


class ListEntry(TenantModel):
    """One of a list. key: how it is looked up ("d:heron.example", "e:ann@heron.example", "n:heron")."""

    class Kind(models.TextChoices):
        DOMAIN = "domain", "Domain"
        EMAIL = "email", "E-mail address"
        COMPANY = "company", "Company name"

    named_list = tenant_fk("leads.NamedList", related_name="entries", on_delete=models.CASCADE)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    key = models.CharField(max_length=260)
    shown = models.CharField(max_length=254)
    lower_shown = text_search.lower_of("shown")
    added_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "named_list", "key"], name="list_entry_once")
        ]
        indexes = [
            models.Index(fields=["tenant", "key"], name="list_entry_by_key"),
            models.Index(fields=["tenant", "named_list", "shown", "id"], name="list_entry_by_shown"),
            text_search.index_of("named_list", "lower_shown", name="list_entry_by_text"),
        ]
