"""The fixtures of the suite, and what holds for the whole session: nothing keeps running, no secret got out."""

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from . import gateway as gateways
from .gateway import Gateway
from .provider import Provider
from .upstream import Handler, Upstream, echo


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """start(CONFIG, environment={…}) starts a gateway that ends with the test, cleanly or the test fails."""
    started: list[Gateway] = []

    def begin(config: dict[str, Any] | str, environment: dict[str, str] | None = None, **options: Any) -> Gateway:
        gateway = Gateway(config, tmp_path, environment, **options)
        started.append(gateway)
        return gateway

    yield begin
    for gateway in started:
        if gateway.process in gateways.running:
            gateway.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., Upstream]]:
    """serve(HANDLER) starts an upstream that ends with the test; an error inside its handler fails the test."""
    servers: list[Upstream] = []

    def begin(handler: Handler = echo, **options: Any) -> Upstream:
        server = Upstream(handler, **options)
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.close()
    for server in servers:
        assert not server.errors, server.errors


@pytest.fixture(scope="module")
def module_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """As `start`, for a gateway that the tests of a module share."""
    started: list[Gateway] = []

    def begin(config: dict[str, Any] | str, environment: dict[str, str] | None = None) -> Gateway:
        gateway = Gateway(config, tmp_path_factory.mktemp("gateway"), environment)
        started.append(gateway)
        return gateway

    yield begin
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that speaks OpenAI's and Anthropic's wire formats."""
    server = Provider()
    yield server
    server.close()
    assert not server.errors, server.errors
    assert not server.malformed, server.malformed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The search for secrets looks at everything the other tests left, so it runs after them.
    items.sort(key=lambda item: "test_canary" in item.nodeid)


def pytest_sessionfinish() -> None:
    for process in list(gateways.running):
        if process.poll() is None:
            process.kill()
            process.wait()
