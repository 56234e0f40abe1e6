"""The form of a CSV file that is first looked at and then brought in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.errors import ValidationFailed
from leads.list_csv import MOST_BYTES, decode


class CsvFileForm(forms.Form):
    """A CSV file; after `is_valid`, `read` is its text, and `parse` made of it what its own class says.
    From the preview on it travels as text."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text="1 MB and 5,000 rows at most; in UTF-8 (“CSV UTF-8”) or UTF-16.",
        error_messages={"required": "Choose a file."},
    )
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    leave_out_wrong = forms.BooleanField(label="Leave out the rows that are wrong", required=False)

    read: str

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["file"].required = not (data and data.get("text"))

    def parse(self, text: str, encoding: str) -> None:
        """Keep what the text says. Raises ValidationFailed at /file."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        file, text = cleaned.get("file"), cleaned.get("text") or ""
        try:
            if file and file.size > MOST_BYTES:
                raise ValidationFailed.at("/file", "The file is larger than 1 MB. Bring it in two parts.")
            self.read, encoding = decode(file.read() if file else text.encode())
            self.parse(self.read, encoding)
        except ValidationFailed as refusal:
            self.add_error("file", ValidationError(refusal.message))
        return cleaned
