from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "kuemmerer.insights"
    label = "insights"

    def ready(self) -> None:
        from kuemmerer.insights import day
        from kuemmerer.web import day as day_page

        day_page.add_part(day.PART)
