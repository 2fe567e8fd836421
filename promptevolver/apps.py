from django.apps import AppConfig


class PromptEvolverConfig(AppConfig):
    name = "promptevolver"

    def ready(self) -> None:
        """Make the Celery application the current one, so that tasks sent from pages find our broker."""
        from promptevolver import celery  # noqa: F401
