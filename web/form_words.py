"""What every form says of a value that is out of bounds, in our words; a field may still say its own."""

from __future__ import annotations

from django.core import validators


def use_own_words() -> None:
    """Put them in the place of the framework's. Called once, when the app is ready."""
    validators.MinValueValidator.message = "At least %(limit_value)s."
    validators.MaxValueValidator.message = "At most %(limit_value)s."
    validators.MinLengthValidator.message = "At least %(limit_value)d characters; these are %(show_value)d."
    validators.MaxLengthValidator.message = "At most %(limit_value)d characters; these are %(show_value)d."
