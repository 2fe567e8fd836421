"""Sockets: who may watch what, and that a change arrives, once, and last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.testing import WebsocketCommunicator
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from optimizer import topics
from optimizer.live import regions
from optimizer.live.broadcast import TRY_AGAIN, Broadcast
from optimizer.live.consumer import NOTHING_HERE, SIGNED_OUT, LiveConsumer
from optimizer.live.regions import Region
from optimizer.models import OptimizationSession, User
from optimizer.services.feedback import rate_output, rate_session
from optimizer.services.templates import publish_template
from promptevolver.asgi import application
from tests import factories
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(WebsocketCommunicator):  # type: ignore[misc]
    """Gives database connections back as the server does; Channels' own keeps them."""

    send_input = ApplicationCommunicator.send_input
    receive_output = ApplicationCommunicator.receive_output
    admitted = False


Connect = Callable[..., Awaitable[Socket]]
ORIGIN = b"http://localhost"


@pytest.fixture
def session(user: User) -> OptimizationSession:
    return factories.make_session(user.personal_workspace, status="processing", stage="Scoring")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open a socket as a browser would: `connect(query, client, origin, path)`."""
    opened = []

    async def open_socket(
        query: str, client: Client | None = None, origin: bytes | None = ORIGIN, path: str = "/live/"
    ) -> Socket:
        headers = [(b"host", b"localhost")]
        headers += [(b"origin", origin)] if origin is not None else []
        if client is not None:
            headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
        socket = Socket(application, f"{path}?{query}", headers=headers)
        opened.append(socket)
        socket.admitted, _ = await socket.connect(timeout=5)
        return socket

    yield open_socket
    for socket in opened:
        await socket.disconnect()
    await sync_to_async(connections.close_all)()  # of the thread in which async tests use the database


async def closed(socket: Socket) -> int:
    event = await socket.receive_output(timeout=5)  # type: ignore[no-untyped-call]
    assert event["type"] == "websocket.close"
    return int(event["code"])


async def change(session: OptimizationSession, stage: str) -> None:
    """As a worker does: write, then tell."""
    await OptimizationSession.objects.filter(pk=session.pk).aupdate(stage=stage)
    await sync_to_async(topics.send)(topics.session(session.pk))


async def test_a_page_is_told_the_state_when_it_connects(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    frame = await socket.receive_from(timeout=5)
    assert 'id="session-panel"' in frame
    assert 'hx-swap-oob="morph"' in frame
    assert "Scoring" in frame


async def test_a_change_arrives(connect: Connect, session: OptimizationSession, user_client: Client) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    await change(session, "Writing candidates")
    assert "Writing candidates" in await socket.receive_from(timeout=5)


async def test_a_tab_is_told_what_that_tab_shows(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}&tab=settings", user_client)
    assert "Chosen settings" in await socket.receive_from(timeout=5)


async def test_a_page_may_watch_several_regions(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}&topic=recent&topic=history", user_client)
    frames = "".join([await socket.receive_from(timeout=5) for _ in range(3)])
    assert all(f'id="{region}"' in frames for region in ("session-panel", "recent", "history-list"))


async def test_a_new_optimization_stands_on_top_of_the_history(
    connect: Connect, session: OptimizationSession, user: User, user_client: Client
) -> None:
    socket = await connect("topic=history", user_client)
    await socket.receive_from(timeout=5)
    newer = await sync_to_async(factories.make_session)(user.personal_workspace)
    await sync_to_async(topics.send)(topics.history(newer.workspace_id))
    frame = await socket.receive_from(timeout=5)
    assert frame.index(f'id="row-{newer.pk}"') < frame.index(f'id="row-{session.pk}"')


@pytest.mark.parametrize(
    "topic", ["history:{workspace}", "nonsense", "session:x", "session:99999999999999999999", ""]
)
async def test_a_name_proves_nothing(
    topic: str, connect: Connect, session: OptimizationSession, outsider: User, client_of: ClientOf
) -> None:
    client = await sync_to_async(client_of)(outsider)
    socket = await connect(f"topic={topic.format(workspace=session.workspace_id)}", client)
    if topic.startswith("history"):
        assert f"row-{session.pk}" not in await socket.receive_from(timeout=5)
    else:
        assert await closed(socket) == NOTHING_HERE


async def test_an_outsider_is_told_nothing_of_a_session(
    connect: Connect, session: OptimizationSession, outsider: User, client_of: ClientOf
) -> None:
    client = await sync_to_async(client_of)(outsider)
    assert await closed(await connect(f"topic=session:{session.pk}", client)) == NOTHING_HERE


async def test_an_outsiders_history_does_not_move(
    connect: Connect, session: OptimizationSession, outsider: User, client_of: ClientOf
) -> None:
    client = await sync_to_async(client_of)(outsider)
    socket = await connect("topic=history", client)
    await socket.receive_from(timeout=5)
    await sync_to_async(topics.send)(topics.history(session.workspace_id))
    assert await socket.receive_nothing(timeout=0.5)


async def test_a_team_mate_watches_too(
    connect: Connect, session: OptimizationSession, team_mate: User, client_of: ClientOf
) -> None:
    client = await sync_to_async(client_of)(team_mate)
    socket = await connect(f"topic=session:{session.pk}", client)
    assert "Scoring" in await socket.receive_from(timeout=5)


async def test_what_one_says_of_a_result_shows_in_ones_other_windows_alone(
    connect: Connect, user: User, team_mate: User, user_client: Client, client_of: ClientOf
) -> None:
    done = await sync_to_async(factories.make_session)(user.personal_workspace, status="completed")
    theirs = await sync_to_async(client_of)(team_mate)
    mine = await connect(f"topic=opinion:{done.pk}", user_client)
    other = await connect(f"topic=opinion:{done.pk}", theirs)
    for socket in (mine, other):
        assert 'data-star="3" aria-label="3 stars" aria-pressed="false"' in await socket.receive_from(
            timeout=5
        )
    await sync_to_async(rate_session)(session=done, by=user, rating=3)
    frame = await mine.receive_from(timeout=5)
    assert 'aria-label="3 stars, chosen: press to clear" aria-pressed="true"' in frame
    assert 'name="csrfmiddlewaretoken" data-anyone' in frame
    assert await other.receive_nothing(timeout=0.5)


async def test_what_one_says_of_an_output_is_told_too(
    connect: Connect, user: User, user_client: Client
) -> None:
    done = await sync_to_async(factories.make_session)(user.personal_workspace, status="completed")
    output = await sync_to_async(lambda: factories.make_evaluation(factories.make_candidate(done)))()
    socket = await connect(f"topic=opinion:{done.pk}", user_client)
    await socket.receive_from(timeout=5)
    await sync_to_async(rate_output)(evaluation=output, by=user, right=False)
    assert f'data-right="" data-wrong="{output.pk} "' in await socket.receive_from(timeout=5)


@pytest.mark.parametrize("role", ["viewer", None])
async def test_who_may_not_rate_is_told_no_opinion(
    role: str | None, connect: Connect, session: OptimizationSession, outsider: User, client_of: ClientOf
) -> None:
    if role:
        await sync_to_async(factories.join)(session.workspace, outsider, role)
    client = await sync_to_async(client_of)(outsider)
    assert await closed(await connect(f"topic=opinion:{session.pk}", client)) == NOTHING_HERE


async def test_an_anonymous_visitor_is_sent_away(connect: Connect, session: OptimizationSession) -> None:
    assert await closed(await connect(f"topic=session:{session.pk}")) == SIGNED_OUT


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", None])
async def test_a_foreign_page_cannot_connect(
    origin: bytes | None, connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client, origin)
    assert not socket.admitted


@pytest.mark.parametrize("path", ["/", "/live", "/live/more/", "/nowhere/"])
async def test_an_unknown_path_is_refused(path: str, connect: Connect, user_client: Client) -> None:
    socket = await connect("topic=history", user_client, path=path)
    assert not socket.admitted


async def test_what_a_page_sends_is_ignored(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    await socket.send_to(text_data='{"type": "topic.changed", "stage": "x"}')
    await socket.send_to(bytes_data=b"\xff\x00")
    assert await socket.receive_nothing(timeout=0.5)


async def test_a_burst_becomes_few_frames_and_its_last_change_arrives(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    for number in range(40):
        await change(session, f"Step {number}.")
        await asyncio.sleep(0.01)
    frames: list[str] = []
    while not frames or "Step 39." not in frames[-1]:
        frames.append(await socket.receive_from(timeout=5))
    assert len(frames) <= 6
    assert await socket.receive_nothing(timeout=0.6)


async def test_many_watchers_cost_one_rendering(
    connect: Connect, session: OptimizationSession, user_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    render = regions.SessionRegion.render

    def counted(region: regions.SessionRegion) -> str:
        rendered.append(region)
        return render(region)

    monkeypatch.setattr(regions.SessionRegion, "render", counted)
    sockets = [await connect(f"topic=session:{session.pk}", user_client) for _ in range(12)]
    for socket in sockets:
        await socket.receive_from(timeout=5)
    await asyncio.sleep(0.4)
    rendered.clear()
    await change(session, "Changed once")
    for socket in sockets:
        assert "Changed once" in await socket.receive_from(timeout=5)
    await asyncio.sleep(0.4)
    assert len(rendered) == 1


async def test_the_others_go_on_when_the_first_watcher_leaves(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    first = await connect(f"topic=session:{session.pk}", user_client)
    second = await connect(f"topic=session:{session.pk}", user_client)
    for socket in (first, second):
        await socket.receive_from(timeout=5)
    await first.disconnect()
    await change(session, "Still here")
    assert "Still here" in await second.receive_from(timeout=5)


async def test_signing_out_closes_the_socket(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    await sync_to_async(user_client.logout)()
    assert await closed(socket) == SIGNED_OUT


async def test_who_leaves_a_workspace_watches_it_no_more(
    connect: Connect, session: OptimizationSession, outsider: User, client_of: ClientOf
) -> None:
    membership = await sync_to_async(factories.join)(session.workspace, outsider, "viewer")
    client = await sync_to_async(client_of)(outsider)
    socket = await connect(f"topic=session:{session.pk}", client)
    await socket.receive_from(timeout=5)
    await membership.adelete()
    assert await closed(socket) == TRY_AGAIN
    assert await closed(await connect(f"topic=session:{session.pk}", client)) == NOTHING_HERE


async def test_who_is_shut_out_is_sent_away(
    connect: Connect, session: OptimizationSession, user: User, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    user.is_active = False
    await user.asave()
    assert await closed(socket) == TRY_AGAIN
    assert await closed(await connect(f"topic=session:{session.pk}", user_client)) == SIGNED_OUT


async def test_another_password_ends_the_sockets_of_the_old_one(
    connect: Connect, session: OptimizationSession, user: User, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    await sync_to_async(user.set_password)("another-password-7")
    await user.asave()
    assert await closed(socket) == TRY_AGAIN
    assert await closed(await connect(f"topic=session:{session.pk}", user_client)) == SIGNED_OUT


async def test_a_right_that_ends_while_a_page_connects_ends_there(
    connect: Connect,
    session: OptimizationSession,
    outsider: User,
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    membership = await sync_to_async(factories.join)(session.workspace, outsider, "viewer")
    client = await sync_to_async(client_of)(outsider)
    read = LiveConsumer._regions

    def and_then_the_right_ends(consumer: LiveConsumer) -> list[Region]:
        found = read(consumer)
        membership.delete()
        return found

    monkeypatch.setattr(LiveConsumer, "_regions", and_then_the_right_ends)
    socket = await connect(f"topic=session:{session.pk}", client)
    events = [await socket.receive_output(timeout=5)]  # type: ignore[no-untyped-call]
    while events[-1]["type"] != "websocket.close":
        events.append(await socket.receive_output(timeout=5))  # type: ignore[no-untyped-call]
    assert events[-1]["code"] == TRY_AGAIN


async def test_an_error_makes_the_page_connect_again(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}", user_client)
    await socket.receive_from(timeout=5)
    topic = topics.session(session.pk)
    await session.adelete()
    await sync_to_async(topics.send)(topic)
    assert await closed(socket) == TRY_AGAIN


async def test_nothing_is_kept_of_pages_that_left(
    connect: Connect, session: OptimizationSession, user_client: Client
) -> None:
    socket = await connect(f"topic=session:{session.pk}&topic=recent", user_client)
    await socket.receive_from(timeout=5)
    await socket.disconnect()
    assert Broadcast.running == {}


def test_a_panel_costs_few_queries(
    session: OptimizationSession, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        factories.make_candidate(session)
    with django_assert_max_num_queries(3):
        regions.SessionRegion(session.pk, "").render()


async def test_publishing_a_template_appears_in_another_browser(
    connect: Connect, client_of: ClientOf, user: User
) -> None:
    outsider = await sync_to_async(factories.make_user)()
    template = await sync_to_async(factories.make_template)(user.personal_workspace, name="For everybody")
    socket = await connect("topic=templates&scope=public", await sync_to_async(client_of)(outsider))
    assert "For everybody" not in await socket.receive_from(timeout=5)
    await sync_to_async(publish_template)(template=template, by=user, public=True)
    assert "For everybody" in await socket.receive_from(timeout=5)
    await sync_to_async(publish_template)(template=template, by=user, public=False)
    assert "For everybody" not in await socket.receive_from(timeout=5)
