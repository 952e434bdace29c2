"""The settings of the test suite: its own data folder, a fast password hash, no queue (tests step the
sweeps).
"""

import atexit
import os
import shutil
import tempfile

if "KUEMMERER_DATA" not in os.environ:
    # Test processes that this one starts use it too, each with a database of its own.
    os.environ["KUEMMERER_DATA"] = tempfile.mkdtemp(prefix="kuemmerer-test-")
    atexit.register(shutil.rmtree, os.environ["KUEMMERER_DATA"], ignore_errors=True)
os.environ.setdefault("KUEMMERER_ALLOW_PRIVATE_ADDRESSES", "yes")
if url := os.environ.get("KUEMMERER_TEST_DATABASE_URL"):
    os.environ["KUEMMERER_DATABASE_URL"] = url

from kuemmerer.settings import *  # noqa: F403

if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    # A file, as in real life: in memory, threads would meet locks that there are none of outside.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405
    _options = DATABASES["default"]["OPTIONS"]  # noqa: F405
    _options["init_command"] = _options["init_command"].replace("synchronous=FULL", "synchronous=OFF")

TASKS = {
    "default": {
        "BACKEND": "django_tasks.backends.dummy.DummyBackend",
        "QUEUES": ["default", "sync", "delivery", "notify"],
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ACCOUNT_RATE_LIMITS = False
