"""localRateLimit: by requests, by a key, over reloads, in the client's API shape."""

import json
import threading

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import free_port, run
from harness.rawhttp import exchange
from harness.waiting import until


def limited(upstream: int, *limits: dict, **policies) -> dict:
    return configs.plain(upstream, {"localRateLimit": list(limits), **policies})


def bucket(tokens: int, **more) -> dict:
    return {"maxTokens": tokens, "tokensPerFill": 1, "fillInterval": "1h", **more}


def test_a_burst_passes_and_then_429_says_when_to_come_back(start, serve):
    stats = free_port()
    gateway = start({**limited(serve().port, bucket(3)), "config": {"statsAddr": f"127.0.0.1:{stats}"}})
    for left in (2, 1, 0):
        reply = httpx.get(gateway.url(), timeout=10)
        assert reply.status_code == 200
        assert reply.headers["x-ratelimit-limit"] == "3"
        assert reply.headers["x-ratelimit-remaining"] == str(left)
        assert 0 < int(reply.headers["x-ratelimit-reset"]) <= 3600 * 3
    refused = httpx.get(gateway.url(), timeout=10)
    assert refused.status_code == 429
    assert refused.text == "rate limit exceeded\n"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-ratelimit-remaining"] == "0"
    metrics = httpx.get(f"http://127.0.0.1:{stats}/metrics", timeout=10).text
    (line,) = [line for line in metrics.splitlines() if line.startswith("agentgateway_rate_limited_total{")]
    assert 'type="requests"' in line and line.endswith(" 1")


def test_all_loops_count_together(start, serve):
    gateway = start({**limited(serve().port, bucket(40)), "config": {"workerThreads": 4}})
    statuses: list[int] = []

    def work() -> None:
        for _ in range(20):
            statuses.append(httpx.get(gateway.url(), timeout=10).status_code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 40 and statuses.count(429) == 120


def test_each_value_of_the_key_has_its_bucket_and_none_is_no_way_around(start, serve):
    gateway = start(limited(serve().port, bucket(1, key='request.headers["x-team"]')))

    def ask(**headers: str) -> int:
        return httpx.get(gateway.url(), headers=headers, timeout=10).status_code

    assert [ask(**{"x-team": "red"}), ask(**{"x-team": "red"})] == [200, 429]
    assert [ask(**{"X-Team": "blue"}), ask(**{"X-Team": "blue"})] == [200, 429]
    # Without a key, with an empty one: these share a bucket.
    assert [ask(), ask(), ask(**{"x-team": ""})] == [200, 429, 429]
    # Two fields are a list, another key than either, and get no more than one bucket.
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nx-team: red\r\nx-team: blue\r\nConnection: close\r\n\r\n"
    assert [exchange(gateway.port, raw).status for _ in range(2)] == [200, 429]


def test_a_client_over_its_own_limit_does_not_use_up_the_shared_one(start, serve):
    shared, own = bucket(4), bucket(1, key='request.headers["x-user"]')
    gateway = start(limited(serve().port, shared, own))

    def ask(user: str) -> int:
        return httpx.get(gateway.url(), headers={"x-user": user}, timeout=10).status_code

    assert [ask("a") for _ in range(10)].count(200) == 1
    assert [ask("b"), ask("c"), ask("d"), ask("e")] == [200, 200, 200, 429]


def test_what_rules_deny_is_not_counted(start, serve):
    rules = {"rules": [{"deny": 'request.path == "/no"'}]}
    gateway = start(limited(serve().port, bucket(1), authorization=rules))
    assert [httpx.get(gateway.url("/no"), timeout=10).status_code for _ in range(3)] == [403] * 3
    assert httpx.get(gateway.url(), timeout=10).status_code == 200


def test_a_reload_forgets_nothing(start, serve):
    gateway = start(limited(serve().port, bucket(2)))
    assert httpx.get(gateway.url(), timeout=10).status_code == 200
    document = yaml.safe_load(gateway.file.read_text())
    policies = document["binds"][0]["listeners"][0]["routes"][0]["policies"]
    policies["authorization"] = {"rules": [{"deny": 'request.path == "/no"'}]}
    gateway.file.write_text(yaml.safe_dump(document))
    until(lambda: httpx.get(gateway.url("/no"), timeout=10).status_code == 403, "the new configuration is in force")
    # What was asked while waiting may have taken what was left; nobody gets the burst again.
    statuses = [httpx.get(gateway.url(), timeout=10).status_code for _ in range(3)]
    assert statuses.count(200) <= 1 and statuses[-1] == 429


@pytest.mark.parametrize(
    "limits, message",
    [
        ({"maxTokens": 1, "tokensPerFill": 1, "fillInterval": "1s"}, 'write "- " before each limit'),
        ([{"maxTokens": 1, "tokensPerFill": 2, "fillInterval": "1s"}], "tokensPerFill is more than maxTokens holds"),
        ([{"maxTokens": 1, "fillInterval": "1s"}], 'missing field "tokensPerFill"'),
        ([{"maxTokens": 1, "tokensPerFill": 1, "fillInterval": "1s", "key": "jwt.sub +"}], "localRateLimit[0].key"),
        ([{"maxTokens": 1, "tokensPerFill": 1, "fillInterval": "1s", "key": "jwt.rawToken"}], "not supported yet"),
        ([{"maxTokens": 1, "tokensPerFill": 1, "fillInterval": "1s", "key": "response.code"}], "once there is a reply"),
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path, limits, message):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configs.plain(1, {"localRateLimit": limits})))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and message in err
