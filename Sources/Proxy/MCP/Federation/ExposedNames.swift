// What clients call things, and what targets call them. Target names hold neither `_` nor `+`, so that the first one in
// an exposed name ends the target's part, whatever follows.

struct ExposedNames {
    let backend: CompiledMCP

    /// URIs and ids of tasks carry their target's name as soon as there is a choice, whatever tools do: they have no
    /// table.
    var wrapsURIs: Bool { backend.targets.count > 1 }

    func name(_ name: String, of target: Int) -> String {
        backend.isPrefixed ? "\(backend.targets[target].name)_\(name)" : name
    }

    /// A URI, or the id of a task.
    func uri(_ uri: String, of target: Int) -> String {
        wrapsURIs ? "\(backend.targets[target].name)+\(uri)" : uri
    }

    enum Resolution {
        case found(target: Int, name: String)
        /// Names are bare and there are several targets: only their lists know whose it is.
        case needsLists
        case unknown
    }

    /// A tool's or a prompt's name.
    func resolve(name: String) -> Resolution {
        guard backend.isPrefixed else {
            return backend.targets.count == 1 ? .found(target: 0, name: name) : .needsLists
        }
        guard let (target, rest) = split(name, at: UInt8(ascii: "_")) else { return .unknown }
        return .found(target: target, name: rest)
    }

    func resolve(uri: String) -> (target: Int, uri: String)? {
        wrapsURIs ? split(uri, at: UInt8(ascii: "+")) : (0, uri)
    }

    private func split(_ text: String, at separator: UInt8) -> (Int, String)? {
        let bytes = text.utf8
        guard let end = bytes.firstIndex(of: separator), let target = backend.byName[String(text[..<end])] else {
            return nil
        }
        let rest = text[bytes.index(after: end)...]
        return rest.isEmpty ? nil : (target, String(rest))
    }
}
