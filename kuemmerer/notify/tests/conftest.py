from kuemmerer.notify.tests.receiver import target  # noqa: F401 - fixture
from tests.factories import time  # noqa: F401 - fixture
