"""The official MCP SDK as an OAuth client, a program of its own because 1.x and 2.x cannot share an environment.

Usage: oauth_client.py URL ERA TOOL…    (ERA: legacy or modern, for 2.x)

Starts without any credential and lets the SDK find out everything from the gateway's answers; the user's browser is a
client that follows redirects. Calls the tools in order and prints one JSON object: what was negotiated, and per tool the
text of the result or the error.
"""

import asyncio
import json
import os
import sys
from importlib.metadata import version
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

SDK = int(version("mcp").split(".")[0])
if SDK == 1:
    import httpx
    from mcp import ClientSession
else:
    import httpx2 as httpx
    from mcp.client import Client
    from mcp.shared.auth import AuthorizationCodeResult

#: Nothing listens there: the browser stops when it is sent to it.
CALLBACK = "http://localhost:1/callback"


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Browser:
    def __init__(self):
        self.visited: list[str] = []
        self.answer: dict[str, list[str]] = {}

    async def visit(self, url: str) -> None:
        async with httpx.AsyncClient() as client:
            for _ in range(5):
                self.visited.append(url)
                response = await client.get(url)
                url = response.headers.get("location", "")
                assert response.status_code in (302, 303), response.text
                if url.startswith(CALLBACK):
                    self.answer = parse_qs(urlsplit(url).query)
                    return
        raise AssertionError(f"the browser was sent around: {self.visited}")

    async def callback(self):
        def one(name):
            return self.answer.get(name, [None])[0]

        assert one("code"), self.answer
        if SDK == 1:
            return one("code"), one("state")
        return AuthorizationCodeResult(code=one("code"), state=one("state"), iss=one("iss"))


async def outcome(call) -> dict:
    try:
        result = await call
        return {"text": result.content[0].text, "error": bool(getattr(result, "is_error", getattr(result, "isError", False)))}
    except Exception as error:
        return {"exception": repr(error)}


async def main(url: str, era: str, tools: list[str]) -> dict:
    storage, browser = Storage(), Browser()
    metadata = OAuthClientMetadata(
        client_name="end-to-end", redirect_uris=[CALLBACK], grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method=os.environ.get("TOKEN_ENDPOINT_AUTH_METHOD", "none"),
    )
    provider = OAuthClientProvider(url, metadata, storage, browser.visit, browser.callback)
    report: dict = {"results": []}
    async with httpx.AsyncClient(auth=provider, timeout=20) as http:
        transport = streamable_http_client(url, http_client=http)
        if SDK == 1:
            async with transport as (read, write, *_), ClientSession(read, write) as session:
                report["protocol"] = (await session.initialize()).protocolVersion
                report["tools"] = [tool.name for tool in (await session.list_tools()).tools]
                for tool in tools:
                    report["results"].append(await outcome(session.call_tool(tool, {"timezone": "UTC"})))
        else:
            async with Client(transport, mode="legacy" if era == "legacy" else "auto") as client:
                report["protocol"] = client.session.protocol_version
                report["tools"] = [tool.name for tool in (await client.list_tools()).tools]
                for tool in tools:
                    report["results"].append(await outcome(client.call_tool(tool, {"timezone": "UTC"})))
    return {**report, "scope": storage.tokens.scope, "logins": len(browser.visited), "client": storage.client.client_id}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))))
