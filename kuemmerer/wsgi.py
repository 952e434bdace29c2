"""The WSGI application, for waitress or any other server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from kuemmerer.core import collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kuemmerer.settings")

application = get_wsgi_application()
# Loaded now and not with the first page, so that the collector leaves it alone.
get_resolver().url_patterns  # noqa: B018
collector.settle()
