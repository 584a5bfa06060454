// What a decoder accepts, as data: the JSON Schema and the reference page are made from it, so they cannot differ from
// what the loader does.

/// The form of a value.
indirect enum Shape: Sendable {
    /// Text. `pattern` is an ECMA 262 expression for editors; the loader's own check may be stricter.
    case text(String, pattern: String? = nil)
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case boolean
    /// One of some words.
    case choice([String])
    case list(Shape, atLeast: Int = 0)
    /// Free names, one form of value.
    case map(Shape)
    case object(ObjectShape)
    /// Several forms, told apart by notation.
    case either([Shape])
    /// Anything; the text says what is made of it.
    case free(String)
}

struct ObjectShape: Sendable {
    /// The name of its definition in the schema and its heading in the reference.
    var name: String
    var summary: String
    var fields: [FieldShape]
    var rules: [FieldRule]
}

struct FieldShape: Sendable {
    enum Support: Sendable, Equatable {
        case yes
        /// Known to the format, refused by the loader.
        case notYet
    }

    var name: String
    var aliases: [String] = []
    var shape: Shape
    var isRequired = false
    /// As the reference shows it; nil: none, or said in `summary`.
    var defaultText: String?
    var summary: String
    var support = Support.yes

    var allNames: [String] { [name] + aliases }
}

/// What fields of one object have to do with each other. Names include aliases.
enum FieldRule: Sendable {
    case exactlyOne([String])
    case atMostOne([String])
}
