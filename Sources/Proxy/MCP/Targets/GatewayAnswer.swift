// Answers that the gateway gives in the place of a server: for targets that speak no MCP themselves.

import JSON

enum GatewayAnswer {
    /// What `write` has written, as a value that can be passed on like a server's.
    static func value(_ write: (inout JSONWriter) -> Void) throws(TargetFailure) -> JSONValue {
        var writer = JSONWriter()
        write(&writer)
        do throws(JSONError) {
            // What a target's reply is wrapped in makes it longer and deeper.
            return try JSONDocument(
                parsing: writer.bytes, limits: JSONLimits(maximumDepth: 128, maximumBytes: MCPLimits.targetMessage * 2)
            ).root
        } catch { throw .badAnswer("\(error)") }
    }

    /// The result of `initialize` of a server that has tools and nothing else.
    static func greeting(name: String) throws(TargetFailure) -> JSONValue {
        try value { writer in
            writer.object { writer in
                writer.name("protocolVersion")
                writer.value(MCPVersion.latestLegacy.rawValue)
                writer.name("capabilities")
                writer.object { writer in
                    writer.name("tools")
                    writer.object { _ in }
                }
                writer.name("serverInfo")
                writer.object { writer in
                    writer.name("name")
                    writer.value(name)
                    writer.name("version")
                    writer.value("1")
                }
            }
        }
    }
}
