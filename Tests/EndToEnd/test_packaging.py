"""What is shipped beside the binary: the unit, the container's recipe, the Kubernetes example, completions, help."""

import os
import re
import subprocess

import pytest
import yaml

from harness.gateway import BINARY, ROOT, run
from harness.secrets import secret

PACKAGING = ROOT / "packaging"


def test_unit_is_sound_and_tight(tmp_path):
    # The unit names the installed binary; verification wants it to be there.
    unit = tmp_path / "agentgw.service"
    unit.write_text((PACKAGING / "agentgw.service").read_text().replace("/usr/local/bin/agentgw", str(BINARY)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-400:]


def test_container_recipe_is_made_of_known_instructions_and_sources_that_exist():
    text = re.sub(r"\\\n", " ", (PACKAGING / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"ARG", "FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    words = [line.split()[0] for line in lines]
    assert set(words) <= known and words.count("FROM") == 2
    stages = [line.split()[-1] for line in lines if line.startswith("FROM") and " AS " in line]
    for line in (line for line in lines if line.startswith("COPY --from=")):
        assert line.split("=", 1)[1].split()[0] in stages
    # Whoever runs the last stage is no root, and the command is the one that is documented.
    assert lines[-7 + words[-7:].index("USER")].split()[1].split(":")[0] != "0"
    assert any(line == 'ENTRYPOINT ["/usr/local/bin/agentgw"]' for line in lines)
    # What the build stage installs is what a build needs.
    wanted = re.search(r'^build="(.*)"$', (ROOT / "scripts" / "setup.sh").read_text(), re.MULTILINE)[1].split()
    assert set(wanted) <= set(text.split())


def test_kubernetes_example_satisfies_its_schemas_and_its_configuration_loads(tmp_path):
    import kubernetes_validate

    documents = list(yaml.safe_load_all((PACKAGING / "kubernetes.yaml").read_text()))
    assert [d["kind"] for d in documents] == ["ConfigMap", "Secret", "Deployment", "Service", "PodDisruptionBudget"]
    for document in documents:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    file = tmp_path / "gateway.yaml"
    file.write_text(documents[0]["data"]["gateway.yaml"])
    environment = {name: secret(name) for name in documents[1]["stringData"]}
    code, out, err = run(["-f", str(file), "--validate-only"], tmp_path, environment)
    assert code == 0, out + err


def test_bash_completes_commands_and_options(tmp_path):
    code, script, _ = run(["--generate-completion-script", "bash"], tmp_path)
    assert code == 0
    file = tmp_path / "agentgw.bash"
    file.write_text(script)
    ask = f"""
        PATH={BINARY.parent}:$PATH; source {file}
        complete -p agentgw
        COMP_WORDS=(agentgw ""); COMP_CWORD=1; COMP_LINE="agentgw "; COMP_POINT=8
        $(complete -p agentgw | sed 's/.*-F \\([^ ]*\\).*/\\1/') agentgw "" agentgw
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert {"check-policy", "import", "demo", "token", "schema"} <= set(done.stdout.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(tmp_path, shell):
    code, script, _ = run(["--generate-completion-script", shell], tmp_path)
    assert code == 0 and "check-policy" in script


def test_every_command_has_help_and_says_errors_on_standard_error(tmp_path):
    pending, seen = [[]], 0
    while pending:
        command = pending.pop()
        code, out, err = run([*command, "--help"], tmp_path)
        assert code == 0 and "USAGE:" in out and not err, command
        assert "\x1b" not in out
        seen += 1
        section = re.search(r"^SUBCOMMANDS:\n(.*?)(?:\n\n|\Z)", out, re.MULTILINE | re.DOTALL)
        names = re.findall(r"^  ([a-z][a-z-]*)", section[1], re.MULTILINE) if section else []
        pending += [[*command, name] for name in names if name != "help"]
    assert seen >= 12
    code, out, err = run(["--no-such-option"], tmp_path)
    assert code != 0 and not out and "no-such-option" in err
