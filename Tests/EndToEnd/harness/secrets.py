"""Secrets that can be recognised: whatever the gateway logs or sends to somebody who should not have it is searched."""

import secrets
from pathlib import Path

#: Every secret that the suite handed to a gateway or a client in this session, with what it is for.
marked: dict[str, str] = {}

#: Files whose content a secret must never reach; everything that gateways print is registered here.
watched: list[Path] = []

#: Bodies and heads that clients received; (where it was received, bytes).
received: list[tuple[str, bytes]] = []


def secret(purpose: str, prefix: str = "sk-") -> str:
    """A fresh secret with a mark in it, remembered for the search at the end of the session."""
    value = f"{prefix}canary-{purpose}-{secrets.token_hex(12)}"
    marked[value] = purpose
    return value


def mark(value: str, purpose: str) -> str:
    """Remembers a secret that has a form of its own (a token, say)."""
    marked[value] = purpose
    return value


def leaks() -> list[str]:
    """Every place where a marked secret was found, in words that do not repeat the secret."""
    found = []
    needles = [(value.encode(), purpose) for value, purpose in marked.items()]
    haystacks = [(str(path), path.read_bytes()) for path in watched if path.exists()] + received
    for where, content in haystacks:
        for needle, purpose in needles:
            if needle in content:
                found.append(f"the secret for {purpose} is in {where}")
    return found
