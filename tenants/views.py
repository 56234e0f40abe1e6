"""Pages about signing in, one's own account, people, calendars and keys."""

from __future__ import annotations

from datetime import timedelta
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import DomainError, NotFound, ValidationFailed
from tenants import forms, selectors, services
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.demo import demo_logins, is_demo_login
from tenants.invitation_views import BACKEND, invited_page
from tenants.invitations import invite_member, remember_tenant
from tenants.leave.reading import hours_of
from tenants.leave_forms import LeaveForm
from tenants.leave_views import leave_context, take_leave
from tenants.login import TooManyTries, count_try, forgive
from tenants.middleware import SESSION_TENANT
from tenants.models import ApiKey, Member, Mode, RepProfile, Role, Team, User
from tenants.off_rotation import off_rotation_text
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from tenants.ways import asked_way

# Where each role begins; the first that is routed.
LANDING: dict[str, tuple[str, ...]] = {
    Role.REP: ("handoff:inbox",),
    Role.MANAGER: ("handoff:board", "tenants:people"),
    Role.ADMIN: ("handoff:board", "tenants:people"),
    Role.MARKETING: ("reporting:compliance",),
    Role.EXECUTIVE: ("reporting:compliance",),
}


# Signing in


@member_required()
@require_safe
def home(request: TenantRequest) -> HttpResponse:
    """GET /: where this role begins."""
    for view in (*LANDING.get(request.member.role, ()), "tenants:account"):
        try:
            return redirect(view)
        except NoReverseMatch:
            continue
    raise Http404


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """GET, POST /login."""
    if request.user.is_authenticated and request.method != "POST":
        return HttpResponseRedirect(asked_way(request) or "/")
    form = forms.LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            window = count_try(request, form.cleaned_data["email"])
        except TooManyTries as refusal:
            form.add_error(None, refusal.message)
            response = _login_page(request, form, 429)
            response["Retry-After"] = str(refusal.data["retry_after"])
            return response
        user = authenticate(request, **form.cleaned_data)
        if isinstance(user, User):
            forgive(request, form.cleaned_data["email"], window)
            _enter(request, user)
            return HttpResponseRedirect(asked_way(request) or "/")
        form.add_error(None, "E-mail or password is wrong.")
    return _login_page(request, form, status_of(form))


def _login_page(request: HttpRequest, form: forms.LoginForm, status: int) -> HttpResponse:
    context = {
        "form": form,
        "next": asked_way(request) or "/",
        "demo": demo_logins(),
        "is_empty": not User.objects.exists(),  # every organisation has an admin: nobody means none
    }
    return render(request, "tenants/login.html", context, status=status)


def _enter(request: HttpRequest, user: User) -> None:
    """Begin a session; another person's organisation in the same browser is forgotten."""
    request.session.pop(SESSION_TENANT, None)
    start_session(request, user, backend=BACKEND)


@never_cache
@require_POST
def demo_login(request: HttpRequest) -> HttpResponse:
    """POST /login/demo: sign in as one of the demo's people. Not there outside the demo."""
    email = request.POST.get("email", "")
    user = (
        User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if is_demo_login(email)
        else None
    )
    if user is None:
        raise Http404
    _enter(request, user)
    return redirect("/")


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """POST /logout."""
    end_session(request)
    return redirect("tenants:login")


@require_POST
@member_required()
def switch(request: TenantRequest, tenant_id: UUID) -> HttpResponse:
    """POST /organisation/<id>: work in another of one's organisations."""
    if tenant_id not in {one.tenant_id for one in request.memberships}:
        raise NotFound("There is no such organisation.")
    request.session[SESSION_TENANT] = str(tenant_id)
    remember_tenant(cast(User, request.user), tenant_id)
    return redirect("/")


# One's own account


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def account(request: TenantRequest) -> HttpResponse:
    """GET, POST /account: theme, shortcuts, time zone."""
    user, member = request.user, request.member
    present = {
        "theme": user.theme,  # type: ignore[union-attr]
        "shortcuts": user.shortcuts,  # type: ignore[union-attr]
        "time_zone": selectors.time_zone_of(member=member, tenant=request.tenant),
    }
    form = forms.AccountForm(request.POST or None, initial=present)
    if request.method == "POST" and form.is_valid():
        User.objects.filter(pk=member.user_id).update(
            theme=form.cleaned_data["theme"], shortcuts=form.cleaned_data["shortcuts"]
        )
        if form.cleaned_data["time_zone"] != present["time_zone"]:
            services.set_time_zone(
                member=member,
                time_zone=form.cleaned_data["time_zone"],
                actor=member_actor(member),
                now=database_clock(),
            )
        messages.success(request, "Saved.")
        return redirect("tenants:account")
    context = {"form": form, "crumbs": _crumbs("My settings")}
    return render(request, "tenants/account.html", context, status=status_of(form))


@require_POST
@member_required()
def theme(request: TenantRequest) -> HttpResponse:
    """POST /account/theme {theme}: light, dark or auto."""
    chosen = request.POST.get("theme", "")
    if chosen not in User.Theme.values:
        raise ValidationFailed.at("/theme", "The theme is light, dark or auto.")
    User.objects.filter(pk=request.member.user_id).update(theme=chosen)
    if getattr(request, "htmx", False):
        return HttpResponse(status=204)
    return redirect("tenants:account")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def password(request: TenantRequest) -> HttpResponse:
    """GET, POST /account/password. Other sessions of this person end."""
    form = forms.PasswordForm(cast(User, request.user), request.POST or None)
    if request.method == "POST":
        window = count_try(request, f"password of {request.user.pk}")
        if form.is_valid():
            forgive(request, f"password of {request.user.pk}", window)
            form.save()
            update_session_auth_hash(request, form.user)
            messages.success(request, "Your password is changed.")
            return redirect("tenants:account")
    context = {"form": form, "crumbs": _crumbs("Password", account=True)}
    return render(request, "tenants/password.html", context, status=status_of(form))


def _crumbs(
    page: str, *, account: bool = False, people: bool = False, set_up: bool = False
) -> list[dict[str, str]]:
    above = []
    if set_up:
        above.append({"label": "Set up", "url": ""})
    if account:
        above.append({"label": "My settings", "url": reverse("tenants:account")})
    if people:
        above.append({"label": "People", "url": reverse("tenants:people")})
    return [*above, {"label": page, "url": ""}]


# People and teams


@require_safe
@member_required(Role.MANAGER)
def people(request: TenantRequest) -> HttpResponse:
    """GET /people: who is here, when they work, how much fits. A manager sees the own teams."""
    tenant, me = request.tenant, request.member
    members = selectors.manageable_members(tenant=tenant, by=me)
    teams = Team.objects.select_related("manager", "director", "backup", "calendar").order_by("name")
    if me.role != Role.ADMIN:
        teams = teams.filter(manager=me)
    context = {
        "people": selectors.people(members=members, now=database_clock()),
        "teams": teams,
        "may_change": me.role == Role.ADMIN,
        "crumbs": _crumbs("People"),
    }
    return render(request, "tenants/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def new_member(request: TenantRequest) -> HttpResponse:
    """GET, POST /people/new: ask somebody to join; the link for them is shown once."""
    form = forms.NewMemberForm(request.POST or None, initial={"role": Role.REP})
    context = {"form": form, "crumbs": _crumbs("Add", people=True)}
    if request.method != "POST" or not form.is_valid():
        return render(request, "tenants/new_member.html", context, status=status_of(form))
    data = form.cleaned_data
    try:
        asked, key = invite_member(
            tenant=request.tenant,
            name=data["name"],
            email=data["email"],
            role=Role(data["role"]),
            team=data["team"],
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except ValidationFailed as refusal:
        take_errors(form, refusal)
        return render(request, "tenants/new_member.html", context, status=status_of(form))
    return invited_page(request, asked, key)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MANAGER)
def member(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """GET, POST /people/<id>: role and team (admins), hours and caps, leave."""
    me = request.member
    found = selectors.get_manageable_member(tenant=request.tenant, by=me, member_id=member_id)
    profile = RepProfile.objects.filter(member=found).first()
    which = request.POST.get("form", "")
    person_form = forms.MemberForm(
        request.POST if which == "person" else None,
        pending=found.invited_at is not None,
        initial={"name": found.name, "role": found.role, "team": found.team_id, "is_active": found.is_active},
    )
    profile_form = forms.ProfileForm(
        request.POST if which == "profile" else None,
        initial=forms.ProfileForm.present(profile, time_zone=request.tenant.time_zone),
    )
    now, status = database_clock(), 0
    if which == "person" and me.role == Role.ADMIN and person_form.is_valid():
        data = person_form.cleaned_data
        try:
            services.change_member(
                member=found,
                name=data["name"],
                role=Role(data["role"]),
                team=data["team"],
                is_active=data.get("is_active", False),
                actor=member_actor(me),
                now=now,
            )
        except DomainError as refusal:
            if request.htmx:
                raise
            take_errors(person_form, refusal)
            status = status_of_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("tenants:member", member_id)
    if which == "profile" and profile_form.is_valid():
        try:
            services.change_profile(
                member=found, actor=member_actor(me), now=now, **profile_form.cleaned_data
            )
        except DomainError as refusal:
            if request.htmx:
                raise
            take_errors(profile_form, refusal)
            status = status_of_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("tenants:member", member_id)
    return _member_page(request, found, person_form, profile_form, status=status)


def _member_page(
    request: TenantRequest,
    found: Member,
    person_form: forms.MemberForm,
    profile_form: forms.ProfileForm,
    leave_form: LeaveForm | None = None,
    *,
    status: int = 0,
) -> HttpResponse:
    """status: where a service refused; else the forms say it."""
    now = database_clock()
    (person,) = selectors.people(members=[found], now=now)
    context = {
        "person": person,
        "off_rotation": off_rotation_text(found, person.profile),
        "person_form": person_form,
        "profile_form": profile_form,
        "may_change": request.member.role == Role.ADMIN,
        **leave_context(request, found, now=now, form=leave_form),
        "crumbs": _crumbs(found.name, people=True),
    }
    status = status or status_of(person_form, profile_form, context["leave_form"])
    return render(request, "tenants/member.html", context, status=status)


@require_POST
@member_required(Role.MANAGER)
def add_leave(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """POST /people/<id>/leave: fields as those of LeaveForm."""
    me, tenant = request.member, request.tenant
    found = selectors.get_manageable_member(tenant=tenant, by=me, member_id=member_id)
    form = LeaveForm(request.POST, hours=hours_of(member=found, tenant=tenant))
    if take_leave(request, found, form, now=database_clock()):
        return redirect("tenants:member", member_id)
    profile = RepProfile.objects.filter(member=found).first()
    person_form = forms.MemberForm(
        pending=found.invited_at is not None,
        initial={"name": found.name, "role": found.role, "team": found.team_id, "is_active": found.is_active},
    )
    profile_form = forms.ProfileForm(initial=forms.ProfileForm.present(profile, time_zone=tenant.time_zone))
    return _member_page(request, found, person_form, profile_form, form)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def team(request: TenantRequest, team_id: UUID | None = None) -> HttpResponse:
    """GET, POST /teams/new and /teams/<id>."""
    tenant = request.tenant
    found = selectors.get_team(tenant=tenant, team_id=team_id) if team_id else None
    names = ("manager", "director", "backup", "calendar")
    present = {"name": found.name, **{name: getattr(found, f"{name}_id") for name in names}} if found else {}
    form = forms.TeamForm(request.POST or None, initial=present)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_team(
                tenant=tenant,
                team=found,
                **form.cleaned_data,
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("tenants:people")
    title = found.name if found else "New team"
    context = {"form": form, "title": title, "team": found, "crumbs": _crumbs(title, people=True)}
    return render(request, "tenants/team.html", context, status=status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def mode(request: TenantRequest, team_id: UUID | None = None) -> HttpResponse:
    """GET, POST /teams/<id>/mode and /organisation/mode {mode}: live or shadow."""
    tenant = request.tenant
    found = selectors.get_team(tenant=tenant, team_id=team_id) if team_id else None
    present = found or tenant
    form = forms.ModeForm(request.POST or None, initial={"mode": present.mode})
    if request.method == "POST" and form.is_valid():
        chosen = Mode(form.cleaned_data["mode"])
        services.switch_mode(
            tenant=tenant, team=found, mode=chosen, actor=member_actor(request.member), now=database_clock()
        )
        live, shadow = "Live from now on.", "In shadow mode: measured, nothing sent or moved."
        messages.success(request, live if chosen == Mode.LIVE else shadow)
        return redirect("tenants:people")
    context = {
        "form": form,
        "present": present,
        "team": found,
        "switched_by": names_of_actors([present.mode_by])[present.mode_by],
        "crumbs": _crumbs("Mode", people=True),
    }
    return render(request, "tenants/mode.html", context, status=status_of(form))


# Keys


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def keys(request: TenantRequest) -> HttpResponse:
    """GET, POST /keys: the API keys; a new one's full text is shown once, on the answer to the POST."""
    form = forms.KeyForm(request.POST or None, initial={"scopes": ["leads:read", "leads:write"]})
    made = ""
    if request.method == "POST" and form.is_valid():
        now, days = database_clock(), form.cleaned_data["expires"]
        _, made = services.create_api_key(
            tenant=request.tenant,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            now=now,
            created_by=request.member,
            expires_at=now + timedelta(days=int(days)) if days else None,
        )
        form = forms.KeyForm(initial={"scopes": ["leads:read", "leads:write"]})
    context = {
        "form": form,
        "made": made,
        "keys": ApiKey.objects.select_related("created_by").order_by("revoked_at", "-created_at")[:200],
        "now": database_clock(),
        "crumbs": _crumbs("API keys", set_up=True),
    }
    response = render(request, "tenants/keys.html", context, status=status_of(form))
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@member_required(Role.ADMIN)
def revoke_key(request: TenantRequest, key_id: UUID) -> HttpResponse:
    """POST /keys/<id>/revoke: refuse it from the next call on."""
    key = selectors.get_key(tenant=request.tenant, key_id=key_id)
    services.revoke_api_key(key=key, actor=member_actor(request.member), now=database_clock())
    messages.success(request, f"The key {key.name} is revoked.")
    return redirect("tenants:keys")
