"""A development issuer: RSA and EC keys, their JWKS, and tokens good and bad."""

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .secrets import mark

ISSUER = "https://issuer.example"
AUDIENCE = "gateway"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    def __init__(self, name: str = "1"):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.rsa_id, self.ec_id = f"rsa-{name}", f"ec-{name}"

    @property
    def jwks(self) -> dict[str, Any]:
        r, e = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "kid": self.rsa_id,
                    "use": "sig",
                    "alg": "RS256",
                    "n": encode(r.n.to_bytes(256, "big")),
                    "e": "AQAB",
                },
                {
                    "kty": "EC",
                    "kid": self.ec_id,
                    "use": "sig",
                    "alg": "ES256",
                    "crv": "P-256",
                    "x": encode(e.x.to_bytes(32, "big")),
                    "y": encode(e.y.to_bytes(32, "big")),
                },
            ]
        }

    @property
    def rsa_public_pem(self) -> bytes:
        return self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; a change to None takes the claim away."""
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "user-1",
            "iat": now - 10,
            "exp": now + 600,
            "role": "dev",
            "scope": "chat tools",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        key, kid = (self.rsa, self.rsa_id) if algorithm[0] in "RP" else (self.ec, self.ec_id)
        header = {name: value for name, value in {"kid": kid, **(headers or {})}.items() if value is not None}
        token = jwt.encode(self.claims(**changes), key, algorithm=algorithm, headers=header)
        mark(token.rsplit(".", 1)[1], "the signature of a client's token")
        return token

    def unsigned(self, algorithm: str = "none", signature: bytes = b"", **changes: Any) -> str:
        header = encode(json.dumps({"alg": algorithm, "typ": "JWT", "kid": self.rsa_id}).encode())
        return f"{header}.{encode(json.dumps(self.claims(**changes)).encode())}.{encode(signature)}"

    def hmac_with_public_key(self, **changes: Any) -> str:
        """The classic confusion: HS256 keyed with the public key that everybody knows."""
        import hashlib
        import hmac

        header = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": self.rsa_id}).encode())
        signed = f"{header}.{encode(json.dumps(self.claims(**changes)).encode())}"
        digest = hmac.new(self.rsa_public_pem, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{encode(digest)}"
