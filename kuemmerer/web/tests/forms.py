"""Reading forms as a browser does."""

from __future__ import annotations

from typing import Any


def fill(response: Any) -> dict[str, str]:
    """What a browser would send if the page's form were sent as it is."""
    form = response.context["form"]
    values = {bound.html_name: bound.value() for bound in form}
    return {
        name: "" if value is None else str(form[name].field.prepare_value(value))
        for name, value in values.items()
    }
