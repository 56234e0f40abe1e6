"""What is chosen when a policy is put in force: from when on, and what becomes of open leads."""

from __future__ import annotations

from typing import Any

from django import forms

from tenants.publish_form import PublishForm


class PolicyPublishForm(PublishForm):
    """`move`: whether running clocks of open leads move to the version."""

    move = forms.ChoiceField(choices=[("new", "Leave them"), ("open", "Move them")], required=False)

    def options(self) -> dict[str, Any]:
        return {"move_open": True} if self.cleaned_data["move"] == "open" else {}
