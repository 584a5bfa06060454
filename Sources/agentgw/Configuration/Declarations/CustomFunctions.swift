// `config.customFunctions`: what the configuration adds to the language of its rules.

import Auth
import CEL

extension Declarations {
    /// Reads the functions before any rule, wherever in the file they stand.
    static func readCustomFunctions(_ root: YAMLNode, _ context: DecodingContext) {
        guard let config = root.entries?.first(where: { $0.key == "config" })?.value,
            let node = config.entries?.first(where: { $0.key == "customFunctions" })?.value
        else { return }
        context.within(key: "config") {
            context.within(key: "customFunctions") {
                context.functions = customFunctions(node, context)
                context.hasBrokenFunctions = context.functions == nil
            }
        }
    }

    static let customFunctions = ValueDecoder<CustomFunctions>(.text("functions in CEL")) { node, context in
        guard let scalar = Scalars.text("functions in CEL", node, context) else { return nil }
        let text = scalar.text
        do throws(CompileError) {
            return try CustomFunctions.forRules(text.text)
        } catch {
            for finding in error.diagnostics {
                let offset = Int(finding.range.start)
                // What a variable holds may be a secret: a message about it must not quote it.
                let isInsideVariable = text.comesFromVariable(offset, in: scalar.scalar.text)
                context.report(
                    isInsideVariable ? "not a function once this variable is expanded" : finding.text, in: text,
                    at: offset, of: node)
            }
            return nil
        }
    }
}
