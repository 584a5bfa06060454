import Testing

@testable import Auth

struct PasswordTests {
    static let table = """
        # users
        alice:$2b$04$aPJHkNrhgGBOPou7PS84MOK6PpWE4QT2k4dlmHTQj.LL.BR2qENsK
        bob:$6$rounds=1000$02i3aecJ91sqBXRF$5KP3cRvzNBykAM5vvtcKZaUoZ2J1tl8unW9GUj.zRxZsaCKsgGE2cRXaRifYeV9O0HYg./XmoQLC5AXHUjnoV/

        carol:$6$saltsalt$P2FbZ8c7x7uytMcLIQcIRMWgUZ/Uy48LCuKu.tpI/rYWSp/cKtq.zrD46YIij/l62Sx7404pS7pgqM2usW5AU.
        """

    private func check(_ user: String, _ password: String) throws -> Bool {
        let table = try HtpasswdTable(Self.table, at: .none)
        let check = PasswordCheck(
            fingerprint: SHA256Value(words: (0, 0, 0, 0)), hash: table.hash(of: user), decoy: table.decoy,
            password: Secret(password))
        return check.run().valid
    }

    @Test(arguments: [("alice", "s3cret"), ("bob", "pa:ss\u{FC}"), ("carol", "secret2")])
    func theRightPasswordIsAccepted(_ user: String, _ password: String) throws {
        #expect(try check(user, password))
    }

    @Test(arguments: [
        ("alice", "s3cre"), ("alice", "s3cret "), ("alice", ""), ("alice", "s3cret\0"), ("bob", "s3cret"),
        ("nobody", "s3cret"), ("", ""), ("Alice", "s3cret"),
    ])
    func anyOtherIsNot(_ user: String, _ password: String) throws {
        #expect(try !check(user, password))
    }

    /// Rules compare names byte for byte, so a second spelling of a name must not be let in under it.
    @Test func aNameInAnotherUnicodeFormIsAnotherUser() throws {
        let hash = try #require(Self.table.split(separator: "\n").first { $0.hasPrefix("alice:") }).dropFirst(6)
        let table = try HtpasswdTable("jos\u{E9}:\(hash)", at: .none)
        #expect(table.hash(of: "jos\u{E9}") != nil)
        #expect(table.hash(of: "jose\u{301}") == nil)
    }

    @Test(arguments: [
        "alice:secret", "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "alice:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00",
        "alice:$1$abc$def", "alice", ":x", "alice:", "alice:$2y$31$" + String(repeating: "a", count: 53),
        "alice:$2y$05$short", "alice:$6$rounds=99999999$salt$" + String(repeating: "a", count: 86), "# nothing", "",
    ])
    func weakOrMalformedEntriesFailTheLoadWithoutShowingThem(_ text: String) {
        do {
            _ = try HtpasswdTable(text, at: .none)
            Issue.record("accepted")
        } catch {
            #expect(!error.description.contains("5en6G6"))
            #expect(!error.description.contains("secret"))
        }
    }
}
