"""docs/traffic.md: every example loads, alone and all together."""

import json
import re

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import ROOT, run
from harness.tokens import Issuer

EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/traffic.md").read_text(), re.S)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(iter(example)))
def test_each_example_loads(tmp_path, example):
    document = configs.plain(1)
    route = document["binds"][0]["listeners"][0]["routes"][0]
    route.update(example if "policies" in example else {"policies": example})
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(document))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 0, err


def test_all_of_them_work_together(start, serve):
    upstream, service = serve(), serve()
    issuer = Issuer()
    policies: dict = {"jwtAuth": configs.jwt_auth(json.dumps(issuer.jwks))}
    for example in EXAMPLES:
        policies.update(example.get("policies", example))
    policies["extAuthz"]["host"] = f"127.0.0.1:{service.port}"
    policies["requestMirror"]["backend"]["host"] = f"127.0.0.1:{serve().port}"
    document = configs.plain(upstream.port, policies)
    document["binds"][0]["listeners"][0]["routes"][0]["backends"] *= 2
    gateway = start(document)
    headers = {"authorization": f"Bearer {issuer.token(sub='ann')}", "x-user": "root"}
    reply = httpx.post(gateway.url("/p"), content=b"body", headers=headers, timeout=10)
    assert reply.status_code == 200 and reply.headers["x-served"] == "200 /p"
    assert reply.headers["x-ratelimit-remaining"] == "19"
    (request,) = upstream.requests
    assert (request.header("x-user"), request.header("x-env")) == ("ann", "production")
    assert httpx.post(gateway.url("/p"), headers={**headers, "origin": "https://evil.example"}, timeout=10).status_code == 403
