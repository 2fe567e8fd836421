from django.apps import AppConfig


class OptimizerConfig(AppConfig):
    name = "optimizer"
    verbose_name = "PromptEvolver"

    def ready(self) -> None:
        from optimizer import signals  # noqa: F401  the receivers need the models to be loaded
