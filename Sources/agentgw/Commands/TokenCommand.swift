// `agentgw token`: a signed JSON Web Token for trying things out, and the key set that verifies it.

import ArgumentParser
import Auth
import Glibc
import JSON

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Sign a JSON Web Token.",
        usage: """
            agentgw token [--key FILE] [--alg ALG] [--issuer I] [--audience A]... [--claim NAME=JSON]... [--expires-in 1h]
            agentgw token jwks [--key FILE]
            """,
        discussion: """
            Without --key a key is made once and kept in the user's state folder; `agentgw token jwks` prints its public
            half for `jwtAuth`. Example:
              agentgw token --issuer https://dev.example --audience gateway --claim 'scope="mcp:read"'
            """, subcommands: [TokenJWKSCommand.self])

    @OptionGroup var key: SigningKeyOptions

    @Option(help: ArgumentHelp("The claim iss.", valueName: "ISSUER"))
    var issuer = "agentgw"

    @Option(help: ArgumentHelp("An entry of the claim aud; may be repeated.", valueName: "AUDIENCE"))
    var audience: [String] = []

    @Option(
        help: ArgumentHelp("A claim with a JSON value; may be repeated.", valueName: "NAME=JSON"),
        transform: ClaimArgument.init(parsing:))
    var claim: [ClaimArgument] = []

    @Option(help: ArgumentHelp("How long the token is valid.", valueName: "DURATION"))
    var expiresIn = DurationArgument(duration: .seconds(3600))

    func run() throws {
        let now = Int64(time(nil))
        let claims = try Self.claims(
            issuer: issuer, audience: audience, extra: claim, now: now, lifetime: expiresIn.duration)
        do throws(AuthError) {
            print(try key.resolve().signer().sign(claims: claims))
        } catch {
            StandardError.write("agentgw: \(error)\n")
            throw ExitCode(1)
        }
    }

    /// The claims as JSON text. A `--claim` replaces what the other options say.
    static func claims(
        issuer: String, audience: [String], extra: [ClaimArgument], now: Int64, lifetime: Duration
    ) throws(ValidationError) -> String {
        var members: [(name: String, json: String)] = [("iss", FreeJSON.text(.string(issuer)))]
        switch audience.count {
        case 0: break
        case 1: members.append(("aud", FreeJSON.text(.string(audience[0]))))
        default: members.append(("aud", FreeJSON.text(.list(audience.map { .string($0) }))))
        }
        members.append(("iat", String(now)))
        members.append(("exp", String(now + lifetime.components.seconds)))
        var seen: Set<String> = []
        for claim in extra {
            guard seen.insert(claim.name).inserted else {
                throw ValidationError("--claim \(claim.name) is given twice")
            }
            if let index = members.firstIndex(where: { $0.name == claim.name }) {
                members[index].json = claim.json
            } else {
                members.append((claim.name, claim.json))
            }
        }
        return "{" + members.map { "\(FreeJSON.text(.string($0.name))):\($0.json)" }.joined(separator: ",") + "}"
    }
}

struct TokenJWKSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jwks", abstract: "Print the key set that verifies the tokens.")

    @OptionGroup var key: SigningKeyOptions

    func run() throws {
        do throws(AuthError) {
            print(try ResolvedSigningKey.publicKeySet(try key.resolveAll()))
        } catch {
            StandardError.write("agentgw: \(error)\n")
            throw ExitCode(1)
        }
    }
}

/// `NAME=JSON`
struct ClaimArgument {
    var name: String
    var json: String

    init(parsing argument: String) throws {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
            throw ValidationError("a claim is written NAME=JSON")
        }
        name = String(argument[..<equals])
        json = String(argument[argument.index(after: equals)...])
        do throws(JSONError) {
            _ = try JSONDocument(parsing: json)
        } catch {
            throw ValidationError("the value of \(name) is not JSON (\(error)); text needs quotes: '\(name)=\"text\"'")
        }
    }
}

struct DurationArgument: ExpressibleByArgument {
    var duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard let duration = DurationText.parse(argument), duration >= .seconds(1), duration <= DurationText.maximum
        else {
            return nil
        }
        self.duration = duration
    }

    var defaultValueDescription: String { "\(duration.components.seconds / 3600)h" }
}

extension JWSAlgorithm: ExpressibleByArgument {
    public init?(argument: String) { self.init(rawValue: argument) }
    public static var allValueStrings: [String] { allCases.map(\.rawValue) }
}
