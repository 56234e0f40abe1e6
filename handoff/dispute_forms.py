"""What people fill in about disputes."""

from __future__ import annotations

from django import forms

from feedback.models import ARGUMENT_LIMIT, Dispute
from handoff.disputes import OUTCOMES

_OUTCOMES = {
    Dispute.State.UPHELD: "Upheld: the rejection was right",
    Dispute.State.OVERTURNED: "Overturned: the lead was good, and comes back",
    Dispute.State.CRITERIA: "Criteria to change: the rejection was right, and such leads should not qualify",
    Dispute.State.ROUTING: "Routing to change: the lead went to the wrong people",
}


class DisputeForm(forms.Form):
    """Why a rejected lead was good."""

    argument = forms.CharField(
        label="Why this lead was good",
        max_length=ARGUMENT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}),
        error_messages={"required": "Say why the lead was good, so that somebody else can judge it."},
    )


class DecisionForm(forms.Form):
    """What became of a dispute."""

    outcome = forms.ChoiceField(
        label="Outcome",
        choices=[(each, _OUTCOMES[each]) for each in OUTCOMES],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose an outcome."},
    )
    note = forms.CharField(
        label="Why",
        max_length=ARGUMENT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Both sides read it.",
        error_messages={"required": "Say why: both sides read it."},
    )
    same_rep = forms.BooleanField(
        label="It may go back to whoever rejected it",
        required=False,
        help_text="Else a lead that comes back goes to somebody else.",
    )


class ReopenForm(forms.Form):
    why = forms.CharField(
        label="Why it is to be decided anew",
        max_length=ARGUMENT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why it is to be decided anew."},
    )
