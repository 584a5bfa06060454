"""Times the rules of the CELBench target in the engines that Python packages bring.

A call from Python costs more than most rules, so a rule is measured alone and as nine copies joined by &&; an eighth of
the difference is the rule."""

import importlib.util
import time

RULES = {
    "a": 'jwt.scope.contains("mcp:read")',
    "b": 'jwt.sub == "test-user" && mcp.tool.name == "get-sum"',
    "c": '"admin" in jwt.realm_access.roles && request.path.startsWith("/mcp")',
    "d": 'request.headers["x-team"].matches("^(a|b|c)-[0-9]+$")',
    "e": 'jwt.groups.exists(g, g.startsWith("eng-"))',
}
COPIES = 9
INPUTS = {
    "jwt": {
        "iss": "https://issuer.example", "sub": "test-user", "aud": "agentgw", "exp": 2000000000,
        "scope": "openid profile mcp:read", "realm_access": {"roles": ["user", "admin"]},
        "groups": [f"team-{i}" for i in range(99)] + ["eng-core"],
    },
    "mcp": {"tool": {"name": "get-sum", "target": "everything"}, "methodName": "tools/call"},
    "request": {
        "path": "/mcp", "method": "POST",
        "headers": {
            "host": "gw.example", "accept": "*/*", "user-agent": "bench", "content-type": "application/json",
            "content-length": "100", "x-request-id": "1", "x-team": "b-42", "authorization": "Bearer x",
        },
    },
}


def per_call(call):
    best = float("inf")
    for _ in range(7):
        count = 2000
        start = time.process_time_ns()
        for _ in range(count):
            call()
        best = min(best, (time.process_time_ns() - start) / count)
    return best


def report(name, evaluator):
    print(name, "(ns)")
    for rule, source in RULES.items():
        one = evaluator(source)
        many = evaluator(" && ".join(f"({source})" for _ in range(COPIES)))
        assert one() is True and many() is True, (name, rule)
        print(f"{rule}\t{(per_call(many) - per_call(one)) / (COPIES - 1):.0f}")


def cel_cpp():
    from cel_expr_python import cel

    kinds = cel.Type
    environment = cel.NewEnv(variables={root: kinds.Map(kinds.STRING, kinds.DYN) for root in INPUTS})

    def evaluator(source):
        program = environment.compile(source)
        activation = environment.Activation(INPUTS)
        return lambda: program.eval(activation).value()

    report("cel-cpp (cel-expr-python)", evaluator)


def cel_rust():
    import cel

    def evaluator(source):
        program = cel.compile(source)
        return lambda: program.execute(INPUTS)

    report("cel-rust (common-expression-language)", evaluator)


for module, run in (("cel_expr_python", cel_cpp), ("cel", cel_rust)):
    if importlib.util.find_spec(module) is None:
        print(f"{module}: not installed")
        continue
    try:
        run()
    except (AttributeError, TypeError, AssertionError) as error:
        print(f"{module}: cannot be measured with this version: {error!r}")
