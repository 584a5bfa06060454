// Type variables and assignability (language definition, "Gradual Type Checking").

struct TypeUnifier {
    /// What type variables stand for.
    private var bindings: [String: CELType] = [:]
    private var fresh = 0

    mutating func freshVariable() -> CELType {
        fresh += 1
        return .parameter("_\(fresh)")
    }

    /// A copy of an overload's types with variables of its own.
    mutating func instantiate(_ types: [CELType]) -> [CELType] {
        var names: [String: CELType] = [:]
        return types.map { instantiate($0, &names) }
    }

    private mutating func instantiate(_ type: CELType, _ names: inout [String: CELType]) -> CELType {
        switch type {
        case .parameter(let name):
            if let known = names[name] { return known }
            let variable = freshVariable()
            names[name] = variable
            return variable
        case .list(let element): return .list(instantiate(element, &names))
        case .map(let key, let value): return .map(key: instantiate(key, &names), value: instantiate(value, &names))
        case .type(let inner): return .type(instantiate(inner, &names))
        case .opaque(let name, let arguments): return .opaque(name, arguments.map { instantiate($0, &names) })
        case .nullable(let inner): return .nullable(instantiate(inner, &names))
        default: return type
        }
    }

    /// With every known variable replaced. `final`: unknown ones become `dyn`.
    func resolve(_ type: CELType, final: Bool = false) -> CELType {
        switch type {
        case .parameter(let name):
            if let bound = bindings[name] { return resolve(bound, final: final) }
            return final ? .dyn : type
        case .list(let element): return .list(resolve(element, final: final))
        case .map(let key, let value):
            return .map(key: resolve(key, final: final), value: resolve(value, final: final))
        case .type(let inner): return .type(resolve(inner, final: final))
        case .opaque(let name, let arguments): return .opaque(name, arguments.map { resolve($0, final: final) })
        case .nullable(let inner): return .nullable(resolve(inner, final: final))
        default: return type
        }
    }

    /// Whether all of `from` can be used where `to` is wanted; binds variables only when they all can.
    mutating func assign(_ from: [CELType], to: [CELType]) -> Bool {
        let saved = bindings
        for (a, b) in zip(from, to) where !assign(a, b) {
            bindings = saved
            return false
        }
        return true
    }

    mutating func isAssignable(_ from: CELType, _ to: CELType) -> Bool { assign([from], to: [to]) }

    private mutating func assign(_ from: CELType, _ to: CELType) -> Bool {
        let from = shallow(from)
        let to = shallow(to)
        if from == to { return true }
        switch (from, to) {
        case (_, .parameter(let name)): return bind(name, from)
        case (.parameter(let name), _): return bind(name, to)
        case (.dyn, _), (_, .dyn), (.error, _), (_, .error): return true
        case (.null, .nullable), (.null, .object), (.null, .timestamp), (.null, .duration), (.null, .opaque):
            return true
        case (.nullable, .null), (.object, .null), (.timestamp, .null), (.duration, .null), (.opaque, .null):
            return true
        case (.nullable(let a), .nullable(let b)): return assign(a, b)
        case (.nullable(let a), _): return assign(a, to)
        case (_, .nullable(let b)): return assign(from, b)
        case (.list(let a), .list(let b)): return assign(a, b)
        case (.map(let ak, let av), .map(let bk, let bv)): return assign(ak, bk) && assign(av, bv)
        case (.type, .type): return true
        case (.opaque(let a, let aa), .opaque(let b, let ba)):
            guard a == b, aa.count == ba.count else { return false }
            for (x, y) in zip(aa, ba) where !assign(x, y) { return false }
            return true
        // A record of JSON is a map to whoever treats it as one.
        case (.object, .map(let key, let value)):
            return assign(.string, key) && assign(.dyn, value)
        default: return false
        }
    }

    private func shallow(_ type: CELType) -> CELType {
        var type = type
        while case .parameter(let name) = type, let bound = bindings[name] { type = bound }
        return type
    }

    private mutating func bind(_ name: String, _ type: CELType) -> Bool {
        // A variable that would stand for something that contains it has no type.
        guard !occurs(name, type) else { return false }
        bindings[name] = type
        return true
    }

    private func occurs(_ name: String, _ type: CELType) -> Bool {
        switch shallow(type) {
        case .parameter(let other): other == name
        case .list(let element): occurs(name, element)
        case .map(let key, let value): occurs(name, key) || occurs(name, value)
        case .type(let inner), .nullable(let inner): occurs(name, inner)
        case .opaque(_, let arguments): arguments.contains { occurs(name, $0) }
        default: false
        }
    }

    /// The type of a literal whose elements have both types: the more general one when one takes the other, else `dyn`.
    mutating func join(_ a: CELType, _ b: CELType) -> CELType {
        let x = resolve(a)
        let y = resolve(b)
        if x == y { return x }
        if case .nullable = y, isAssignable(x, y) { return y }
        if case .nullable = x, isAssignable(y, x) { return x }
        if case .null = x, isAssignable(x, y) { return y }
        if case .null = y, isAssignable(y, x) { return x }
        if isAssignable(x, y) { return moreGeneral(x, y) }
        return .dyn
    }

    private func moreGeneral(_ a: CELType, _ b: CELType) -> CELType {
        switch (a, b) {
        case (.dyn, _), (_, .dyn): .dyn
        case (.parameter, _): b
        case (_, .parameter): a
        case (.list(let x), .list(let y)): .list(moreGeneral(x, y))
        case (.map(let xk, let xv), .map(let yk, let yv)):
            .map(key: moreGeneral(xk, yk), value: moreGeneral(xv, yv))
        case (.opaque(let name, let x), .opaque(_, let y)):
            .opaque(name, zip(x, y).map { moreGeneral($0, $1) })
        default: a
        }
    }
}
