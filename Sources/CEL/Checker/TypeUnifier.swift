// Type variables and assignability (language definition, "Gradual Type Checking").

struct TypeUnifier {
    /// What type variables stand for, by their numbers.
    private var bindings: [CELType?] = []
    /// Bound variables in the order of binding with what they were before, so that a failed attempt is undone at the price
    /// of its own length.
    private var trail: [(number: Int32, before: CELType?)] = []

    mutating func freshVariable() -> CELType {
        bindings.append(nil)
        return .variable(Int32(bindings.count - 1))
    }

    /// The types of an overload with variables of their own.
    mutating func instantiate(_ overload: Overload) -> (parameters: [CELType], result: CELType) {
        var names: [(String, CELType)] = []
        let parameters = overload.parameters.map { instantiate($0, &names) }
        return (parameters, instantiate(overload.result, &names))
    }

    private mutating func instantiate(_ type: CELType, _ names: inout [(String, CELType)]) -> CELType {
        switch type {
        case .parameter(let name):
            if let known = names.first(where: { $0.0 == name }) { return known.1 }
            let variable = freshVariable()
            names.append((name, variable))
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
        type.hasVariables ? substitute(type, final: final) : type
    }

    private func substitute(_ type: CELType, final: Bool) -> CELType {
        switch type {
        case .variable(let number):
            if let bound = bindings[Int(number)] { return resolve(bound, final: final) }
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
        let mark = trail.count
        for index in 0..<min(from.count, to.count) where !assign(from[index], to[index]) {
            while trail.count > mark {
                let (number, before) = trail.removeLast()
                bindings[Int(number)] = before
            }
            return false
        }
        return true
    }

    mutating func isAssignable(_ from: CELType, _ to: CELType) -> Bool { assign([from], to: [to]) }

    private mutating func assign(_ from: CELType, _ to: CELType) -> Bool {
        if case .variable(let number) = last(to), let bound = bindings[Int(number)] {
            return assign(from, to: bound, of: number)
        }
        let from = shallow(from)
        let to = shallow(to)
        if from == to { return true }
        switch (from, to) {
        case (_, .variable(let number)): return bind(number, from)
        case (.variable(let number), _): return bind(number, to)
        // A variable outside of an overload was declared without a meaning.
        case (.parameter, _), (_, .parameter): return true
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

    /// A variable that stands for `bound` comes to stand for the more general type of the two: the sum of a `list(int)`
    /// and a `list(dyn)` is no `list(int)`.
    private mutating func assign(_ from: CELType, to bound: CELType, of number: Int32) -> Bool {
        guard assign(from, bound) else { return false }
        let before = resolve(bound)
        let general = moreGeneral(before, resolve(from))
        if general != before, !occurs(number, general) {
            trail.append((number, bound))
            bindings[Int(number)] = general
        }
        return true
    }

    /// The end of a chain of variables: one that stands for no other variable, or no variable.
    private func last(_ type: CELType) -> CELType {
        var type = type
        while case .variable(let number) = type, case .variable(let next)? = bindings[Int(number)] {
            type = .variable(next)
        }
        return type
    }

    private func shallow(_ type: CELType) -> CELType {
        var type = type
        while case .variable(let number) = type, let bound = bindings[Int(number)] { type = bound }
        return type
    }

    private mutating func bind(_ number: Int32, _ type: CELType) -> Bool {
        // A variable that would stand for something that contains it has no type.
        guard !occurs(number, type) else { return false }
        bindings[Int(number)] = type
        trail.append((number, nil))
        return true
    }

    private func occurs(_ number: Int32, _ type: CELType) -> Bool {
        guard type.hasVariables else { return false }
        return switch shallow(type) {
        case .variable(let other): other == number
        case .list(let element): occurs(number, element)
        case .map(let key, let value): occurs(number, key) || occurs(number, value)
        case .type(let inner), .nullable(let inner): occurs(number, inner)
        case .opaque(_, let arguments): arguments.contains { occurs(number, $0) }
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
        case (.variable, _): b
        case (_, .variable): a
        case (.null, _): b
        case (_, .null): a
        case (.nullable(let x), .nullable(let y)): .nullable(moreGeneral(x, y))
        case (.nullable, _): a
        case (_, .nullable): b
        case (.list(let x), .list(let y)): .list(moreGeneral(x, y))
        case (.map(let xk, let xv), .map(let yk, let yv)):
            .map(key: moreGeneral(xk, yk), value: moreGeneral(xv, yv))
        case (.opaque(let name, let x), .opaque(_, let y)):
            .opaque(name, zip(x, y).map { moreGeneral($0, $1) })
        default: a
        }
    }
}
