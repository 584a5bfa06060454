// What there is to check: the files that were named, and in folders every configuration, policy file and test table.

import Glibc

struct DiscoveryError: Error {
    var message: String
}

struct PolicyDiscovery: Sendable, Equatable {
    /// Configurations and policy files.
    private(set) var policies: [String] = []
    /// `*.test.yaml`
    private(set) var tables: [String] = []

    /// Of folders inside one another.
    private static let maximumDepth = 32
    /// Folders by device and inode: a link that leads back leads to nothing new.
    private struct Folder: Hashable {
        var device: UInt64
        var inode: UInt64
    }
    private var visited: Set<Folder> = []
    /// Of the beginning of a YAML file, to tell what it is.
    private static let peekedBytes = YAMLComposer.maximumBytes

    /// - Throws: for a path that is not there.
    static func find(_ paths: [String]) throws(DiscoveryError) -> PolicyDiscovery {
        var found = PolicyDiscovery()
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw DiscoveryError(message: "\(path): \(String(cString: strerror(errno)))")
            }
            if status.st_mode & S_IFMT == S_IFDIR {
                try found.walk(path, depth: 0)
            } else {
                found.add(path)
            }
        }
        return found
    }

    static func isTable(_ path: String) -> Bool { path.hasSuffix(".test.yaml") || path.hasSuffix(".test.yml") }

    private static func isYAML(_ path: String) -> Bool { path.hasSuffix(".yaml") || path.hasSuffix(".yml") }

    mutating func add(_ path: String) {
        if Self.isTable(path) {
            if !tables.contains(path) { tables.append(path) }
        } else if !policies.contains(path) {
            policies.append(path)
        }
    }

    private mutating func walk(_ folder: String, depth: Int) throws(DiscoveryError) {
        var place = stat()
        guard depth < Self.maximumDepth, stat(folder, &place) == 0,
            visited.insert(Folder(device: UInt64(place.st_dev), inode: UInt64(place.st_ino))).inserted
        else { return }
        guard let directory = opendir(folder) else {
            throw DiscoveryError(message: "\(folder): \(String(cString: strerror(errno)))")
        }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // Hidden files are tools' own: .git, .github, .build.
            if !name.hasPrefix(".") { names.append(name) }
        }
        closedir(directory)
        for name in names.sorted() {
            let path = folder == "." ? name : folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try walk(path, depth: depth + 1)
            } else if status.st_mode & S_IFMT != S_IFREG {
                // A pipe or a socket has no end.
                continue
            } else if Self.isTable(path) || (Self.isYAML(path) && Self.isPolicy(path)) {
                add(path)
            }
        }
    }

    /// Folders have other YAML as well. What does not parse is taken for a policy, so that a slip is not silence.
    private static func isPolicy(_ path: String) -> Bool {
        guard case .success(let bytes) = FileReader.system.read(path, peekedBytes) else { return false }
        let (root, _) = YAMLComposer.compose(YAMLSource(file: path, bytes: bytes))
        guard let root else { return true }
        let keys = Set((root.entries ?? []).map(\.key))
        // A request for `explain` has `mcp` as well, and says in it what is asked for.
        let mcp = Set((root.entries ?? []).first { $0.key == "mcp" }?.value.entries?.map(\.key) ?? [])
        let isRequest =
            !keys.isDisjoint(with: ["request", "jwt", "expect", "source", "now"])
            || !mcp.isDisjoint(with: ["tool", "prompt", "resource", "method", "arguments", "target"])
        return !keys.isDisjoint(with: ["binds", "gateways", "frontendPolicies"])
            || (keys.contains("mcp") && !keys.contains("services") && !isRequest)
            || (keys.contains("rules") && (root.entries ?? []).contains { $0.key == "rules" && $0.value.isList })
    }
}

extension YAMLNode {
    fileprivate var isList: Bool {
        if case .sequence = content { true } else { false }
    }
}
