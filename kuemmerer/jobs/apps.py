from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "kuemmerer.jobs"
    label = "jobs"

    def ready(self) -> None:
        from kuemmerer.jobs import housekeeping  # noqa: F401 - declares its sweep

        autodiscover_modules("sweeps")
