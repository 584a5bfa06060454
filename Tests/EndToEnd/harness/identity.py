"""An OpenID provider on this machine: Authlib's authorization server, with keys, outages and habits that a test chooses.

Grants, registration, codes, PKCE and the signing of tokens are Authlib's. What differs from product to product (paths,
metadata, claims) is a `Product`; the ones here say what Keycloak, Auth0 and Okta publish.
"""

import json
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import Any, Callable

import httpx
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, jsonify, request
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

from .gateway import free_port
from .secrets import mark, secret

# Authlib insists on https, and rightly so; this provider never leaves the loopback interface.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
logging.getLogger("werkzeug").setLevel(logging.ERROR)

SCOPES = ["openid", "profile", "mcp:read", "mcp:write"]


@dataclass(frozen=True)
class Product:
    """What a provider of some make publishes. Paths are relative to the origin, `base` is that of the issuer."""

    base: str = "/tenant"
    metadata: tuple[str, ...] = (
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/openid-configuration",
    )
    keys: tuple[str, ...] = ("/tenant/keys",)
    authorize: str = "/tenant/authorize"
    token: str = "/tenant/token"
    register: str = "/tenant/register"
    host: str = "127.0.0.1"
    more_metadata: dict[str, Any] = field(default_factory=dict)
    #: The parameter that names the audience, None for a product that takes no such wish.
    audience_parameter: str | None = "resource"
    claims: Callable[["IdentityProvider", "Registered", str], dict[str, Any]] = lambda provider, client, scope: {}
    #: Keys that are published beside the signing keys.
    more_keys: Callable[[], list[dict[str, Any]]] = list
    #: Registration refuses what comes from a page (an Origin header).
    refuses_browsers: bool = False
    #: Clients register themselves.
    registers: bool = True
    #: Parameters on which the authorization and token endpoints err.
    refuses: tuple[str, ...] = ()


def _keycloak_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {
        "typ": "Bearer",
        "azp": client.get_client_id(),
        "sid": "8f5b3f3e-55f1-44d3-8f3c-7d1a4f6f2b1e",
        "acr": "1",
        "allowed-origins": ["/*"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-mcp"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        "email_verified": True,
        "preferred_username": "alice",
    }


def _encryption_key() -> list[dict[str, Any]]:
    """Keycloak publishes the key that clients encrypt to in the same set."""
    key = RSAKey.generate_key(2048, {"use": "enc", "alg": "RSA-OAEP"}, auto_kid=True)
    return [{**key.as_dict(private=False), "x5t": "bm90IGEgcmVhbCBjZXJ0aWZpY2F0ZQ", "x5c": ["MIICmTCCAYECBgGT"]}]


def keycloak(realm: str = "mcp") -> Product:
    base = f"/realms/{realm}"
    protocol = f"{base}/protocol/openid-connect"
    return Product(
        base=base,
        metadata=(f"{base}/.well-known/openid-configuration",),
        # The second spelling is the one that users' configurations have.
        keys=(f"{protocol}/certs", "/protocol/openid-connect/certs"),
        authorize=f"{protocol}/auth",
        token=f"{protocol}/token",
        register=f"{base}/clients-registrations/openid-connect",
        host="localhost",
        more_metadata={
            "claims_parameter_supported": True,
            "request_parameter_supported": True,
            "require_request_uri_registration": True,
            "tls_client_certificate_bound_access_tokens": True,
            "backchannel_logout_supported": True,
            "authorization_response_iss_parameter_supported": True,
            "mtls_endpoint_aliases": {},
            "acr_values_supported": ["0", "1"],
            "subject_types_supported": ["public", "pairwise"],
        },
        audience_parameter=None,
        claims=_keycloak_claims,
        more_keys=_encryption_key,
        refuses_browsers=True,
    )


def _auth0_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {"azp": client.get_client_id(), "permissions": [s for s in scope.split() if ":" in s]}


def auth0() -> Product:
    return Product(
        base="/",
        metadata=("/.well-known/openid-configuration",),
        keys=("/.well-known/jwks.json",),
        authorize="/authorize",
        token="/oauth/token",
        register="/oidc/register",
        more_metadata={
            "device_authorization_endpoint": "https://example.invalid/oauth/device/code",
            "mfa_challenge_endpoint": "https://example.invalid/mfa/challenge",
            "request_uri_parameter_supported": False,
            "global_token_revocation_endpoint_auth_methods_supported": ["global-token-revocation+jwt"],
            "subject_types_supported": ["public"],
        },
        audience_parameter="audience",
        claims=_auth0_claims,
    )


def _okta_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {"ver": 1, "cid": client.get_client_id(), "uid": "00uid4BxXw6I6TV4m0g3", "scope": None, "scp": scope.split()}


def okta() -> Product:
    """A custom authorization server of an Okta organisation."""
    base = "/oauth2/default"
    return Product(
        base=base,
        metadata=(f"{base}/.well-known/oauth-authorization-server", f"{base}/.well-known/openid-configuration"),
        keys=(f"{base}/v1/keys",),
        authorize=f"{base}/v1/authorize",
        token=f"{base}/v1/token",
        audience_parameter=None,
        claims=_okta_claims,
        registers=False,
        refuses=("resource",),
    )


def _entra_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {
        "ver": "2.0",
        "tid": TENANT,
        "oid": "00000000-0000-0000-66f3-3332eca7ea81",
        "azp": client.get_client_id(),
        "azpacr": "1",
        "roles": ["Tools.Use"],
        "scope": None,
        "scp": scope,
    }


TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def entra() -> Product:
    """A tenant of Entra ID, version 2.0: keys beside the issuer's path, PKCE known and not said, `resource` an error."""
    return Product(
        base=f"/{TENANT}/v2.0",
        metadata=(f"/{TENANT}/v2.0/.well-known/openid-configuration",),
        keys=(f"/{TENANT}/discovery/v2.0/keys",),
        authorize=f"/{TENANT}/oauth2/v2.0/authorize",
        token=f"/{TENANT}/oauth2/v2.0/token",
        more_metadata={
            "code_challenge_methods_supported": None,
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
        },
        audience_parameter=None,
        claims=_entra_claims,
        registers=False,
        refuses=("resource",),
    )


def _authentik_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {"azp": client.get_client_id(), "uid": "Qy2mXk0o", "acr": "goauthentik.io/providers/oauth2/default", "groups": ["authentik Admins"]}


def authentik() -> Product:
    """An application of authentik: the issuer ends in a slash, endpoints are shared by all applications."""
    base = "/application/o/tools"
    return Product(
        base=f"{base}/",
        metadata=(f"{base}/.well-known/openid-configuration",),
        keys=(f"{base}/jwks/",),
        authorize="/application/o/authorize/",
        token="/application/o/token/",
        more_metadata={"claims_parameter_supported": False, "subject_types_supported": ["public"]},
        audience_parameter=None,
        claims=_authentik_claims,
        registers=False,
    )


def _descope_claims(provider: "IdentityProvider", client: "Registered", scope: str) -> dict[str, Any]:
    return {"drn": "DS", "azp": client.get_client_id(), "tenants": {"T2pQ": {"roles": ["editor"], "permissions": []}}, "roles": ["editor"]}


def descope() -> Product:
    """Inbound apps of a Descope project: standard registration, the project in the issuer's path."""
    base = "/v1/apps/P2abcDEF"
    return Product(
        base=base,
        metadata=(f"{base}/.well-known/openid-configuration", f"/.well-known/oauth-authorization-server{base}"),
        keys=("/P2abcDEF/.well-known/jwks.json",),
        authorize="/oauth2/v1/apps/authorize",
        token="/oauth2/v1/apps/token",
        register="/v1/mgmt/inboundapp/app/P2abcDEF/register",
        more_metadata={"subject_types_supported": ["public"]},
        claims=_descope_claims,
    )


class Registered(ClientMixin):
    """A client by its metadata (RFC 7591)."""

    def __init__(self, info: dict[str, Any], metadata: dict[str, Any]):
        self.info, self.metadata = info, {"response_types": ["code"], **metadata}

    def get_client_id(self):
        return self.info["client_id"]

    def get_default_redirect_uri(self):
        return self.metadata["redirect_uris"][0]

    def get_allowed_scope(self, scope):
        return " ".join(s for s in (scope or "").split() if s in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in self.metadata.get("redirect_uris", [])

    def check_client_secret(self, client_secret):
        return client_secret == self.info.get("client_secret")

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.metadata.get("token_endpoint_auth_method", "client_secret_basic")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in self.metadata.get("grant_types", ["authorization_code"])


class User:
    def get_user_id(self):
        return "alice"


class Code:
    def __init__(self, **values: Any):
        self.__dict__.update(values)

    def is_expired(self):
        return False

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class IdentityProvider:
    """The provider as a server with a thread of its own. `issuer` is known before it is started."""

    def __init__(self, product: Product = Product(), started: bool = True, port: int | None = None):
        self.product = product
        self.port = port or free_port()
        self.origin = f"http://{product.host}:{self.port}"
        self.issuer = self.origin + product.base
        #: Seconds that a token lives.
        self.lifetime = 300
        #: Set to a status, every request is answered with it.
        self.failing: int | None = None
        #: Answers requests for the keys instead of the keys.
        self.keys_reply: Callable[[], Response] | None = None
        self.cache_control: str | None = "max-age=600"
        #: Claims that every token gets, over all others.
        self.overrides: dict[str, Any] = {}
        #: (method, path, parameters) of every request.
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.clients: dict[str, Registered] = {}
        self.codes: dict[str, Code] = {}
        self.default_audience: str | None = None
        self._published: list[RSAKey] = []
        self._more_keys = product.more_keys()
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.rotate()
        self._machine = {"client_id": "machine", "client_secret": secret("oidc-client")}
        metadata = {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post"}
        self.clients["machine"] = Registered(self._machine, metadata)
        self._app = self._application()
        if started:
            self.start()

    # Keys

    def rotate(self, keep: bool = True) -> None:
        """Signs with a new key from now on; the old ones stay published unless `keep` is false."""
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self._published = [key, *(self._published if keep else [])]

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self._published] + self._more_keys}

    # The server

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._server = None

    def know(self, client_id: str, redirect_uri: str) -> str:
        """Registers a client by hand, as an administrator does; returns its secret."""
        info = {"client_id": client_id, "client_secret": secret("registered-by-hand")}
        metadata = {
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_post",
        }
        self.clients[client_id] = Registered(info, metadata)
        return info["client_secret"]

    def asked(self, path: str) -> int:
        """How often a path was requested."""
        return sum(1 for _, requested, _ in self.requests if requested == path)

    # Tokens

    def token(self, scope: str = "mcp:read", audience: str | None = None, **claims: Any) -> str:
        """An access token by the client credentials grant, over the wire; `claims` go over those of the grant."""
        form = {"grant_type": "client_credentials", "scope": scope, **self._machine}
        if audience and self.product.audience_parameter:
            form[self.product.audience_parameter] = audience
        before, self.overrides = self.overrides, {**self.overrides, **claims}
        try:
            response = httpx.post(f"http://127.0.0.1:{self.port}{self.product.token}", data=form, timeout=10)
        finally:
            self.overrides = before
        assert response.status_code == 200, response.text
        return mark(response.json()["access_token"], "a token of the identity provider")

    def _metadata(self) -> dict[str, Any]:
        product = self.product
        metadata = AuthorizationServerMetadata(
            {
                "issuer": self.issuer,
                "authorization_endpoint": self.origin + product.authorize,
                "token_endpoint": self.origin + product.token,
                "jwks_uri": self.origin + product.keys[0],
                "registration_endpoint": self.origin + product.register,
                "scopes_supported": SCOPES,
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
            }
        )
        if not product.registers:
            del metadata["registration_endpoint"]
        whole = {**metadata, "id_token_signing_alg_values_supported": ["RS256"], **product.more_metadata}
        return {name: value for name, value in whole.items() if value is not None}

    def _application(self) -> Flask:
        app = Flask("identity")
        provider, product = self, self.product

        class Tokens(JWTBearerTokenGenerator):
            def get_jwks(self):
                # A set, so that the header names the key.
                return KeySet([provider._published[0]])

            def get_audiences(self, client, user, scope):
                wanted = request.values.get(product.audience_parameter) if product.audience_parameter else None
                return wanted or provider.default_audience or client.get_client_id()

            def get_extra_claims(self, client, grant_type, user, scope):
                return {**product.claims(provider, client, scope or ""), **provider.overrides}

            def access_token_generator(self, client, grant_type, user, scope):
                # Auth0 gives out a JWT only to those who name an audience.
                if product.audience_parameter == "audience" and not request.values.get("audience"):
                    return secret("opaque-token", prefix="")
                token = super().access_token_generator(client, grant_type, user, scope)
                return mark(token, "an access token")

        server = AuthorizationServer(
            app, query_client=self.clients.get, save_token=lambda token, request: None
        )
        server.register_token_generator(
            "default", Tokens(self.issuer, expires_generator=lambda client, grant_type: provider.lifetime)
        )

        class Codes(grants.AuthorizationCodeGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"]

            def save_authorization_code(self, code, oauth_request):
                payload = oauth_request.payload
                provider.codes[code] = Code(
                    code=code,
                    client_id=oauth_request.client.get_client_id(),
                    redirect_uri=payload.redirect_uri,
                    scope=oauth_request.client.get_allowed_scope(payload.scope),
                    audience=request.values.get(product.audience_parameter or ""),
                    code_challenge=payload.data.get("code_challenge"),
                    code_challenge_method=payload.data.get("code_challenge_method"),
                )

            def query_authorization_code(self, code, client):
                found = provider.codes.get(code)
                return found if found and found.client_id == client.get_client_id() else None

            def delete_authorization_code(self, authorization_code):
                del provider.codes[authorization_code.code]

            def authenticate_user(self, authorization_code):
                return User()

        class Machines(grants.ClientCredentialsGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post", "client_secret_basic"]

        class Registration(ClientRegistrationEndpoint):
            def authenticate_token(self, oauth_request):
                return "anybody"

            def get_server_metadata(self):
                return provider._metadata()

            def generate_client_secret(self, oauth_request):
                return secret("registered-client")

            def save_client(self, client_info, client_metadata, oauth_request):
                if client_metadata.get("token_endpoint_auth_method") == "none":
                    del client_info["client_secret"], client_info["client_secret_expires_at"]
                client = Registered(client_info, client_metadata)
                provider.clients[client_info["client_id"]] = client
                return client

        server.register_grant(Codes, [CodeChallenge(required=True)])
        server.register_grant(Machines)
        server.register_endpoint(Registration)

        @app.before_request
        def on_record():
            provider.requests.append((request.method, request.path, request.values.to_dict()))
            if provider.failing:
                return Response("down for maintenance", provider.failing)
            if request.path in (product.authorize, product.token) and set(product.refuses) & set(request.values):
                return jsonify(error="invalid_request", error_description="unknown parameter"), 400
            return None

        def metadata():
            return jsonify(provider._metadata())

        def keys():
            if provider.keys_reply:
                return provider.keys_reply()
            headers = {"Cache-Control": provider.cache_control} if provider.cache_control else {}
            return Response(json.dumps(provider.jwks), headers=headers, content_type="application/json")

        def authorize():
            # Alice is logged in and agrees to everything.
            try:
                grant = server.get_consent_grant(end_user=User())
            except OAuth2Error as error:
                return server.handle_error_response(None, error)
            return server.create_authorization_response(grant_user=User(), grant=grant)

        def register():
            if product.refuses_browsers and request.headers.get("Origin"):
                return jsonify(error="insufficient_scope", error_description="Policy 'Trusted Hosts' rejected request"), 403
            return server.create_endpoint_response(Registration.ENDPOINT_NAME)

        for path in product.metadata:
            app.add_url_rule(path, path, metadata)
        for path in product.keys:
            app.add_url_rule(path, path, keys)
        app.add_url_rule(product.authorize, "authorize", authorize)
        app.add_url_rule(product.token, "token", server.create_token_response, methods=["POST"])
        if product.registers:
            app.add_url_rule(product.register, "register", register, methods=["POST"])
        return app
