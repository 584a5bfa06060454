"""The admin port: who may use it, what it tells and changes; and its page in a real browser."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import Gateway, free_port
from harness.waiting import deadline, until


@pytest.fixture
def administered(start):
    def begin(config: dict, environment: dict[str, str] | None = None) -> Gateway:
        port = free_port()
        gateway = start(
            {**config, "config": {**config.get("config", {}), "adminAddr": f"127.0.0.1:{port}"}}, environment=environment
        )
        gateway.admin_port = port
        gateway.admin = f"http://127.0.0.1:{port}"
        return gateway

    return begin


def governed(upstream: int) -> dict:
    rules = [
        {"name": "no-secrets", "deny": 'request.path.startsWith("/secret")'},
        {"name": "reads", "allow": 'request.method == "GET"'},
    ]
    return configs.plain(upstream, {"authorization": {"rules": rules}})


def test_overview_decisions_and_dump(administered, serve):
    config = governed(serve().port)
    config["binds"][0]["listeners"][0]["routes"][0]["policies"]["apiKey"] = {
        "mode": "optional",
        "keys": [{"key": "a-key-that-must-stay-inside", "metadata": {"name": "ci"}}],
    }
    gateway = administered(config)
    httpx.get(gateway.url("/open"))
    httpx.get(gateway.url("/secret/x"))
    overview = httpx.get(gateway.admin + "/api/overview").json()
    assert overview["ready"] and overview["config"]["synchronized"] and overview["binds"][0]["port"] == gateway.port
    route = overview["binds"][0]["listeners"][0]["routes"][0]
    assert route["backends"][0]["kind"] == "http" and "rules" in route["policies"]
    recent = httpx.get(gateway.admin + "/api/decisions").json()
    denied = next(r for r in recent if r["verdict"] == "deny")
    assert denied["rule"]["id"] == "no-secrets" and len(recent) == 2
    dump = httpx.get(gateway.admin + "/config_dump")
    assert dump.status_code == 200 and dump.json()["configuration"]["binds"]
    assert "a-key-that-must-stay-inside" not in dump.text + json.dumps(overview) + json.dumps(recent)
    why = httpx.post(gateway.admin + "/api/explain", json={"record": denied}).json()
    assert why["verdict"] == "deny" and why["stages"][0]["levels"][0]["rules"][0]["deciding"]


def test_live_feed_brings_new_decisions(administered, serve):
    gateway = administered(governed(serve().port))
    with httpx.stream("GET", gateway.admin + "/api/decisions/stream", timeout=deadline(10)) as feed:
        assert feed.headers["content-type"] == "text/event-stream"
        httpx.get(gateway.url("/secret/live"))
        for line in feed.iter_lines():
            if line.startswith("data: "):
                record = json.loads(line[6:])
                assert record["verdict"] == "deny" and record["rule"]["id"] == "no-secrets"
                break
    # A feed that nobody reads any more does not hold up the end.


def test_workbench_uses_the_engine_on_the_file_and_on_an_edit(administered, serve):
    gateway = administered(governed(serve().port))

    def evaluate(path: str, config: str | None = None, method: str = "GET") -> dict:
        case = {"request": {"method": method, "path": path, "port": gateway.port}}
        reply = httpx.post(gateway.admin + "/api/evaluate", json={"case": case, "config": config} if config else {"case": case})
        assert reply.status_code == 200, reply.text
        return reply.json()

    assert evaluate("/a")["verdict"] == "allow"
    assert evaluate("/secret/a")["verdict"] == "deny"
    assert evaluate("/a", method="POST")["verdict"] == "deny"
    edited = gateway.file.read_text().replace("/secret", "/other")
    assert evaluate("/secret/a", edited)["verdict"] == "allow"
    assert httpx.get(gateway.url("/secret/a")).status_code == 403, "what runs has not changed"
    broken = httpx.post(gateway.admin + "/api/evaluate", json={"case": {"request": {"path": "/"}}, "config": "binds: 3\n"})
    assert broken.status_code == 422 and "binds" in broken.json()["error"]
    # The request may name no files of the machine.
    peek = httpx.post(gateway.admin + "/api/evaluate", json={"case": {"request": "/etc/passwd"}})
    assert peek.status_code == 422 and "root:" not in peek.text


def test_configuration_is_checked_saved_and_never_overwritten_blindly(administered, serve):
    gateway = administered(governed(serve().port))
    read = httpx.get(gateway.admin + "/api/config")
    text, tag = read.json()["text"], read.headers["etag"]
    assert text == gateway.file.read_text()
    wrong = text.replace("authorization:", "autorization:")
    report = httpx.post(gateway.admin + "/api/config/validate", json={"text": wrong}).json()
    assert not report["valid"] and report["findings"][0]["line"] > 1
    refused = httpx.put(gateway.admin + "/api/config", json={"text": wrong}, headers={"If-Match": tag})
    assert refused.status_code == 422 and gateway.file.read_text() == text
    better = text.replace("/secret", "/hidden")
    assert httpx.put(gateway.admin + "/api/config", json={"text": better}).status_code == 412
    mode = gateway.file.stat().st_mode
    saved = httpx.put(gateway.admin + "/api/config", json={"text": better}, headers={"If-Match": tag})
    assert saved.status_code == 200 and gateway.file.read_text() == better and gateway.file.stat().st_mode == mode
    until(lambda: httpx.get(gateway.url("/secret")).status_code == 200, "the saved configuration is in force")
    assert httpx.get(gateway.url("/hidden")).status_code == 403
    assert httpx.put(gateway.admin + "/api/config", json={"text": text}, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.nip.io:15000"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_reach_nothing(administered, serve, headers):
    gateway = administered(governed(serve().port))
    for method, path in (("GET", "/api/config"), ("GET", "/config_dump"), ("GET", "/api/decisions"), ("POST", "/api/evaluate")):
        reply = httpx.request(method, gateway.admin + path, headers=headers, json={} if method == "POST" else None)
        assert reply.status_code in (403, 421), (path, reply.status_code)
    text = gateway.file.read_text()
    httpx.put(gateway.admin + "/api/config", json={"text": "x"}, headers=headers)
    assert gateway.file.read_text() == text


def test_forms_and_plain_text_posts_are_refused(administered, serve):
    gateway = administered(governed(serve().port))
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        reply = httpx.post(gateway.admin + "/api/evaluate", content=b"{}", headers={"Content-Type": content_type})
        assert reply.status_code == 415


def test_another_user_of_the_machine_is_refused(administered, serve):
    gateway = administered(governed(serve().port))
    assert httpx.get(gateway.admin + "/api/config").status_code == 200
    if os.getuid() != 0:
        return  # only root can become somebody else; the gateway's own user has been let in
    # Root's own connections pass; those of nobody do not, unless the gateway runs as nobody.
    code = f"import urllib.request as u\ntry: print(u.urlopen('{gateway.admin}/api/config').status)\nexcept Exception as e: print(e)"
    run = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", code], capture_output=True, text=True
    )
    assert "403" in run.stdout, run.stdout + run.stderr


def test_a_token_is_asked_for_when_one_is_set(administered, serve):
    gateway = administered(governed(serve().port), {"AGENTGW_ADMIN_TOKEN": "a-token-of-some-length"})
    assert httpx.get(gateway.admin + "/ui").status_code == 200
    assert httpx.get(gateway.admin + "/api/config").status_code == 401
    assert httpx.get(gateway.admin + "/api/config", headers={"Authorization": "Bearer wrong-token-of-len"}).status_code == 401
    good = {"Authorization": "Bearer a-token-of-some-length"}
    assert httpx.get(gateway.admin + "/api/config", headers=good).status_code == 200


def test_an_address_for_others_needs_a_token(tmp_path, serve):
    from harness import gateway as gateways

    config = configs.plain(serve().port)
    config["binds"][0]["port"] = free_port()
    config["config"] = {"adminAddr": f"0.0.0.0:{free_port()}", "statsAddr": "off", "readinessAddr": "off"}
    file = tmp_path / "open.yaml"
    file.write_text(yaml.safe_dump(config))
    code, _, err = gateways.run(["-f", str(file)], tmp_path)
    assert code == 1 and "AGENTGW_ADMIN_TOKEN" in err


# --- the page -----------------------------------------------------------------------------------------------------

SHOTS = os.environ.get("AGENTGW_SCREENSHOTS")


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.fail("no chromium and chromedriver: run scripts/setup.sh test (packages chromium, chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1360,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver))
    yield driver
    driver.quit()


class Page:
    def __init__(self, driver, gateway: Gateway):
        self.driver, self.gateway = driver, gateway

    def open(self, name: str) -> "Page":
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(f"{self.gateway.admin}/ui#{name}")
        return self

    def text(self) -> str:
        return self.driver.find_element("id", "main").text

    def sees(self, what: str) -> None:
        until(lambda: what in self.text(), f"the page shows {what!r}; it shows {self.text()[:600]!r}", 15)

    def find(self, css: str):
        return until(lambda: self.driver.find_elements("css selector", css), css, 10)[0]

    def fill(self, css: str, value: str) -> None:
        node = self.find(css)
        node.clear()
        node.send_keys(value)

    def shot(self, name: str) -> None:
        if SHOTS:
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))

    def quiet(self) -> None:
        """Nothing was blocked by the policy of the page, nothing went wrong in its script."""
        bad = [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        bad = [entry for entry in bad if "status of 4" not in entry["message"]]
        assert not bad, bad


@pytest.fixture
def page(browser, administered, serve):
    config = governed(serve().port)
    mcp = [{"name": "everything", "builtin": "everything"}, {"name": "clock", "builtin": "time"}]
    rules = {"rules": [{"name": "no-clock", "deny": 'mcp.tool.target == "clock" && mcp.method == "tools/call"'}]}
    config["binds"][0]["listeners"][0]["routes"].insert(
        0,
        {
            "name": "tools",
            "matches": [{"path": {"pathPrefix": "/mcp"}}],
            "policies": {"mcpAuthorization": rules},
            "backends": [{"mcp": {"targets": mcp}}],
        },
    )
    gateway = administered(config)
    httpx.get(gateway.url("/open"))
    httpx.get(gateway.url("/secret/x"))
    return Page(browser, gateway)


def test_the_page_shows_routes_and_numbers(page):
    page.open("overview").sees("Routes")
    page.sees("everything, clock")
    page.sees("denied by rules")
    until(lambda: page.find("#health").text == "healthy", "it is healthy")
    page.shot("overview")
    page.find("#theme").click()
    page.shot("overview-dark")
    page.find("#theme").click()
    page.quiet()


def test_the_page_shows_decisions_as_they_come_and_why(page):
    page.open("decisions").sees("no-secrets")
    httpx.get(page.gateway.url("/secret/second"))
    until(lambda: page.text().count("no-secrets") >= 2, "the new one appears")
    rows = page.driver.find_elements("css selector", "tr.pick")
    rows[0].send_keys("\n")
    page.sees("decided")
    page.sees("What the rules read")
    page.shot("decisions")
    page.quiet()


def test_the_page_evaluates_a_request(page):
    page.open("workbench").sees("Policy workbench")
    page.fill("#w-path", "/secret/a")
    page.find("#evaluate").click()
    page.sees("decided")
    page.sees("no-secrets")
    page.shot("workbench")
    page.quiet()


def test_the_page_calls_a_tool_through_the_rules(page):
    page.open("tools")
    page.find("#connect").click()
    page.sees("everything_echo")
    row = next(r for r in page.driver.find_elements("css selector", "tr.pick") if "everything_echo" in r.text)
    row.click()
    page.fill("input[id^=arg-]", "hello from the page")
    page.find("#call").click()
    page.sees("answered")
    page.sees("hello from the page")
    page.shot("tools")
    page.quiet()


def test_the_page_edits_the_configuration(page):
    page.open("config").sees("valid")
    text = page.find(".editor textarea")
    page.driver.execute_script(
        "arguments[0].value = arguments[0].value.replace('authorization', 'autorization');"
        "arguments[0].dispatchEvent(new Event('input'))",
        text,
    )
    page.sees("not valid")
    assert not page.find("#save").is_enabled()
    page.shot("config")
    page.driver.execute_script(
        "arguments[0].value = arguments[0].value.replace('autorization', 'authorization').replace('/secret', '/hidden');"
        "arguments[0].dispatchEvent(new Event('input'))",
        text,
    )
    until(lambda: page.find("#save").is_enabled(), "it can be saved")
    page.find("#save").click()
    until(lambda: httpx.get(page.gateway.url("/hidden")).status_code == 403, "it is in force")
    page.quiet()


def test_the_page_fits_a_narrow_window_and_runs_nothing_foreign(page):
    page.driver.set_window_size(420, 900)
    try:
        page.open("overview").sees("Routes")
        page.shot("narrow")
        for name in ("overview", "decisions", "workbench", "tools", "config"):
            page.open(name)
            until(lambda: page.driver.find_elements("css selector", "h1"), "it is drawn")
            wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (name, wide)
    finally:
        page.driver.set_window_size(1360, 1000)
    policy = httpx.get(page.gateway.admin + "/ui").headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    from selenium.common.exceptions import JavascriptException

    with pytest.raises(JavascriptException, match="Trusted"):
        page.driver.execute_script("document.body.setAttribute('onclick', 'window.hit = 1')")
