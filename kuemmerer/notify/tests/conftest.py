from tests.factories import time  # noqa: F401 - fixture
