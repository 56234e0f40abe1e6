"""Forms of the pages about people, keys and one's own account."""

from __future__ import annotations

import zoneinfo
from functools import cache
from importlib.resources import files
from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChange
from django.contrib.auth.forms import SetPasswordForm

from tenants.auth import SCOPES
from tenants.models import Calendar, Member, Mode, RepProfile, Role, Team, User
from tenants.numbers import IntegerField

EXPIRIES = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]


@cache
def zone_choices() -> list[tuple[str, str]]:
    """The zones that name a place and are recommended for one ("zone.tab" of the IANA database), and UTC:
    none of the older names that are kept for what was stored under them.
    """
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    named = {line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#")}
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in sorted(named))]


def is_zone(name: str) -> bool:
    """Whether this is a name of the IANA database, an older one too."""
    return name in zoneinfo.available_timezones()


class ZoneSelect(forms.Select):
    """The zones to choose from; one that is chosen already stays, also under an older name."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        groups = super().optgroups(name, value, attrs)
        offered = {choice for choice, _ in zone_choices()}
        for zone in value:
            if zone not in offered and is_zone(zone):
                option = self.create_option(name, zone, zone.replace("_", " "), True, len(groups))
                groups.append((None, [option], len(groups)))
        return groups


class ZoneField(forms.ChoiceField):
    """A time zone, offered by `zone_choices`; whatever the IANA database knows is accepted."""

    def __init__(self, **more: Any) -> None:
        super().__init__(choices=zone_choices, widget=ZoneSelect, **more)

    def valid_value(self, value: Any) -> bool:
        return is_zone(str(value))


class LoginForm(forms.Form):
    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label="Password",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class FirstPasswordForm(SetPasswordForm):
    """The first password of a new person, twice."""


class PasswordForm(DjangoPasswordChange):
    """The present password, and the new one twice."""


class AccountForm(forms.Form):
    theme = forms.ChoiceField(label="Theme", choices=User.Theme.choices)
    shortcuts = forms.BooleanField(
        label="Single-key shortcuts", required=False, help_text="A, R, L, J, K and / on pages that have them."
    )
    time_zone = ZoneField(label="Time zone")


def _choose_from(form: forms.Form, **querysets: Any) -> None:
    """Fill choice fields with rows of the tenant in force, which is known only when the form is made."""
    for name, queryset in querysets.items():
        form.fields[name].queryset = queryset  # type: ignore[attr-defined]


class MemberForm(forms.Form):
    """Who somebody is here. Only an admin gets it."""

    name = forms.CharField(label="Name", max_length=120)
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    team: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Team", queryset=None, required=False, empty_label="No team"
    )
    is_active = forms.BooleanField(
        label="Active", required=False, help_text="Someone who left cannot sign in and gets no leads."
    )

    def __init__(self, *args: Any, pending: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if pending:  # only their own yes makes them active
            del self.fields["is_active"]
        _choose_from(self, team=Team.objects.order_by("name"))


class NewMemberForm(MemberForm):
    email = forms.EmailField(label="E-mail", max_length=254)
    is_active = None  # type: ignore[assignment]
    field_order = ["name", "email", "role", "team"]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if Member.objects.filter(email=email).exists():
            raise forms.ValidationError("Somebody here has this e-mail already.", code="taken")
        return email


class ProfileForm(forms.Form):
    """Hours and how much fits."""

    time_zone = ZoneField(label="Time zone")
    calendar: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Own hours",
        queryset=None,
        required=False,
        empty_label="As the team",
        help_text="Without own hours the team's count, then the organisation's.",
    )
    weight = IntegerField(
        label="Weight in the rotation",
        min_value=1,
        max_value=100,
        help_text="2 gets twice as many leads as 1.",
    )
    cap_open = IntegerField(
        label="Open leads at most",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="Empty: no limit.",
    )
    cap_per_day = IntegerField(
        label="New leads a day at most",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="Empty: no limit. Counted by the rep's own day.",
    )
    cap_per_week = IntegerField(
        label="New leads a week at most",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="Empty: no limit. From Monday, by the rep's own days.",
    )
    cap_deals = IntegerField(
        label="Open opportunities at most",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="Empty: no limit. Who has so many gets no new leads.",
    )
    on_rotation = forms.BooleanField(label="On rotation", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose_from(self, calendar=Calendar.objects.order_by("name"))

    @classmethod
    def present(cls, profile: RepProfile | None, *, time_zone: str) -> dict[str, Any]:
        """What the form shows before it is filled in; `time_zone` where there is no profile yet."""
        if profile is None:
            return {"time_zone": time_zone, "weight": 1, "on_rotation": True}
        return {
            "time_zone": profile.time_zone,
            "calendar": profile.calendar_id,
            "weight": profile.weight,
            "cap_open": profile.cap_open,
            "cap_per_day": profile.cap_per_day,
            "cap_per_week": profile.cap_per_week,
            "cap_deals": profile.cap_deals,
            "on_rotation": profile.on_rotation,
        }


class TeamForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    manager: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Manager", queryset=None, required=False, empty_label="Nobody"
    )
    director: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Director",
        queryset=None,
        required=False,
        empty_label="Nobody",
        help_text="Hears of the last step.",
    )
    backup: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Backup", queryset=None, required=False, empty_label="Nobody"
    )
    calendar: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label="Hours", queryset=None, required=False, empty_label="As the organisation"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        active = Member.objects.filter(is_active=True).order_by("name")
        _choose_from(
            self,
            manager=active.filter(role__in=(Role.MANAGER, Role.ADMIN)),
            director=active,
            backup=active,
            calendar=Calendar.objects.order_by("name"),
        )


class ModeForm(forms.Form):
    mode = forms.ChoiceField(
        label="Mode",
        choices=[
            (Mode.LIVE, "Live: clocks remind, warn and escalate, and leads move on by themselves"),
            (Mode.SHADOW, "Shadow: the same is measured, nothing is sent and no lead is moved"),
        ],
        widget=forms.RadioSelect,
    )


class KeyForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80, help_text="Which program uses it.")
    scopes = forms.MultipleChoiceField(
        label="May",
        choices=[(scope, f"{text} ({scope})") for scope, text in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    expires = forms.ChoiceField(label="Expires", choices=EXPIRIES, required=False)
