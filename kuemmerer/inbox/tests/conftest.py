from kuemmerer.notify.tests.receiver import target  # noqa: F401 - fixture
from tests.factories import busy_desk, desk, time  # noqa: F401 - fixtures
