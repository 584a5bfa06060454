"""Configurations: the users' own with ports and hosts moved, and small ones for single questions."""

from typing import Any

import yaml

from .gateway import seed_directory


def seed(name: str, openai: int | None = None, anthropic: int | None = None) -> dict[str, Any]:
    """A user's configuration as written, but with its providers pointed at a mock on this machine."""
    document = yaml.safe_load((seed_directory() / name).read_text())
    for bind in document["binds"]:
        for listener in bind["listeners"]:
            for route in listener["routes"]:
                for backend in route["backends"]:
                    ai = backend.get("ai")
                    if ai:
                        ai["hostOverride"] = f"127.0.0.1:{openai if ai['name'] == 'openai' else anthropic}"
    return document


def plain(upstream: int, policies: dict[str, Any] | None = None, **route: Any) -> dict[str, Any]:
    """Everything on one port goes to one upstream."""
    routes = [{**({"policies": policies} if policies else {}), "backends": [{"host": f"127.0.0.1:{upstream}"}], **route}]
    return {"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]}


def jwt_auth(jwks: Any, **more: Any) -> dict[str, Any]:
    return {"mode": "strict", "issuer": "https://issuer.example", "audiences": ["gateway"], "jwks": jwks, **more}
