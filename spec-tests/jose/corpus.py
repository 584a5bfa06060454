"""Writes a corpus of tokens with joserfc's verdicts: valid ones of every algorithm, and forgeries of each.

Usage: corpus.py OUTPUT.json
"""

import base64
import hmac
import json
import random
import sys

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"]
LIBJWT = {"RS256", "RS384", "RS512", "ES256", "HS256", "HS384", "HS512"}
CLAIMS = {"iss": "https://issuer.test", "aud": "gateway", "sub": "alice", "exp": 4000000000}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_key(algorithm: str):
    if algorithm[0] == "H":
        # Text, because libjwt takes the secret as a C string's bytes.
        return OctKey.import_key(bytes(random.Random(algorithm).choices(range(33, 127), k=64)), {"kid": "k"})
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", {"kid": "k"})
    if algorithm[0] == "E":
        return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm], {"kid": "k"})
    return RSAKey.generate_key(2048, {"kid": "k"})


def verdict(token: str, key, algorithm: str) -> bool:
    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm])
        return True
    except Exception:  # Whatever it says: it does not accept the token.
        return False


def tokens(algorithm: str, key):
    rng = random.Random(f"tokens {algorithm}")
    payload = json.dumps(CLAIMS)

    def sign(header, body=payload, signing_key=key, used=algorithm):
        return jws.serialize_compact(header, body, signing_key, registry=jws.JWSRegistry(algorithms=[used]))

    good = sign({"alg": algorithm, "kid": "k", "typ": "JWT"})
    yield "good", good, {"libjwt": True}
    yield "no kid", sign({"alg": algorithm}), {"libjwt": True}
    yield "long payload", sign({"alg": algorithm, "kid": "k"}, payload[:-1] + ',"x":"' + "y" * 4000 + '"}'), {"libjwt": True}
    header, body, signature = good.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")

    for index in range(0, len(raw), max(1, len(raw) // 32)):
        changed = bytearray(raw)
        changed[index] ^= 1 << rng.randrange(8)
        yield f"bit flipped in byte {index} of the signature", f"{header}.{body}.{b64(bytes(changed))}", {"libjwt": True}
    for what, other in [
        ("empty", b""), ("one byte", b"\0"), ("zeros", bytes(len(raw))), ("ones", b"\xff" * len(raw)),
        ("short", raw[:-1]), ("long", raw + b"\0"), ("leading zero", b"\0" + raw), ("doubled", raw + raw),
    ]:
        yield f"signature {what}", f"{header}.{body}.{b64(other)}", {}
    for index in range(0, len(CLAIMS) * 10, 3):
        changed = bytearray(payload.encode())
        changed[index % len(changed)] ^= 1
        yield f"payload byte {index}", f"{header}.{b64(bytes(changed))}.{signature}", {"libjwt": True}
    for name in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES256", "PS256", "EdDSA", "A128KW"]:
        if name == algorithm:
            continue
        forged = b64(json.dumps({"alg": name, "kid": "k"}).encode())
        yield f"alg {name}, same signature", f"{forged}.{body}.{signature}", {}
        yield f"alg {name}, no signature", f"{forged}.{body}.", {}
    if algorithm[0] in "RPE" and algorithm != "EdDSA":
        public = key.as_pem(private=False)
        # By hand: joserfc refuses to use a public key as a secret, rightly.
        start = b64(b'{"alg":"HS256","kid":"k"}') + "." + body
        code = hmac.new(public, start.encode(), "sha256").digest()
        yield "HS256 with the public PEM as secret", f"{start}.{b64(code)}", {}
    other = make_key(algorithm) if algorithm[0] != "H" else OctKey.generate_key(512)
    yield "another key", sign({"alg": algorithm, "kid": "k"}, signing_key=other), {"libjwt": True}
    for what, text in [
        ("padded", good + "="), ("space", good + " "), ("newline", good + "\n"), ("four parts", good + ".x"),
        ("two parts", f"{header}.{body}"), ("one part", header), ("empty", ""), ("dots", ".."),
        ("no header", f".{body}.{signature}"), ("plus for minus", good.replace("-", "+").replace("_", "/")),
    ]:
        if text != good:
            # joserfc decodes leniently in places; a second spelling of a token is refused here.
            yield what, text, {"stricter": True}
    duplicate = b64(b'{"alg":"%s","alg":"%s","kid":"k"}' % (algorithm.encode(), algorithm.encode()))
    yield "duplicate alg", f"{duplicate}.{body}.{signature}", {}


def main() -> None:
    groups = []
    for algorithm in ALGORITHMS:
        key = make_key(algorithm)
        secret = algorithm[0] == "H"
        group = {"alg": algorithm, "jwks": {"keys": [key.as_dict(private=secret) | {"alg": algorithm}]}, "tokens": []}
        if algorithm in LIBJWT:
            group["libjwt_key"] = key.raw_value.decode() if secret else key.as_pem(private=False).decode()
        for what, token, flags in tokens(algorithm, key):
            group["tokens"].append({"what": what, "token": token, "valid": verdict(token, key, algorithm)} | flags)
        groups.append(group)
    with open(sys.argv[1], "w") as output:
        json.dump(groups, output)
    total = sum(len(group["tokens"]) for group in groups)
    valid = sum(entry["valid"] for group in groups for entry in group["tokens"])
    print(f"{total} tokens, {valid} of them valid for joserfc")


main()
