from django.apps import AppConfig
from django.contrib.admin import apps as admin


class OptimizerConfig(AppConfig):
    name = "optimizer"
    verbose_name = "PromptEvolver"

    def ready(self) -> None:
        from optimizer import signals  # noqa: F401  the receivers need the models to be loaded


class OptimizerAdminConfig(admin.AdminConfig):
    """Django's admin, with our site as its only one."""

    default = False
    default_site = "optimizer.staff.Site"
