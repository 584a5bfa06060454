// What an issuer says about itself (RFC 8414, OpenID Connect Discovery): for us, where its keys are; for MCP clients
// behind a provider with quirks, the document that our proxy rewrites.

import JSON

package struct AuthorizationServerMetadata: Sendable {
    package let issuer: String
    /// An object.
    package let document: JSONValue

    /// The well-known locations of an issuer, in the order in which MCP clients try them.
    static func locations(of issuer: FetchURL) throws(AuthError) -> [FetchURL] {
        guard !issuer.target.contains("?") else { throw .configuration("the issuer '\(issuer)' has a query", .none) }
        let path = issuer.path.withoutTrailingSlash
        var texts = [
            issuer.origin + "/.well-known/oauth-authorization-server" + path,
            issuer.origin + path + "/.well-known/openid-configuration",
        ]
        if !path.isEmpty {
            texts.append(issuer.origin + "/.well-known/openid-configuration" + path)
            texts.append(issuer.origin + path + "/.well-known/oauth-authorization-server")
        }
        return try texts.map { text throws(AuthError) in try FetchURL(text) }
    }

    /// - Throws: `.keySet` for what is no metadata, or metadata of another issuer (RFC 8414 §3.3: it must be identical).
    package init(json: [UInt8], issuer: String) throws(AuthError) {
        let limits = JSONLimits(maximumDepth: 16, maximumBytes: KeySetRequest.maximumBytes)
        do throws(JSONError) {
            document = try JSONDocument(parsing: json, limits: limits).root
        } catch {
            throw .keySet("the issuer's metadata is not JSON: \(error)")
        }
        guard let stated = document["issuer"]?.string else {
            throw .keySet("the issuer's metadata does not name the issuer")
        }
        guard stated.utf8.elementsEqual(issuer.utf8) else {
            throw .keySet("the metadata is that of another issuer, '\(stated.prefix(200))'")
        }
        self.issuer = issuer
    }

    func keySetLocation() throws(AuthError) -> String {
        guard let location = document["jwks_uri"]?.string else {
            throw .keySet("the issuer's metadata has no jwks_uri")
        }
        return location
    }
}
