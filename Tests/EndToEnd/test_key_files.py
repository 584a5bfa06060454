"""Key and password files while requests flow: a good change is in force without a failed request, a broken one changes nothing
and is told."""

import json
import os
import subprocess
import threading

import httpx
import pytest

from harness import configs
from harness.secrets import secret
from harness.tokens import Issuer
from harness.waiting import deadline, until


def replace(file, text: str) -> None:
    """As editors save, and what configuration management does."""
    other = file.with_name(file.name + ".new")
    other.write_text(text)
    os.replace(other, file)


def readiness(gateway) -> str:
    return httpx.get(f"http://127.0.0.1:{gateway.readiness_port}/healthz/ready", timeout=deadline(5)).text


def ask(gateway, token: str) -> int:
    return httpx.get(gateway.url("/"), headers={"Authorization": f"Bearer {token}"}, timeout=deadline(20)).status_code


@pytest.fixture
def guarded(start, serve, tmp_path):
    """A gateway whose keys are in a file; yields it with the file and its first issuer."""
    file, issuer = tmp_path / "keys.json", Issuer("first")
    file.write_text(json.dumps(issuer.jwks))
    gateway = start(configs.plain(serve().port, {"jwtAuth": configs.jwt_auth({"file": str(file)})}))
    return gateway, file, issuer


@pytest.mark.parametrize(
    "broken, reason",
    [
        ("{", "JSON"),
        ("", "JSON"),
        ('{"keys": []}', "no key"),
        ('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}', "modulus"),
        ('{"keys": [{"kty": "oct", "k": "' + "A" * 86 + '"}]}', "symmetric"),
        (None, "keys.json"),
    ],
    ids=["cut", "empty", "no-keys", "weak", "secret", "gone"],
)
def test_a_broken_key_file_keeps_the_keys_before_it_and_is_told(guarded, broken, reason):
    gateway, file, issuer = guarded
    token, text = issuer.token(), file.read_text()
    assert ask(gateway, token) == 200
    file.unlink() if broken is None else replace(file, broken)
    told = until(lambda: (t := readiness(gateway)) != "ready\n" and t, "readiness tells", 15)
    assert "not taken" in told, told
    log = next(line for line in gateway.log().splitlines() if "configuration not taken" in line)
    assert "keys.json" in log and reason in log, log
    # Both a token that is remembered and one that is not.
    assert ask(gateway, token) == 200 and ask(gateway, issuer.token(sub="another")) == 200
    assert ask(gateway, Issuer("first").token()) == 401
    replace(file, text)
    until(lambda: readiness(gateway) == "ready\n", "it is repaired", 15)
    assert ask(gateway, token) == 200


def test_keys_change_under_traffic_and_no_good_token_is_refused(guarded):
    gateway, file, first = guarded
    second, stop, failures, done = Issuer("second"), threading.Event(), [], [0]
    holders = [first]

    def traffic(number: int) -> None:
        with httpx.Client(timeout=deadline(20)) as client:
            count = 0
            while not stop.is_set():
                # New tokens as well as one that is remembered.
                issuer = holders[number % len(holders)]
                token = issuer.token(sub=f"{number}-{count % 5}")
                reply = client.get(gateway.url("/"), headers={"Authorization": f"Bearer {token}"})
                if reply.status_code != 200:
                    failures.append((number, count, reply.status_code, reply.text))
                count += 1
                done[0] += 1

    threads = [threading.Thread(target=traffic, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: done[0] > 20, "requests flow", 20)
        # As issuers rotate: the new key is published, then used, then the old one goes.
        replace(file, json.dumps({"keys": first.jwks["keys"] + second.jwks["keys"]}))
        until(lambda: ask(gateway, second.token()) == 200, "the new keys are in force", 20)
        holders.append(second)
        seen = done[0]
        until(lambda: done[0] > seen + 20, "requests flow on", 20)
        holders.remove(first)
        seen = done[0]
        until(lambda: done[0] > seen + 20, "nobody uses the old keys", 20)
        remembered = first.token()
        assert ask(gateway, remembered) == 200
        replace(file, json.dumps(second.jwks))
        until(lambda: ask(gateway, remembered) == 401, "a remembered token of a withdrawn key is refused", 20)
        seen = done[0]
        until(lambda: done[0] > seen + 20, "requests flow at the end", 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_password_file_is_watched_like_a_key_file(start, serve, tmp_path):
    def line(user: str, password: str) -> str:
        done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True)
        return f"{user}:{done.stdout.strip()}"

    old, new = secret("old-password"), secret("new-password")
    file = tmp_path / "users"
    file.write_text(line("alice", old))
    gateway = start(configs.plain(serve().port, {"basicAuth": {"htpasswd": {"file": str(file)}}}))

    def status(password: str) -> int:
        return httpx.get(gateway.url("/"), auth=("alice", password), timeout=deadline(20)).status_code

    assert (status(old), status(new)) == (200, 401)
    replace(file, "alice:plain")
    told = until(lambda: (t := readiness(gateway)) != "ready\n" and t, "readiness tells", 15)
    assert "not taken" in told
    assert "htpasswd line 1: a plain-text" in gateway.log()
    assert (status(old), status(new)) == (200, 401)
    replace(file, line("alice", new))
    until(lambda: (status(old), status(new)) == (401, 200), "the new password is in force", 15)
