// How messages spell the functions that the specification names for operators.

/// Operators as they are written.
enum Operators {
    static func symbol(_ function: String) -> String? {
        switch function {
        case "_&&_": "&&"
        case "_||_": "||"
        case "!_": "!"
        case "-_": "-"
        case "_==_": "=="
        case "_!=_": "!="
        case "_<_": "<"
        case "_<=_": "<="
        case "_>_": ">"
        case "_>=_": ">="
        case "_+_": "+"
        case "_-_": "-"
        case "_*_": "*"
        case "_/_": "/"
        case "_%_": "%"
        case "@in": "in"
        case "_[_]", "_[?_]": "[]"
        default: nil
        }
    }
}
