"""E-mail by Django's configured backend: plain text and simple HTML, one Message-ID for all tries of a
delivery.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notifications.channels.base import Channel, Dead, Outcome, Parcel, Rendered, Retry, Sent
from notifications.context import Attachment
from notifications.texts import one_line

# How the subject of a list begins, by the kind of its first message.
_HEADS: Final = {
    "timer.breached": "Overdue",
    "timer.escalated": "Still open",
    "timer.step": "Still open",
    "timer.warned": "At risk",
    "timer.reminder": "Due soon",
    "lead.assigned": "Yours",
    "lead.unrouted": "Nobody owns",
    "lead.to_claim": "To claim",
    "lead.moved": "Moved",
    "lead.engaged": "Back",
    "lead.accepted": "Accepted",
    "lead.rejected": "Rejected",
    "lead.nurture": "To nurture",
    "lead.progressing": "Progressing",
    "lead.nurture_started": "A nurture sequence begins for",
    "lead.excuse_asked": "Excuse asked",
    "lead.excuse_decided": "Excuse",
    "lead.disputed": "Disputed",
    "lead.dispute_decided": "Dispute decided",
    "meeting.booked": "Meeting booked",
    "meeting.to_answer": "Meeting to answer",
    "meeting.decided": "Meeting",
    "quality.degraded": "Worse data",
    "campaign.verdict": "Verdict",
    "survey.asked": "To answer",
    "rep.off_rotation": "Off the rotation",
    "drill.failed": "Drill failed",
    "agreement.sign_asked": "To sign",
    "agreement.in_force": "To read",
    "agreement.changed": "Changed since signed",
    "agreement.recalibrate": "To recalibrate",
    "review.closed": "Review",
    "review.due": "Review to close",
    "compliance.escalated": "Two weeks too low",
    "digest.weekly": "Digest",
    "report.scheduled": "Report",
    "digest.team": "Your team's week",
    "config.approval_asked": "Approval asked",
    "config.approval_decided": "Approval",
}


class EmailChannel(Channel):
    name = "email"
    keeps_hours = True

    def send(self, parcel: Parcel, messages: Sequence[Rendered], now: datetime) -> Outcome:
        try:
            compose(parcel, messages).send()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return _refused(codes[0] if codes else 0, "The recipient was refused")
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, "The mail server refused")
        except (OSError, smtplib.SMTPException) as error:
            return Retry(f"The mail server could not be reached: {type(error).__name__}")
        return Sent()


def _refused(code: int, what: str) -> Outcome:
    """A 5xx answer of a mail server is for good, except about signing in: that is ours to mend."""
    error = f"{what} ({code})"
    return Dead(error) if 500 <= code < 600 and code not in (530, 534, 535, 538) else Retry(error)


def compose(parcel: Parcel, messages: Sequence[Rendered]) -> EmailMultiAlternatives:
    """The mail of a delivery: its one message, or a list of them, the most pressing first."""
    context = {"messages": messages, "name": parcel.name, "site": settings.SITE_URL}
    html, attachments = "", tuple[Attachment, ...]()
    if len(messages) == 1:
        html, attachments = messages[0].html, tuple(messages[0].attachments)
        subject, page = messages[0].title, "notifications/email.html"
        body, link = messages[0].body, messages[0].link
        # A letter names its pages itself, the one that it is about among them.
        text = _paragraphs(messages[0].title, body, "" if link in body.split() else link)
    else:
        subject, page = bundle_title(messages), "notifications/email_list.html"
        context["title"] = subject
        lines = [f"- {message.title}\n  {message.link}".rstrip() for message in messages]
        text = _paragraphs(subject, "\n".join(lines), "")
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    mail = EmailMultiAlternatives(
        subject=one_line(subject),
        body=text,
        to=[parcel.address],
        headers={"Message-ID": f"<{parcel.id}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(html or render_to_string(page, context), "text/html")
    for each in attachments:
        mail.attach(each.name, each.content, each.type)
    return mail


def bundle_title(messages: Sequence[Rendered]) -> str:
    """What presses most and how many more there are: "Overdue: Anna Weber (Kestrel) and 11 more"."""
    first = messages[0]
    head = _HEADS.get(first.kind)
    said = f"{head}: {first.whom}" if head and first.whom else first.title.rstrip(".")
    return f"{said} and {len(messages) - 1} more"


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
