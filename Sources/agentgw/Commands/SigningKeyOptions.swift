// Which key `agentgw token` signs with: a file, or one that is made once and kept.

import ArgumentParser
import Auth
import CLinux
import Glibc

struct SigningKeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A private key in PEM, or the secret of an HS algorithm.", valueName: "FILE"),
        completion: .file())
    var key: String?

    @Option(help: ArgumentHelp("The algorithm; by default what the key is for, or ES256.", valueName: "ALG"))
    var alg: JWSAlgorithm?

    /// The chosen key; when none was chosen, all that are kept (a set verifies what any of them has signed).
    func resolveAll() throws(AuthError) -> [ResolvedSigningKey] {
        guard key == nil, alg == nil else { return [try resolve()] }
        let folder = DevelopmentKeyFolder()
        var keys = [try ResolvedSigningKey.development(.es256, in: folder)]
        if access(try folder.path(DevelopmentKeyFolder.rsaName), F_OK) == 0 {
            keys.append(try .development(.rs256, in: folder))
        }
        return keys
    }

    func resolve() throws(AuthError) -> ResolvedSigningKey {
        guard let key else { return try .development(alg ?? .es256, in: DevelopmentKeyFolder()) }
        switch FileReader.system.read(key, 64 << 10) {
        case .failure(let failure): throw .key("cannot read \(key): \(failure.message)")
        case .success(let bytes): return try ResolvedSigningKey(Secret(bytes: bytes), algorithm: alg)
        }
    }
}

/// A key with the algorithm it signs.
struct ResolvedSigningKey {
    private let material: Secret
    /// nil: a symmetric secret.
    private let pair: SigningKey?
    private let algorithm: JWSAlgorithm

    /// - Parameter algorithm: nil: the first that the key can sign.
    init(_ material: Secret, algorithm: JWSAlgorithm?) throws(AuthError) {
        if let algorithm, algorithm.isSymmetric {
            self.material = Secret(bytes: material.withBytes { Array($0) }.trimmingASCIIWhitespace)
            self.algorithm = algorithm
            pair = nil
            return
        }
        let pair = try SigningKey(pem: material)
        guard let algorithm = algorithm ?? pair.algorithms.first else {
            throw .key("the key is of a type that signs no JSON Web Token")
        }
        self.material = material
        self.pair = pair
        self.algorithm = algorithm
    }

    func signer() throws(AuthError) -> TokenSigner {
        try TokenSigner(key: material, algorithm: algorithm, keyID: try pair?.thumbprint())
    }

    /// JSON text of a key set with this key.
    func publicKeySet() throws(AuthError) -> String {
        guard let pair else { throw .key("a symmetric secret has no public half") }
        return try pair.publicKeySet(keyID: try pair.thumbprint(), algorithm: algorithm)
    }

    /// JSON text of a key set with all these keys.
    static func publicKeySet(_ keys: [ResolvedSigningKey]) throws(AuthError) -> String {
        var members: [String] = []
        for key in keys {
            let set = try key.publicKeySet()
            guard set.hasPrefix("{\"keys\":["), set.hasSuffix("]}") else { throw .key("a key set of unknown form") }
            members.append(String(set.dropFirst(9).dropLast(2)))
        }
        return "{\"keys\":[\(members.joined(separator: ","))]}"
    }

    /// The kept key of the algorithm's kind, made now when there is none.
    static func development(
        _ algorithm: JWSAlgorithm, in folder: DevelopmentKeyFolder
    ) throws(AuthError) -> ResolvedSigningKey {
        let form: SigningKey.Form
        switch algorithm {
        case .es256: form = .es256
        case .rs256, .rs384, .rs512: form = .rs256
        default: throw .key("a key is made for ES256 and RS* only; give one with --key")
        }
        let path = try folder.path(form == .es256 ? DevelopmentKeyFolder.es256Name : DevelopmentKeyFolder.rsaName)
        if let bytes = try? FileReader.system.read(path, 64 << 10).get() {
            return try ResolvedSigningKey(Secret(bytes: bytes), algorithm: algorithm)
        }
        try folder.keep(try SigningKey.generate(form).pem(), at: path)
        // Read back: another process may have been faster.
        guard let bytes = try? FileReader.system.read(path, 64 << 10).get() else { throw .key("cannot read \(path)") }
        return try ResolvedSigningKey(Secret(bytes: bytes), algorithm: algorithm)
    }
}

extension JWSAlgorithm {
    fileprivate var isSymmetric: Bool { self == .hs256 || self == .hs384 || self == .hs512 }
}

/// `$XDG_STATE_HOME/agentgw`, or `~/.local/state/agentgw`; readable by its owner only.
struct DevelopmentKeyFolder {
    static let es256Name = "token-es256.pem"
    static let rsaName = "token-rsa.pem"

    private let variables: Environment

    init(variables: Environment = .process) {
        self.variables = variables
    }

    func path(_ name: String) throws(AuthError) -> String {
        // The XDG specification: a relative path is to be ignored.
        if let state = variables.lookup("XDG_STATE_HOME"), state.hasPrefix("/") { return "\(state)/agentgw/\(name)" }
        guard let home = variables.lookup("HOME"), home.hasPrefix("/") else {
            throw .key("no place to keep a key: neither XDG_STATE_HOME nor HOME is set; give one with --key")
        }
        return "\(home)/.local/state/agentgw/\(name)"
    }

    /// Writes a file that nobody else can read and that is complete from the moment it has its name. One that is there
    /// already stays.
    func keep(_ secret: Secret, at path: String) throws(AuthError) {
        var at = path.startIndex
        while let slash = path[path.index(after: at)...].firstIndex(of: "/") {
            at = slash
            if mkdir(String(path[..<slash]), 0o700) != 0, errno != EEXIST {
                throw .key("cannot make \(path[..<slash]): \(String(cString: strerror(errno)))")
            }
        }
        let draft = "\(path).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .key("cannot write \(draft): \(String(cString: strerror(errno)))") }
        let written = secret.withBytes { write(descriptor, $0.baseAddress, $0.count) }
        let flushed = fsync(descriptor)
        close(descriptor)
        defer { unlink(draft) }
        guard written == secret.count, flushed == 0 else { throw .key("cannot write \(draft)") }
        if link(draft, path) != 0, errno != EEXIST {
            throw .key("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
