from tests.factories import busy_desk, desk, time  # noqa: F401 - fixtures
