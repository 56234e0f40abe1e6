"""Pages of whoever is asked to join an organisation; those of the admin who asks are at the end."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login as start_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import NotFound, ValidationFailed
from tenants import forms, invitations, selectors
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.middleware import SESSION_TENANT, chosen_membership
from tenants.models import Member, Role, User
from tenants.refusals import status_of, take_errors
from tenants.requests import TenantRequest

BACKEND = "tenants.auth.EmailBackend"


def _answered(request: TenantRequest, tenant_id: UUID, tenant_name: str) -> None:
    """Carry out the answer of a form, as the person who is signed in."""
    user, said = cast(User, request.user), request.POST.get("answer", "")
    now = database_clock()
    if said == "decline":
        invitations.decline_invitation(tenant_id=tenant_id, user=user, now=now)
        messages.success(request, f"You do not join {tenant_name}.")
    elif said == "accept":
        # Who works somewhere goes on there, now and after the next sign-in.
        present = chosen_membership(request, request.memberships)
        invitations.accept_invitation(tenant_id=tenant_id, user=user, now=now)
        invitations.remember_tenant(user, present.tenant_id if present else tenant_id)
        messages.success(request, f"You are in {tenant_name} now.")
    else:
        raise ValidationFailed.at("/answer", "The answer is accept or decline.")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: TenantRequest) -> HttpResponse:
    """GET, POST /invitations {tenant, answer}: what the person who is signed in is asked to join."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('tenants:login')}?{urlencode({'next': request.path})}")
    waiting = request.invitations
    if request.method == "POST":
        asked = next((one for one in waiting if str(one.tenant_id) == request.POST.get("tenant")), None)
        if asked is None:
            raise NotFound("There is no such invitation.")
        _answered(request, asked.tenant_id, asked.tenant_name)
        return redirect("/")
    return render(request, "tenants/invitations.html", {"invitations": waiting})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest) -> HttpResponse:
    """GET, POST /invitation?key=...: who has a login signs in and answers, who has none sets a password."""
    key = request.POST.get("key") or request.GET.get("key") or ""
    found = invitations.find_invitation(key, now=database_clock())
    if found is None:
        return render(request, "tenants/invitation.html", {"found": None}, status=404)
    is_theirs = request.user.is_authenticated and request.user.pk == found.user.pk
    setting = request.method == "POST" and "new_password1" in request.POST
    form = forms.FirstPasswordForm(found.user, request.POST if setting else None)
    if request.method == "POST" and is_theirs:
        _answered(cast(TenantRequest, request), found.tenant_id, found.tenant_name)
        return redirect("/")
    if setting and not request.user.is_authenticated and form.is_valid():
        try:
            user = invitations.join_as_new(
                invitation=found, password=form.cleaned_data["new_password1"], now=database_clock()
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            request.session.pop(SESSION_TENANT, None)
            start_session(request, user, backend=BACKEND)
            messages.success(request, f"You are in {found.tenant_name} now.")
            return redirect("/")
    back = f"{request.path}?{urlencode({'key': key})}"
    context = {
        "found": found,
        "form": form,
        "key": key,
        "is_theirs": is_theirs,
        "sign_in": f"{reverse('tenants:login')}?{urlencode({'next': back})}",
    }
    return render(request, "tenants/invitation.html", context, status=status_of(form))


# The admin's side


def invited_page(request: TenantRequest, asked: Member, key: str) -> HttpResponse:
    """The link, shown this once; the same page whether the e-mail has a login or not."""
    link_url = request.build_absolute_uri(f"{reverse('tenants:invitation')}?{urlencode({'key': key})}")
    crumbs = [{"label": "People", "url": reverse("tenants:people")}, {"label": asked.name, "url": ""}]
    context = {"asked": asked, "link": link_url, "days": invitations.LINK_LASTS.days, "crumbs": crumbs}
    response = render(request, "tenants/invited.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@member_required(Role.ADMIN)
def manage(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """POST /people/<id>/invitation {act}: "renew" shows a new link, "withdraw" asks no longer."""
    me = request.member
    found = selectors.get_member(tenant=request.tenant, member_id=member_id)
    actor, now = member_actor(me), database_clock()
    act = request.POST.get("act", "renew")
    if act == "withdraw":
        invitations.withdraw_invitation(member=found, actor=actor, now=now)
        messages.success(request, f"The invitation of {found.name} is withdrawn.")
        return redirect("tenants:member", member_id)
    if act != "renew":
        raise ValidationFailed.at("/act", "It is renewed or withdrawn.")
    return invited_page(request, found, invitations.renew_invitation(member=found, actor=actor, now=now))
