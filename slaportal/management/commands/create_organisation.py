"""`manage.py create_organisation NAME`: an organisation that works at once, with its first admin.

manage.py create_organisation "Acme" --admin ada@acme.example --time-zone Europe/Berlin --country DE
"""

from __future__ import annotations

import secrets
import sys
from argparse import ArgumentParser
from typing import Any
from zoneinfo import available_timezones

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from core.errors import DomainError
from handoff.provision import CalendarPlan, PersonPlan, TeamPlan, TenantPlan, provision_tenant
from tenants.clock import database_clock
from tenants.models import Role, User

LONGEST_NAME = 120


class Command(BaseCommand):
    help = (
        "Make an organisation with a calendar, one team and pool, default criteria and policy, and an admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--admin", required=True, metavar="E-MAIL", help="the first admin's e-mail")
        parser.add_argument("--admin-name", default="", help="unless given, what stands before the @")
        parser.add_argument("--slug", default="", help="short name for commands; from the name unless given")
        parser.add_argument("--time-zone", default="UTC", help="IANA name, such as Europe/Berlin")
        parser.add_argument("--country", default="", help="public holidays of, such as DE")
        parser.add_argument("--subdivision", default="", help="and of this part of it, such as BE")
        parser.add_argument(
            "--shadow",
            action="store_true",
            help="begin in shadow mode: measure everything, send and move nothing until switched on",
        )
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password; else one is made and printed once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["admin"].strip().lower()
        slug = options["slug"] or slugify(options["name"])
        self._check(options, email=email, slug=slug)
        known = User.objects.filter(email=email).exists()
        password = self._password(options["password_stdin"], known=known)
        plan = _plan(options, slug=slug, email=email, password=None if known else password)
        try:
            with transaction.atomic():
                provision_tenant(plan, now=database_clock())
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except IntegrityError as refusal:
            raise CommandError(
                f"There is an organisation {slug} already: choose another --slug."
            ) from refusal
        self.stdout.write(f"{options['name']} ({slug}) is there. {email} is its admin and fallback person.")
        if options["shadow"]:
            self.stdout.write("It begins in shadow mode: switch its teams live on the page People.")
        if known:
            self.stdout.write("That login was there before: its password stays.")
        elif not options["password_stdin"]:
            self.stdout.write(f"Password, shown once: {password}")

    def _check(self, options: dict[str, Any], *, email: str, slug: str) -> None:
        if not options["name"].strip() or len(options["name"]) > LONGEST_NAME:
            raise CommandError(f"The name has 1 to {LONGEST_NAME} characters.")
        if not slug or slugify(slug) != slug or len(slug) > 60:
            raise CommandError("The slug has up to 60 small letters, digits and hyphens.")
        if options["time_zone"] not in available_timezones():
            raise CommandError(f"{options['time_zone']} is no IANA time zone such as Europe/Berlin.")
        try:
            validate_email(email)
        except ValidationError as refusal:
            raise CommandError(f"{email} is no e-mail address.") from refusal

    def _password(self, from_stdin: bool, *, known: bool) -> str:
        if known or not from_stdin:
            return secrets.token_urlsafe(12)
        given = sys.stdin.readline().rstrip("\n")
        try:
            validate_password(given)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from refusal
        return given


def _plan(options: dict[str, Any], *, slug: str, email: str, password: str | None) -> TenantPlan:
    """One team, one pool, office hours; the admin stands in for everybody until others are added."""
    hours = CalendarPlan(
        "Office hours",
        options["time_zone"],
        country=options["country"].upper(),
        subdivision=options["subdivision"].upper(),
    )
    admin = PersonPlan(options["admin_name"].strip() or email.partition("@")[0], email, Role.ADMIN)
    return TenantPlan(
        name=options["name"].strip(),
        slug=slug,
        calendar=hours,
        teams=[TeamPlan("Sales", "sales", hours, manager=admin, reps=[])],
        director=admin,
        fallback=admin,
        password=password,
        shadow=options["shadow"],
    )
