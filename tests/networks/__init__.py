"""The connectors on records, and against the real servers of tests/servers."""

import os

import pytest
from django.conf import settings

pytest.register_assert_rewrite(
    "kuemmerer.networks.contract",
    "kuemmerer.networks.scene",
    "kuemmerer.networks.trouble",
    "tests.networks.record",
)

# The connectors need nothing of Django but its lazy translations, so they can be tested without a project.
if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
    settings.configure(USE_I18N=False)
