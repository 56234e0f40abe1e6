from django.apps import AppConfig
from django.core import validators


class WebConfig(AppConfig):
    name = "web"
    verbose_name = "Web"

    def ready(self) -> None:
        """Limits of every form say what is allowed, in our words and not in the framework's."""
        validators.MinValueValidator.message = "At least %(limit_value)s."
        validators.MaxValueValidator.message = "At most %(limit_value)s."
        validators.MaxLengthValidator.message = (
            "This has at most %(limit_value)d characters, not %(show_value)d."
        )
        validators.MinLengthValidator.message = (
            "This has at least %(limit_value)d characters, not %(show_value)d."
        )
