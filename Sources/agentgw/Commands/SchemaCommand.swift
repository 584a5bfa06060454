// `agentgw schema`: the JSON Schema of the configuration, for editors.

import ArgumentParser

struct SchemaCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, markdown
    }

    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of the configuration, or its reference page.",
        discussion: """
            Editors that know the YAML language server complete and check a file that begins with
              # yaml-language-server: $schema=agentgw.schema.json
            """)

    @Option(help: "json, or markdown for the reference page.")
    var format = Format.json

    func run() {
        switch format {
        case .json: print(JSONSchemaWriter.schema(of: Declarations.root.shape))
        case .markdown: print(ReferenceWriter.page(of: Declarations.root.shape), terminator: "")
        }
    }
}
