// The inputs of a rule as JSON, for decision records: the attributes that the rules name and no others, credentials
// redacted.

import JSON

extension RuleInputs {
    /// Longer strings are cut in records; a rule that turns on the end of one is replayed from a file instead.
    static let maximumRenderedBytes = 1024

    /// Writes the value of an attribute. False, with nothing written, when the request has none.
    func write(_ path: AttributePath, into writer: inout JSONWriter) -> Bool {
        switch (path.root, path.names.first) {
        case ("request", let name?): return writeRequest(name, path.names.dropFirst().first, into: &writer)
        case ("source", let name?): return writeSource(name, into: &writer)
        case ("destination", "address"?): return write(request.destinationAddress, into: &writer)
        case ("destination", "port"?): return write(int: request.destinationPort, into: &writer)
        case ("basicAuth", "username"?): return write(principal.user, into: &writer)
        case ("jwt", _):
            guard let token = principal.token, path.names.first != "rawToken" else { return false }
            return write(token.claims.root, path.names[...], into: &writer)
        case ("apiKey", let name?):
            guard let member = principal.apiKey?.metadata.first(where: { $0.name == name }) else { return false }
            guard path.names.count > 1 else {
                writer.value(member.value)
                return true
            }
            guard let value = member.value.member(path.names[1...]) else { return false }
            writer.value(value)
            return true
        case ("mcp", let name?):
            guard let mcp else { return false }
            return writeMCP(mcp, name, path.names.dropFirst(), into: &writer)
        case ("a2a", let name?):
            guard let a2a else { return false }
            switch name {
            case "method": return write(a2a.method, into: &writer)
            case "skill": return write(a2a.skill, into: &writer)
            case "taskId": return write(a2a.taskID, into: &writer)
            case "contextId": return write(a2a.contextID, into: &writer)
            case "message": return a2a.message.map { write($0, path.names.dropFirst(), into: &writer) } ?? false
            case "params": return a2a.params.map { write($0, path.names.dropFirst(), into: &writer) } ?? false
            default: return false
            }
        case ("llm", let name?):
            guard let llm else { return false }
            switch name {
            case "provider": return write(llm.provider, into: &writer)
            case "requestModel": return write(llm.requestModel, into: &writer)
            case "model": return write(llm.model, into: &writer)
            case "streaming":
                writer.value(llm.streaming)
                return true
            case "params": return llm.params.map { write($0, path.names.dropFirst(), into: &writer) } ?? false
            default: return false
            }
        case ("backend", "name"?): return write(backend?.name, into: &writer)
        case ("backend", "type"?): return write(backend?.type, into: &writer)
        default: return false
        }
    }

    private func writeRequest(_ name: String, _ inner: String?, into writer: inout JSONWriter) -> Bool {
        switch name {
        case "method": return write(request.method, into: &writer)
        case "scheme": return write(request.scheme, into: &writer)
        case "host": return write(request.authority, into: &writer)
        case "path": return write(request.path, into: &writer)
        // Queries carry tokens and codes; the path says enough.
        case "query", "pathAndQuery", "uri": return redacted(into: &writer)
        case "version": return write(request.protocolVersion, into: &writer)
        case "startTime": return write(int: Int(startTime.milliseconds), into: &writer)
        case "headers":
            guard let inner else { return redacted(into: &writer) }
            let key = HeaderKey(inner)
            guard let first = request.header(key, from: 0) else { return false }
            if GatewayAttributes.secretHeaders.contains(key.name) { return redacted(into: &writer) }
            guard let second = request.header(key, from: first.index + 1) else {
                return write(first.value, into: &writer)
            }
            writer.array { writer in
                _ = write(first.value, into: &writer)
                var next: (index: Int, value: ByteRun)? = second
                while let field = next {
                    _ = write(field.value, into: &writer)
                    next = request.header(key, from: field.index + 1)
                }
            }
            return true
        default: return false
        }
    }

    private func writeSource(_ name: String, into writer: inout JSONWriter) -> Bool {
        let certificate = request.tls?.clientCertificate
        switch name {
        case "address": return write(request.sourceAddress, into: &writer)
        case "port": return write(int: request.sourcePort, into: &writer)
        case "tls":
            writer.value(request.tls != nil)
            return true
        case "commonName": return write(certificate?.commonName, into: &writer)
        case "spiffeID": return write(certificate?.spiffeID, into: &writer)
        case "dnsNames": return write(certificate?.dnsNames, into: &writer)
        case "uris": return write(certificate?.uris, into: &writer)
        default: return false
        }
    }

    private func writeMCP(
        _ mcp: MCPAttributes, _ name: String, _ inner: ArraySlice<String>, into writer: inout JSONWriter
    ) -> Bool {
        switch (name, inner.first) {
        case ("method", _), ("methodName", _): return write(mcp.method, into: &writer)
        case ("target", _): return write(mcp.target, into: &writer)
        // A session id is what a session is stolen with.
        case ("sessionId", _): return mcp.sessionID == nil ? false : redacted(into: &writer)
        // Which of them a message is about; what is in it is told by the paths below.
        case ("tool", nil): return write(subject: mcp.tool?.name, mcp.tool?.target, into: &writer)
        case ("prompt", nil): return write(subject: mcp.prompt?.name, mcp.prompt?.target, into: &writer)
        case ("resource", nil): return write(subject: mcp.resource?.uri, mcp.resource?.target, into: &writer)
        case ("client", nil): return write(subject: mcp.client.map { $0.name ?? "" }, nil, into: &writer)
        case ("tool", "name"?): return write(mcp.tool?.name, into: &writer)
        case ("tool", "target"?): return write(mcp.tool?.target, into: &writer)
        case ("tool", "arguments"?): return write(mcp.tool?.arguments, inner.dropFirst(), into: &writer)
        case ("tool", "annotations"?):
            return mcp.tool?.annotations.map { write($0, inner.dropFirst(), into: &writer) } ?? false
        case ("tool", "pinned"?):
            guard let pinned = mcp.tool?.pinned else { return false }
            writer.value(pinned)
            return true
        case ("prompt", "name"?): return write(mcp.prompt?.name, into: &writer)
        case ("prompt", "target"?): return write(mcp.prompt?.target, into: &writer)
        case ("prompt", "arguments"?): return write(mcp.prompt?.arguments, inner.dropFirst(), into: &writer)
        case ("resource", "name"?), ("resource", "uri"?): return write(mcp.resource?.uri, into: &writer)
        case ("resource", "target"?): return write(mcp.resource?.target, into: &writer)
        case ("client", "name"?): return write(mcp.client?.name, into: &writer)
        case ("client", "version"?): return write(mcp.client?.version, into: &writer)
        default: return false
        }
    }

    private func write(subject name: String?, _ target: String?, into writer: inout JSONWriter) -> Bool {
        guard let name else { return false }
        writer.object { writer in
            writer.name("name")
            _ = write(name, into: &writer)
            guard let target else { return }
            writer.name("target")
            _ = write(target, into: &writer)
        }
        return true
    }

    // MARK: Values

    private func redacted(into writer: inout JSONWriter) -> Bool {
        writer.value(Secret.placeholder)
        return true
    }

    private func write(int: Int, into writer: inout JSONWriter) -> Bool {
        writer.value(int)
        return true
    }

    private func write(_ run: ByteRun, into writer: inout JSONWriter) -> Bool {
        write(String(decoding: run, as: UTF8.self), into: &writer)
    }

    private func write(_ text: String?, into writer: inout JSONWriter) -> Bool {
        guard let text else { return false }
        let isLong = text.utf8.count > Self.maximumRenderedBytes
        writer.value(
            isLong ? String(decoding: text.utf8.prefix(Self.maximumRenderedBytes), as: UTF8.self) + "…" : text)
        return true
    }

    private func write(_ texts: [String]?, into writer: inout JSONWriter) -> Bool {
        guard let texts else { return false }
        writer.array { writer in for text in texts { writer.value(text) } }
        return true
    }

    private func write(_ value: RuleValue?, _ names: ArraySlice<String>, into writer: inout JSONWriter) -> Bool {
        guard case .json(let json) = value else { return false }
        return write(json, names, into: &writer)
    }

    private func write(_ json: JSONValue, _ names: ArraySlice<String>, into writer: inout JSONWriter) -> Bool {
        var value = json
        for name in names {
            guard let member = value[name] else { return false }
            value = member
        }
        if let text = value.string { return write(text, into: &writer) }
        writer.value(value)
        return true
    }
}

extension MetadataValue {
    /// What stands below the names of members.
    fileprivate func member(_ names: ArraySlice<String>) -> MetadataValue? {
        guard let name = names.first else { return self }
        guard case .object(let members) = self, let member = members.first(where: { $0.name == name }) else {
            return nil
        }
        return member.value.member(names.dropFirst())
    }
}
