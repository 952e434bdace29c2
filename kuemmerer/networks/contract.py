"""The contract: one suite of tests that every connector passes, live and on records.

A connector's test module derives from `ContractSuite` and gives it a fixture `world`; how to make one is in
tests/networks/record.py. Nothing else is needed. Where a network is special, say so in its `World` first, and
override a test only as the last resort, with the reason.

What a connector does not declare must raise Unsupported, and the suite proves it. What only one server lacks
(`World.can`, `World.edits` …) is left out there; the reason is in the test's `user_properties` ("left out").
"""

# ruff: noqa: S101

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest

from kuemmerer.core.http import Client
from kuemmerer.networks.base import (
    Absent,
    Action,
    Item,
    Kind,
    Media,
    Person,
    Status,
    Target,
)
from kuemmerer.networks.errors import (
    AuthExpired,
    NetworkError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unsupported,
)
from kuemmerer.networks.scene import Scene, as_stored, is_unsupported, needs, picture, squeezed, target_of
from kuemmerer.networks.session import Session
from kuemmerer.networks.trouble import (
    HTML,
    TROUBLES,
    Disturbed,
    after,
    answers,
    breaks,
    mistakes_elsewhere,
    mistakes_of_fetch,
    mistakes_of_publish,
    says,
    scripted,
    unsafe,
)
from kuemmerer.networks.world import World, can_act

WRONG_SECRET = "wrng-wrng-wrng-wrng"  # noqa: S105
HOSTILE = "Das ist <b>fett</b><script>alert(1)</script><img src=x onerror=alert(1)> & 5 < 6, Ecke & Söhne"
MANY_SCRIPTS = "Grüße 👩‍👩‍👧‍👦🎉 مرحبا بالعالم שלום 日本語 Ελλάδα"
STATUS_AFTER = {
    Action.HIDE: {Status.HELD, Status.HIDDEN},
    Action.APPROVE: {Status.SHOWN},
    Action.SPAM: {Status.SPAM},
    Action.TRASH: {Status.TRASH},
}


class ContractSuite:
    """Derive from it, name the class Test…, and set `world` to a fixture."""

    @pytest.fixture
    def scene(self, world: World, request: pytest.FixtureRequest) -> Iterator[Scene]:
        """The world with our account in it; connected when first used."""
        with Scene(world, request.node.name) as scene:
            yield scene
        request.node.user_properties += [("left out", reason) for reason in scene.left_out]

    # -- declaration

    def test_the_declaration_is_complete(self, scene: Scene) -> None:
        connector = scene.connector
        fields = [field.key for field in connector.form]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", connector.key)
        assert str(connector.label)
        assert len(fields) == len(set(fields))
        assert set(connector.oauth_fields) <= set(fields)
        assert 0 < connector.fastest_sync <= connector.slowest_sync
        assert connector.settle_seconds >= 0
        assert all(isinstance(action, Action) for action in connector.can.actions)
        assert set(scene.world.values) <= set(fields), "the world logs in with fields that the form lacks"

    def test_what_is_not_declared_is_unsupported(self, scene: Scene) -> None:
        for name in ("publish", "reply", "listen", "refresh", "delete"):
            if not getattr(scene.connector.can, name):
                is_unsupported(scene, name)
        target = Target(remote_id="1", thread_id="1", author=Person(remote_id="2"))
        for action in set(Action) - scene.connector.can.actions:
            with pytest.raises(Unsupported):
                scene.connector.act(scene.session(), action, target)

    # -- login

    def test_the_right_login_connects(self, scene: Scene) -> None:
        connected = scene.connected
        assert connected.account.handle == scene.world.handle
        assert connected.account.remote_id
        assert connected.expires_at is None or connected.expires_at.tzinfo is not None
        assert as_stored(connected.secret) == connected.secret, "the secret is not plain JSON"
        assert as_stored(connected.settings) == connected.settings, "the settings are not plain JSON"
        in_the_clear = json.dumps(connected.settings) + repr(connected.account)
        assert not [s for s in scene.secrets() if s in in_the_clear], "a secret among the settings"

    def test_the_stored_login_is_good_for_a_check(self, scene: Scene) -> None:
        account = scene.connector.check(scene.session())
        assert account.remote_id == scene.connected.account.remote_id
        assert account.handle == scene.world.handle

    def test_a_wrong_secret_is_named_as_such(self, scene: Scene) -> None:
        hidden = [f.key for f in scene.connector.form if f.secret and scene.world.values.get(f.key)]
        for key in hidden:
            with pytest.raises((AuthExpired, Rejected)) as caught:
                scene.connector.connect(scene.bare_session(), {**scene.world.values, key: WRONG_SECRET})
            assert caught.value.code in {"wrong_login", "revoked"}

    @pytest.mark.parametrize("status", [200, 404])
    def test_an_address_without_such_a_server_is_refused(self, scene: Scene, status: int) -> None:
        values = scene.world.at_address("https://www.example.org")
        if values is None:
            return
        page = scripted(says(status, HTML, "text/html"), scene.world.now())
        with pytest.raises(Rejected) as caught:
            scene.connector.connect(scene.bare_session(page), values)
        assert caught.value.code == "not_this_network"

    @pytest.mark.parametrize("body", ["null", "[]", "{}", "42", '{"error": "Not found"}', "[null]", '"x"'])
    def test_a_server_of_something_else_is_refused(self, scene: Scene, body: str) -> None:
        values = scene.world.at_address("https://www.example.org")
        if values is None:
            return
        with pytest.raises((Rejected, TryLater)) as caught:
            scene.connector.connect(scene.bare_session(scripted(says(200, body), scene.world.now())), values)
        assert caught.value.code in {"not_this_network", "bad_answer"}

    def test_a_server_out_of_reach_is_tried_later(self, scene: Scene, quick: None) -> None:
        values = scene.world.at_address("https://www.example.org")
        if values is None:
            return
        for error in (httpx.ConnectError, httpx.ConnectTimeout):
            with pytest.raises(TryLater) as caught:
                scene.connector.connect(
                    scene.bare_session(scripted(breaks(error), scene.world.now())), values
                )
            assert caught.value.code == "unreachable"

    def test_an_address_inside_the_house_is_refused(self, scene: Scene) -> None:
        for address in ("http://127.0.0.1:9", "http://[::1]:9", "http://10.0.0.1"):
            values = scene.world.at_address(address)
            if values is None:
                return
            guarded = Client(allow_private=False)
            scene.others.append(guarded)
            with pytest.raises(Rejected) as caught:
                scene.connector.connect(Session(client=guarded, now=scene.world.now()), values)
            assert caught.value.code == "private_address"

    @pytest.mark.parametrize(
        "address", ["http://", "ftp://example.org", "https://ex ample.org", "http://[::1"]
    )
    def test_what_is_no_address_is_refused(self, scene: Scene, address: str) -> None:
        values = scene.world.at_address(address)
        if values is None:
            return
        nowhere = scripted(breaks(httpx.ConnectError), scene.world.now())
        with pytest.raises(Rejected) as caught:
            scene.connector.connect(scene.bare_session(nowhere), values)
        assert caught.value.code == "bad_address"

    def test_a_withdrawn_login_asks_to_reconnect(self, scene: Scene) -> None:
        connector = scene.connector
        session = scene.session()
        scene.world.revoke()

        def is_noticed() -> bool:
            # A token may live on until it expires; a day later at the latest it must be noticed.
            for later in (timedelta(), timedelta(days=1)):
                try:
                    connector.check(scene.session(later=later))
                except AuthExpired:
                    return True
            return False

        scene.eventually(is_noticed, "AuthExpired from check()")
        session.now += timedelta(days=1)
        if connector.can.listen:
            with pytest.raises(AuthExpired):
                connector.fetch(session, {}, since=scene.since)
        if scene.can.publish:
            with pytest.raises(AuthExpired):
                connector.publish(session, scene.draft(scene.text("Zu spät")), key=scene.key("revoked"))

    def test_disconnecting_leaves_in_peace(self, scene: Scene) -> None:
        scene.connector.disconnect(scene.session())

    # -- reading

    @needs("listen")
    def test_a_strangers_answer_arrives(self, scene: Scene) -> None:
        root = scene.world.start()
        text = scene.text("Habt ihr am Samstag offen?")
        item = scene.appears(scene.world.stranger_writes(text))
        assert item.kind == scene.world.answer_kind
        assert text in item.text
        assert item.thread_id == root
        assert item.parent_id in {root, ""}
        assert item.addressed
        assert not item.ours
        assert item.status == Status.SHOWN
        assert abs(item.created_at - scene.world.now()) < timedelta(minutes=10)
        if scene.world.stranger:
            assert scene.world.stranger in {item.author.handle, item.author.name}

    @needs("listen")
    def test_an_answer_to_an_answer_keeps_parent_and_root(self, scene: Scene) -> None:
        root = scene.world.start()
        first = scene.world.stranger_writes(scene.text("Ich habe eine Frage"))
        second = scene.world.stranger_writes(scene.text("und noch eine"), to=first)
        item = scene.appears(second)
        assert item.parent_id == first
        assert item.thread_id == root

    @needs("listen")
    def test_a_deep_conversation_has_one_root(self, scene: Scene) -> None:
        root = scene.world.start()
        last = ""
        for _ in range(6):
            last = scene.world.stranger_writes(scene.text("weiter"), to=last)
        assert scene.appears(last).thread_id == root
        roots = {item.thread_id for item in scene.seen.values() if "weiter" in item.text}
        assert roots == {root}

    @needs("listen", "mentions")
    def test_a_mention_arrives(self, scene: Scene) -> None:
        text = scene.text("Kennt ihr diesen Laden?")
        item = scene.appears(scene.world.stranger_mentions(text))
        assert item.kind == Kind.MENTION
        assert text in item.text
        assert item.addressed
        assert not item.ours

    @needs("listen")
    def test_backfill_begins_at_since_and_goes_on_from_there(self, scene: Scene) -> None:
        scene.world.start()
        old = scene.text("Von gestern")
        scene.appears(scene.world.stranger_writes(old))
        scene.world.sleep(2.1)
        scene.forget()
        scene.since = scene.world.now()
        scene.sync()
        assert not [item for item in scene.with_text(old) if item.addressed]
        new = scene.text("Von heute")
        scene.appears(scene.world.stranger_writes(new))

    @needs("listen")
    def test_backfill_brings_what_is_there_already(self, scene: Scene) -> None:
        scene.world.start()
        texts = [scene.text("schon da") for _ in range(3)]
        ids = [scene.world.stranger_writes(text) for text in texts]
        scene.appears(ids[-1])
        scene.forget()
        scene.sync()
        assert set(ids) <= set(scene.seen)

    @needs("listen")
    def test_nothing_is_lost_or_doubled_over_many_fetches(self, scene: Scene) -> None:
        scene.world.start()
        scene.sync()
        texts = []
        for _ in range(3):
            texts.append(scene.text("Tropfen"))
            scene.appears(scene.world.stranger_writes(texts[-1]))
        before = dict(scene.seen)
        again = scene.sync()
        assert {item.remote_id for item in again} <= set(before), "a quiet fetch found something new"
        for text in texts:
            assert len([item for item in scene.with_text(text) if item.kind == scene.world.answer_kind]) == 1

    @needs("listen")
    def test_more_than_a_page_arrives_in_full(self, scene: Scene) -> None:
        scene.world.start()
        scene.sync()
        ids = [scene.world.stranger_writes(scene.text("Regen")) for _ in range(scene.world.many)]
        scene.eventually(lambda: scene.sync() is not None and set(ids) <= set(scene.seen), "all of them")
        assert len(scene.with_text("Regen")) == len(ids)

    @needs("listen")
    def test_the_same_thing_has_the_same_id_every_time(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        scene.forget()
        scene.sync()
        first = {i.remote_id: (i.kind, i.text, i.thread_id, i.author.remote_id) for i in scene.seen.values()}
        scene.forget()
        scene.sync()
        second = {i.remote_id: (i.kind, i.text, i.thread_id, i.author.remote_id) for i in scene.seen.values()}
        assert first == second
        assert item.remote_id in first

    @needs("listen")
    def test_hostile_html_arrives_as_plain_text(self, scene: Scene) -> None:
        scene.world.start()
        item = scene.appears(scene.world.stranger_writes(scene.text(HOSTILE)))
        for entity in ("&lt;", "&gt;", "&amp;", "&quot;", "&#"):
            assert entity not in item.text
        for words in ("fett", "5 < 6", "Ecke & Söhne"):
            assert words in item.text

    @needs("listen")
    def test_every_script_and_line_break_arrives(self, scene: Scene) -> None:
        scene.world.start()
        text = scene.text(f"{MANY_SCRIPTS}\n\nZweiter Absatz")
        item = scene.appears(scene.world.stranger_writes(text))
        assert squeezed(MANY_SCRIPTS) in squeezed(item.text)
        assert re.search(r"\n\s*Zweiter Absatz", item.text), "the paragraph is lost"
        assert "<" not in item.text

    @needs("listen")
    def test_a_long_text_arrives_whole(self, scene: Scene) -> None:
        scene.world.start()
        mark = scene.text("Ende")
        words = "Geschichte " * ((scene.world.longest - len(mark) - 60) // 11)
        item = scene.appears(scene.world.stranger_writes(f"{words}{mark}"))
        assert squeezed(words + mark) in squeezed(item.text)

    @needs("listen", "reactions")
    def test_reactions_arrive_once(self, scene: Scene) -> None:
        root = scene.world.start()
        for kind in scene.world.reaction_kinds:
            scene.world.stranger_reacts(kind, root)

        def found() -> list[Item]:
            return [item for item in scene.seen.values() if item.kind in {Kind.LIKE, Kind.SHARE, Kind.FOLLOW}]

        def all_there() -> bool:
            scene.sync()
            return {item.kind for item in found()} >= {Kind(kind) for kind in scene.world.reaction_kinds}

        scene.eventually(all_there, f"{scene.world.reaction_kinds}")
        scene.sync()
        for item in found():
            assert not item.ours
            assert item.kind == Kind.FOLLOW or item.thread_id == root
        assert len(found()) == len(scene.world.reaction_kinds)

    @needs("refresh")
    def test_refresh_shows_known_items_as_they_are(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        batch = scene.refresh(item.remote_id)
        assert [(i.remote_id, i.text, i.thread_id, i.parent_id, i.kind) for i in batch.items] == [
            (item.remote_id, item.text, item.thread_id, item.parent_id, item.kind)
        ]
        assert not batch.gone

    @needs("refresh", "edits")
    def test_an_edit_is_seen_by_refresh(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        text = scene.text("Ich meinte den Sonntag")
        scene.world.stranger_edits(item.remote_id, text)

        def edited() -> bool:
            scene.refresh(item.remote_id)
            return text in scene.seen[item.remote_id].text

        scene.eventually(edited, "the new text")
        assert scene.seen[item.remote_id].thread_id == item.thread_id
        assert scene.seen[item.remote_id].created_at == item.created_at

    @needs("refresh", "deletions")
    def test_a_deletion_is_seen_by_refresh(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        other = scene.appears(scene.world.stranger_writes(scene.text("Ich bleibe")))
        scene.world.stranger_deletes(item.remote_id)

        def deleted() -> bool:
            scene.refresh(item.remote_id, other.remote_id)
            return item.remote_id in scene.gone

        scene.eventually(deleted, "the id in `gone`")
        assert other.remote_id not in scene.gone

    # -- writing

    @needs("publish")
    def test_a_post_is_published_once(self, scene: Scene) -> None:
        text = scene.text("Wir haben ein neues Lager")
        delivered = scene.connector.publish(scene.session(), scene.draft(text), key=scene.key("post"))
        assert delivered.remote_id
        scene.exactly_one(lambda: scene.posts_with(text), "the post")
        if scene.can.listen:
            scene.sync()
            assert {item.remote_id for item in scene.with_text(text)} <= {delivered.remote_id}

    @needs("publish", "media")
    def test_a_post_with_a_picture_is_published(self, scene: Scene) -> None:
        text = scene.text("So sieht es aus")
        media = Media(content=picture(), content_type="image/png", alt="Ein rotes Quadrat", name="rot.png")
        draft = scene.draft(text, media=[media])
        delivered = scene.connector.publish(scene.session(), draft, key=scene.key("picture"))
        assert delivered.remote_id
        scene.exactly_one(lambda: scene.posts_with(text), "the post")

    @needs("listen", "reply")
    def test_an_answer_reaches_the_stranger_once(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        text = scene.text("Ja, bis 14 Uhr")
        delivered = scene.connector.publish(
            scene.session(), scene.draft(text, to=item), key=scene.key("reply")
        )
        scene.exactly_one(lambda: scene.answers_with(item, text), "the answer")
        scene.sync()
        for own in scene.with_text(text):
            assert own.remote_id == delivered.remote_id, "the answer came back under another id"
            assert own.ours
            assert own.thread_id == item.thread_id

    @needs("listen", "reply", "refresh")
    def test_our_answer_is_known_by_the_id_it_was_delivered_with(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        text = scene.text("Ja, bis 14 Uhr")
        delivered = scene.connector.publish(
            scene.session(), scene.draft(text, to=item), key=scene.key("reply")
        )

        def known() -> bool:
            scene.refresh(delivered.remote_id)
            return delivered.remote_id in scene.seen

        scene.eventually(known, "our answer in refresh()")
        own = scene.seen[delivered.remote_id]
        assert own.ours
        assert own.thread_id == item.thread_id
        assert own.parent_id == item.remote_id

    @needs("listen", "reply")
    def test_the_same_key_twice_writes_one_answer(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        text, key = scene.text("Nur einmal"), scene.key("twice")
        draft = scene.draft(text, to=item)
        first = scene.connector.publish(scene.session(), draft, key=key)
        scene.eventually(lambda: scene.answers_with(item, text), "the answer")
        if scene.connector.settle_seconds == 0 or scene.world.honours_keys:
            second = scene.connector.publish(scene.session(), draft, key=key)
            assert second.remote_id == first.remote_id
        assert scene.found_again(draft, key).remote_id == first.remote_id
        scene.exactly_one(lambda: scene.answers_with(item, text), "the answer")

    @needs("publish")
    def test_the_same_key_twice_writes_one_post(self, scene: Scene) -> None:
        text, key = scene.text("Nur ein Beitrag"), scene.key("twice")
        draft = scene.draft(text)
        first = scene.connector.publish(scene.session(), draft, key=key)
        if scene.connector.settle_seconds == 0 or scene.world.honours_keys:
            second = scene.connector.publish(scene.session(), draft, key=key)
            assert second.remote_id == first.remote_id
        assert scene.found_again(draft, key).remote_id == first.remote_id
        scene.exactly_one(lambda: scene.posts_with(text), "the post")

    @needs("listen", "reply")
    def test_the_same_words_to_two_people_are_two_answers(self, scene: Scene) -> None:
        scene.world.start()
        items = [scene.appears(scene.world.stranger_writes(scene.text("Frage"))) for _ in range(2)]
        text = scene.text("Gerne!")
        ids = set()
        for number, item in enumerate(items):
            draft = scene.draft(text, to=item)
            ids.add(scene.connector.publish(scene.session(), draft, key=scene.key(f"a{number}")).remote_id)
        assert len(ids) == 2
        for item in items:
            scene.exactly_one(functools.partial(scene.answers_with, item, text), "the answer")

    @needs("publish")
    def test_what_was_never_sent_is_never_found(self, scene: Scene) -> None:
        draft, key = scene.draft(scene.text("Nie gesendet")), scene.key("never")
        found = scene.connector.find(scene.session(), draft, key=key)
        assert found is None or isinstance(found, Absent)

    @needs("listen", "reply")
    def test_an_answer_never_sent_is_never_found(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        other = scene.draft(scene.text("Etwas anderes"), to=item)
        scene.connector.publish(scene.session(), other, key=scene.key("other"))
        draft, key = scene.draft(scene.text("Nie gesendet"), to=item), scene.key("never")
        found = scene.connector.find(scene.session(), draft, key=key)
        assert found is None or isinstance(found, Absent)

    @needs("listen", "reply", "http")
    def test_an_answer_whose_confirmation_was_lost_is_found(self, scene: Scene, quick: None) -> None:
        item = scene.stranger_asks()
        text, key = scene.text("Bestätigung verloren"), scene.key("lost")
        draft = scene.draft(text, to=item)
        line = Disturbed(
            scene.world.transport(),
            unsafe,
            lambda request: breaks(httpx.ReadError)(request, scene.since),
            deliver=True,
        )
        with pytest.raises(OutcomeUnknown):
            scene.connector.publish(scene.session(line), draft, key=key)
        delivered = scene.found_again(draft, key)
        scene.exactly_one(lambda: scene.answers_with(item, text), "the answer")
        scene.sync()
        assert {own.remote_id for own in scene.with_text(text)} <= {delivered.remote_id}

    @needs("publish", "http")
    def test_a_post_that_never_arrived_is_sent_again_only_if_absence_is_proved(
        self, scene: Scene, quick: None
    ) -> None:
        text, key = scene.text("Nie angekommen"), scene.key("cut")
        draft = scene.draft(text)
        line = Disturbed(
            scene.world.transport(), unsafe, lambda request: breaks(httpx.ReadError)(request, scene.since)
        )
        with pytest.raises(OutcomeUnknown):
            scene.connector.publish(scene.session(line), draft, key=key)
        scene.world.sleep(scene.connector.settle_seconds)
        later = timedelta(seconds=scene.connector.settle_seconds)
        found = scene.connector.find(scene.session(later=later), draft, key=key)
        assert found is None or isinstance(found, Absent)
        if isinstance(found, Absent):
            scene.connector.publish(scene.session(), draft, key=key)
            scene.exactly_one(lambda: scene.posts_with(text), "the post")

    @needs("publish")
    def test_an_empty_text_is_refused(self, scene: Scene) -> None:
        draft = scene.draft("  \n ")
        with pytest.raises(Rejected) as caught:
            scene.connector.check_text(draft, scene.session().settings)
        assert caught.value.code == "empty"
        with pytest.raises(Rejected):
            scene.connector.publish(scene.session(), draft, key=scene.key("empty"))

    @needs("publish")
    def test_a_text_at_the_limit_is_taken_and_one_beyond_refused(self, scene: Scene) -> None:
        settings = scene.session().settings
        limits = scene.connector.limits(settings)
        if limits.max_units is None and limits.max_bytes is None:
            return
        text = scene.text("Lang")
        while limits.fits(text + " ä"):
            missing = (limits.max_units or limits.max_bytes or 0) - limits.count(text)
            text += " ä" * max(1, missing // 4)
        while limits.fits(text + "ä"):
            text += "ä"
        scene.connector.check_text(scene.draft(text), settings)
        scene.connector.publish(scene.session(), scene.draft(text), key=scene.key("limit"))
        beyond = scene.draft(text + "ää")
        with pytest.raises(Rejected) as caught:
            scene.connector.check_text(beyond, settings)
        assert caught.value.code == "too_long"
        with pytest.raises(Rejected) as caught:
            scene.connector.publish(scene.session(), beyond, key=scene.key("beyond"))
        assert caught.value.code == "too_long"

    @needs("publish", "delete")
    def test_our_own_post_can_be_deleted_and_twice_is_no_error(self, scene: Scene) -> None:
        text = scene.text("Ein Irrtum")
        delivered = scene.connector.publish(scene.session(), scene.draft(text), key=scene.key("delete"))
        scene.eventually(lambda: scene.posts_with(text), "the post")
        scene.connector.delete(scene.session(), delivered.remote_id)
        scene.eventually(lambda: not scene.posts_with(text), "that the post is gone")
        scene.connector.delete(scene.session(), delivered.remote_id)

    @needs("listen", "reply", "delete")
    def test_our_own_answer_can_be_deleted(self, scene: Scene) -> None:
        item = scene.stranger_asks()
        text = scene.text("Falsche Antwort")
        delivered = scene.connector.publish(
            scene.session(), scene.draft(text, to=item), key=scene.key("delete")
        )
        scene.eventually(lambda: scene.answers_with(item, text), "the answer")
        scene.connector.delete(scene.session(), delivered.remote_id)
        scene.eventually(lambda: not scene.answers_with(item, text), "that the answer is gone")

    # -- actions

    @needs("listen")
    def test_liking_twice_is_liking_once_and_can_be_undone(self, scene: Scene) -> None:
        if not can_act(scene.world, Action.LIKE):
            return
        target = target_of(scene.stranger_asks())
        for _ in range(2):
            scene.connector.act(scene.session(), Action.LIKE, target)
        scene.eventually(lambda: scene.world.state(target.remote_id).get("liked_by_us"), "our like")
        assert scene.world.state(target.remote_id).get("likes", 1) == 1
        if can_act(scene.world, Action.UNLIKE):
            for _ in range(2):
                scene.connector.act(scene.session(), Action.UNLIKE, target)
            scene.eventually(
                lambda: not scene.world.state(target.remote_id).get("liked_by_us"), "that our like is gone"
            )

    @needs("listen")
    def test_sharing_twice_is_sharing_once(self, scene: Scene) -> None:
        if not can_act(scene.world, Action.SHARE):
            return
        target = target_of(scene.stranger_asks())
        for _ in range(2):
            scene.connector.act(scene.session(), Action.SHARE, target)
        scene.eventually(lambda: scene.world.state(target.remote_id).get("shared_by_us"), "our share")
        assert scene.world.state(target.remote_id).get("shares", 1) == 1

    @pytest.mark.parametrize("action", [Action.HIDE, Action.APPROVE, Action.SPAM, Action.TRASH], ids=str)
    @needs("listen")
    def test_moderation_changes_the_status_and_twice_is_no_error(self, scene: Scene, action: Action) -> None:
        if not can_act(scene.world, action):
            return
        target = target_of(scene.stranger_asks())
        if action == Action.APPROVE and can_act(scene.world, Action.HIDE):
            scene.connector.act(scene.session(), Action.HIDE, target)
        for _ in range(2):
            told = scene.connector.act(scene.session(), action, target)
            assert told in STATUS_AFTER[action]
        assert Status(scene.world.state(target.remote_id)["status"]) == told
        if scene.can.refresh:
            scene.refresh(target.remote_id)
            assert scene.seen[target.remote_id].status == told

    # -- trouble on the line

    @needs("listen", "http")
    def test_each_trouble_while_fetching_is_one_of_the_five_errors(self, scene: Scene, quick: None) -> None:
        scene.session()
        mistakes = []
        for trouble in TROUBLES:
            mistakes += mistakes_of_fetch(scene, trouble, {})
        scene.world.start()
        scene.sync()
        cursor = scene.cursor
        for trouble in TROUBLES:
            mistakes += mistakes_of_fetch(scene, trouble, cursor)
        assert not mistakes, "\n".join(mistakes)

    @needs("publish", "http")
    def test_each_trouble_while_publishing_is_one_of_the_five_errors(self, scene: Scene, quick: None) -> None:
        scene.session()
        mistakes = []
        for trouble in TROUBLES:
            mistakes += mistakes_of_publish(scene, trouble)
        assert not mistakes, "\n".join(mistakes)
        assert not scene.posts_with("Im Sturm"), "a request went past the disturbed line"

    @needs("http")
    def test_each_trouble_elsewhere_is_one_of_the_five_errors(self, scene: Scene, quick: None) -> None:
        scene.session()
        mistakes = []
        for trouble in TROUBLES:
            mistakes += mistakes_elsewhere(scene, trouble)
        assert not mistakes, "\n".join(mistakes)

    @needs("listen", "http")
    def test_a_fetch_that_breaks_in_the_middle_loses_nothing(self, scene: Scene, quick: None) -> None:
        scene.world.start()
        scene.sync()
        ids = [scene.world.stranger_writes(scene.text("Mitten im Sturm")) for _ in range(3)]
        scene.settle()
        for passed in range(8):
            now = scene.world.now()
            line = Disturbed(
                scene.world.transport(),
                functools.partial(after, passed),
                functools.partial(answers, says(500, "{}"), now),
            )
            try:
                scene.fetch_once(scene.session(line))
            except NetworkError:
                continue
            if not line.struck:
                break
        scene.eventually(lambda: scene.sync() is not None and set(ids) <= set(scene.seen), "all of them")

    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No pauses between the retries of safe calls."""
        monkeypatch.setattr("kuemmerer.networks.session.time", SimpleNamespace(sleep=lambda seconds: None))
