import pytest
from django.db import connection, models
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

from kuemmerer.core.migrating import CreateModels

both = CreateModels(
    CreateModel("Shelf", [("id", models.BigAutoField(primary_key=True))]),
    CreateModel(
        "Book",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("shelf", models.ForeignKey("core.shelf", models.CASCADE)),
        ],
        options={"indexes": [models.Index(fields=["shelf", "id"], name="book_place")]},
    ),
)


def tables() -> set[str]:
    return {name for name in connection.introspection.table_names() if name in {"core_shelf", "core_book"}}


@pytest.mark.django_db(transaction=True)
def test_models_that_refer_to_each_other_are_created_and_dropped_together() -> None:
    before, after = ProjectState(), ProjectState()
    both.state_forwards("core", after)
    with connection.schema_editor() as editor:
        both.database_forwards("core", editor, before, after)
    assert tables() == {"core_shelf", "core_book"}
    with connection.cursor() as cursor:
        assert "book_place" in connection.introspection.get_constraints(cursor, "core_book")
    with connection.schema_editor() as editor:
        both.database_backwards("core", editor, after, before)
    assert not tables()


def test_a_state_that_was_looked_at_before_knows_the_new_models() -> None:
    state = ProjectState()
    assert not list(state.apps.get_models())
    both.state_forwards("core", state)
    book = state.apps.get_model("core", "Book")
    assert book._meta.get_field("shelf").related_model is state.apps.get_model("core", "Shelf")
