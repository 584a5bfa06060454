"use strict";
// The admin page. Everything shown is put in as text, never as markup.

const main = document.getElementById("main");

// --- small things -----------------------------------------------------------------------------------------------

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

const pill = (text, kind) => el("span", { class: "pill " + (kind || "") }, text);
const verdictPill = (verdict) => pill(verdict, verdict === "allow" ? "good" : verdict === "deny" ? "bad" : "warn");
const show = (node, ...children) => node.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));

function field(label, control, id) {
  control.id = id;
  return el("div", { class: "grow" }, el("label", { for: id }, label), control);
}

let toastTimer;
function toast(text) {
  const node = document.getElementById("toast");
  node.textContent = text;
  node.className = "show";
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (node.className = ""), 3500);
}

const store = {
  get(key) { try { return sessionStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { sessionStorage.setItem(key, value); } catch { /* private windows */ } },
};

async function api(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const token = store.get("token");
  if (token) headers.authorization = "Bearer " + token;
  const reply = await fetch(path, { ...options, headers });
  if (reply.status === 401 && path.startsWith("/api") && !options.asked) {
    const given = prompt("The token of this admin port (AGENTGW_ADMIN_TOKEN)");
    if (given) { store.set("token", given); return api(path, { ...options, asked: true }); }
  }
  return reply;
}

async function getJSON(path) {
  const reply = await api(path);
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error || reply.statusText);
  return body;
}

async function postJSON(path, body, method = "POST", headers = {}) {
  const reply = await api(path, { method, body: JSON.stringify(body), headers });
  return { status: reply.status, ok: reply.ok, body: await reply.json(), etag: reply.headers.get("etag") };
}

const ago = (seconds) => {
  const d = Math.max(0, Date.now() / 1000 - seconds);
  if (d < 90) return Math.round(d) + " s ago";
  if (d < 5400) return Math.round(d / 60) + " min ago";
  if (d < 172800) return Math.round(d / 3600) + " h ago";
  return Math.round(d / 86400) + " days ago";
};

let leave = () => {};
const every = (milliseconds, body) => { body(); const timer = setInterval(body, milliseconds); leave = () => clearInterval(timer); };

// --- overview ---------------------------------------------------------------------------------------------------

function parseMetrics(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    if (!line || line[0] === "#") continue;
    const space = line.lastIndexOf(" ");
    const brace = line.indexOf("{");
    const name = brace < 0 ? line.slice(0, space) : line.slice(0, brace);
    const labels = {};
    if (brace >= 0) {
      for (const found of line.slice(brace, space).matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
        labels[found[1]] = found[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
      }
    }
    samples.push({ name, labels, value: Number(line.slice(space + 1)) });
  }
  return samples;
}

let lastSample;
function overview() {
  const tiles = el("div", { class: "tiles" });
  const rest = el("div");
  show(main, el("h1", {}, "Overview"), el("p", { class: "lead" }, "What the gateway serves, and whether all is well."), tiles, rest);
  every(2000, async () => {
    let info, text;
    try {
      info = await getJSON("/api/overview");
      text = await (await api("/api/metrics")).text();
    } catch (error) { health(null); show(rest, el("div", { class: "banner bad" }, String(error.message || error))); return; }
    health(info);
    const samples = parseMetrics(text);
    const sum = (name, match = () => true) => samples.filter((s) => s.name === name && match(s.labels)).reduce((t, s) => t + s.value, 0);
    const requests = sum("agentgateway_requests_total");
    const failed = sum("agentgateway_requests_total", (l) => Number(l.status) >= 500);
    const now = performance.now();
    const rate = lastSample && now > lastSample.at ? Math.max(0, (requests - lastSample.requests) / ((now - lastSample.at) / 1000)) : 0;
    lastSample = { at: now, requests };
    const tile = (value, label) => el("div", { class: "tile" }, el("div", { class: "n" }, value), el("div", { class: "l" }, label));
    show(tiles,
      tile(rate.toFixed(rate < 10 ? 1 : 0) + "/s", "requests now"),
      tile(requests.toLocaleString("en"), "requests in all"),
      tile(failed.toLocaleString("en"), "answered with 5xx"),
      tile(sum("agentgateway_authz_decisions_total", (l) => l.verdict === "deny" && l.mode === "enforced").toLocaleString("en"), "denied by rules"),
      tile(sum("agentgateway_downstream_connections").toLocaleString("en"), "open connections"),
      tile(sum("agentgateway_mcp_sessions").toLocaleString("en"), "MCP sessions"),
      tile((sum("process_resident_memory_bytes") / 1048576).toFixed(0) + " MiB", "resident memory"));
    const counted = (port, listener, route) => sum("agentgateway_requests_total", (l) => l.bind === String(port) && l.listener === listener && l.route === route);
    const rows = info.binds.flatMap((bind) => bind.listeners.flatMap((listener) => listener.routes.map((route) => el("tr", {},
      el("td", { class: "mono" }, String(bind.port), listener.protocol === "HTTPS" ? " TLS" : ""),
      el("td", {}, listener.name, listener.host !== "*" ? el("div", { class: "muted mono" }, listener.host) : null),
      el("td", {}, route.name, route.hosts.length ? el("div", { class: "muted mono" }, route.hosts.join(", ")) : null),
      el("td", { class: "mono" }, route.matches.length ? route.matches.join("  ·  ") : "/"),
      el("td", {}, el("div", { class: "chips" }, route.policies.length ? route.policies.map((p) => pill(p, "accent")) : el("span", { class: "muted" }, "none"))),
      el("td", {}, route.backends.map((b) => el("div", {}, pill(b.kind), " ", b.name))),
      el("td", { class: "mono" }, counted(bind.port, listener.name, route.name).toLocaleString("en"))))));
    show(rest,
      info.config.error ? el("div", { class: "banner bad", role: "alert" }, el("strong", {}, "The latest configuration was not taken; the one before is in force."), el("pre", {}, info.config.error)) : null,
      el("div", { class: "card" }, el("h2", {}, "Routes"), el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ["Port", "Listener", "Route", "Matches", "Policies", "Backends", "Requests"].map((t) => el("th", { scope: "col" }, t)))),
        el("tbody", {}, rows)))),
      el("div", { class: "two" },
        el("div", { class: "card" }, el("h2", {}, "Configuration"), el("table", {}, el("tbody", {},
          [["File", info.file || "built in"], ["In force since", ago(info.config.loaded)], ["Version", info.config.digest.slice(0, 12) || "–"],
            ["Reloads", `${info.config.reloads} taken, ${info.config.failures} refused`], ["agentgw", `${info.version}, ${info.loops} event loops, started ${ago(info.started)}`]]
            .map(([k, v]) => el("tr", {}, el("th", { scope: "row" }, k), el("td", { class: "mono" }, v)))))),
        el("div", { class: "card" }, el("h2", {}, "Keys of issuers"), info.keySets.length ? el("table", {}, el("tbody", {}, info.keySets.map((k) => el("tr", {},
          el("td", { class: "mono" }, k.issuer), el("td", {}, pill(k.available ? "available" : "missing", k.available ? "good" : "bad")),
          el("td", { class: "muted" }, k.failure || (k.age !== undefined ? "fetched " + ago(Date.now() / 1000 - k.age) : "")))))) : el("p", { class: "muted" }, "No key set is fetched."))));
  });
}

function health(info) {
  const node = document.getElementById("health");
  if (!info) { node.textContent = "no answer"; node.className = "pill bad"; return; }
  const good = info.ready && info.config.synchronized && info.keySets.every((k) => k.available);
  node.textContent = good ? "healthy" : !info.ready ? "draining" : !info.config.synchronized ? "configuration refused" : "keys missing";
  node.className = "pill " + (good ? "good" : "warn");
}

// --- explanations -----------------------------------------------------------------------------------------------

function tree(node) {
  if (node === null || typeof node !== "object") return el("li", {}, String(node));
  const text = node.text ?? node.expression ?? "";
  const value = node.value !== undefined ? (typeof node.value === "string" ? node.value : JSON.stringify(node.value)) : node.error ? "error: " + (node.error.message || node.error) : "";
  const kind = node.error ? "error" : value === "true" ? "true" : value === "false" ? "false" : "";
  const children = node.children || node.parts || [];
  return el("li", { class: node.skipped || node.evaluated === false ? "skipped" : "" },
    text, value !== "" ? el("span", { class: "v" }, " → ", el("span", { class: kind }, value)) : null,
    children.length ? el("ul", {}, children.map(tree)) : null);
}

function explanation(e) {
  const out = [el("div", { class: "bar" }, verdictPill(e.verdict), e.status ? pill("HTTP " + e.status) : null, e.code ? pill(e.code) : null,
    e.route ? el("span", { class: "mono muted" }, e.route) : null, el("span", { class: "muted" }, e.principal))];
  if (e.detail) out.push(el("p", {}, e.detail));
  for (const note of e.notes || []) out.push(el("p", { class: "muted" }, note));
  for (const stage of e.stages || []) {
    out.push(el("h2", {}, `Asked in phase ${stage.phase}`, stage.subject ? " about " + stage.subject : "", ": ", stage.verdict, ` (${stage.reason})`));
    for (const level of stage.levels) {
      out.push(el("div", { class: "muted" }, `${level.place || level.kind}: ${level.verdict}, ${level.reason}`));
      for (const rule of level.rules) {
        const root = { expression: rule.expression, children: rule.parts };
        out.push(el("div", { class: "rule" + (rule.deciding ? " deciding" : "") },
          el("div", { class: "chips" }, el("strong", {}, rule.id || rule.rule), pill(rule.action || ""), pill(String(rule.outcome ?? rule.result ?? "")), rule.deciding ? pill("decided", "accent") : null,
            rule.position ? el("span", { class: "muted mono" }, rule.position) : null),
          root ? el("ul", { class: "tree" }, tree(root)) : null));
      }
      if (level.not_asked) out.push(el("div", { class: "muted" }, `${level.not_asked} more were not asked`));
    }
  }
  if (!(e.stages || []).length) out.push(el("p", { class: "muted" }, "No rule was asked."));
  return out;
}

// --- decisions --------------------------------------------------------------------------------------------------

function decisions() {
  const body = el("tbody");
  const detail = el("div", { class: "card" }, el("div", { class: "empty" }, "Choose a decision to see why."));
  const only = el("select", {}, el("option", { value: "" }, "all"), el("option", { value: "deny" }, "denied"), el("option", { value: "allow" }, "allowed"));
  const search = el("input", { type: "search", placeholder: "principal, rule, route, id" });
  const paused = el("input", { type: "checkbox" });
  const state = pill("connecting…");
  let records = [], queue = false;
  const draw = () => {
    queue = false;
    const text = search.value.toLowerCase();
    const rows = records.filter((r) => (!only.value || r.verdict === only.value) && (!text || JSON.stringify(r).toLowerCase().includes(text))).slice(0, 200)
      .map((r) => {
        const pick = () => {
          for (const other of body.children) other.setAttribute("aria-selected", "false");
          row.setAttribute("aria-selected", "true");
          why(r);
        };
        const row = el("tr", { class: "pick", tabindex: "0", "aria-selected": "false", onclick: pick, onkeydown: (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); pick(); } } },
          el("td", { class: "mono tight" }, (r.time || "").slice(11, 23)), el("td", { class: "tight" }, verdictPill(r.verdict)),
          el("td", {}, r.rule ? r.rule.id : el("span", { class: "muted" }, r.reason), el("div", { class: "muted" }, r.phase)),
          el("td", { class: "mono" }, r.route), el("td", {}, r.principal || ""));
        return row;
      });
    show(body, rows.length ? rows : el("tr", {}, el("td", { colspan: "5", class: "empty" }, "No decisions yet. They appear here as requests meet rules.")));
  };
  const plan = () => { if (!queue) { queue = true; requestAnimationFrame(draw); } };
  async function why(record) {
    const reads = record.reads && Object.keys(record.reads).length ? el("table", {}, el("tbody", {}, Object.entries(record.reads).map(([k, v]) => el("tr", {}, el("th", { scope: "row", class: "mono" }, k), el("td", { class: "mono" }, JSON.stringify(v)))))) : el("p", { class: "muted" }, "The rules read nothing.");
    show(detail, el("h2", {}, "Decision ", el("code", {}, record.id)), el("p", { class: "muted" }, "explaining…"));
    const reply = await postJSON("/api/explain", { record });
    show(detail, el("h2", {}, "Decision ", el("code", {}, record.id)),
      reply.ok ? explanation(reply.body) : el("div", {}, el("div", { class: "bar" }, verdictPill(record.verdict), pill(record.reason)), el("p", { class: "muted" }, reply.body.error)),
      el("h2", {}, "What the rules read"), reads,
      el("div", { class: "bar" }, el("button", { type: "button", onclick: () => { store.set("record", JSON.stringify(record)); location.hash = "workbench"; } }, "Try on another policy")));
  }
  show(main, el("h1", {}, "Decisions"), el("p", { class: "lead" }, "Every decision of the rules as it is made, allow and deny alike, and why."),
    el("div", { class: "card" }, el("div", { class: "row" }, field("Verdict", only, "only"), field("Search", search, "search"),
      el("label", { class: "inline" }, paused, "pause"), state)),
    el("div", { class: "two wide" }, el("div", { class: "card scroll" }, el("table", { "aria-label": "Decisions" }, el("thead", {}, el("tr", {}, ["Time", "Verdict", "Rule", "Route", "Principal"].map((t) => el("th", { scope: "col" }, t)))), body)), detail));
  only.addEventListener("change", draw);
  search.addEventListener("input", plan);
  draw();
  const gone = new AbortController();
  leave = () => gone.abort();
  (async () => {
    while (!gone.signal.aborted) {
      try {
        const reply = await api("/api/decisions/stream", { signal: gone.signal });
        if (!reply.ok) throw new Error((await reply.json()).error);
        state.textContent = "live"; state.className = "pill good";
        records = [];
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          const events = (rest + value).split("\n\n");
          rest = events.pop();
          for (const event of events) {
            if (!event.startsWith("data: ") || paused.checked) continue;
            records.unshift(JSON.parse(event.slice(6)));
          }
          // Event loops are asked one after the other.
          records.sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
          records.length = Math.min(records.length, 1000);
          plan();
        }
      } catch (error) { if (gone.signal.aborted) return; state.textContent = String(error.message || "lost"); state.className = "pill bad"; }
      await new Promise((done) => setTimeout(done, 1500));
    }
  })();
}

// --- workbench --------------------------------------------------------------------------------------------------

async function workbench() {
  let info = { binds: [] }, text = "";
  try { info = await getJSON("/api/overview"); } catch { /* shown by what follows */ }
  try { text = (await getJSON("/api/config")).text; } catch { /* no file: the one in force is tried */ }
  const record = store.get("record");
  const policy = el("textarea", { rows: "24", spellcheck: "false", wrap: "off", value: text });
  const port = el("select", {}, info.binds.map((b) => el("option", { value: b.port }, String(b.port))));
  const method = el("select", {}, ["GET", "POST", "PUT", "DELETE", "PATCH"].map((m) => el("option", {}, m)));
  const path = el("input", { value: "/" });
  const host = el("input", { placeholder: "example.com" });
  const headers = el("textarea", { rows: "2", spellcheck: "false", placeholder: "name: value" });
  const claims = el("textarea", { rows: "4", spellcheck: "false", placeholder: '{"sub": "alice", "iss": "…", "aud": "…"}' });
  const mcpMethod = el("input", { placeholder: "tools/call", list: "methods" });
  const tool = el("input", { placeholder: "name of the tool" });
  const target = el("input", { placeholder: "target" });
  const args = el("textarea", { rows: "2", spellcheck: "false", placeholder: "{}" });
  const result = el("div", { class: "card", "aria-live": "polite" }, el("div", { class: "empty" }, "Describe a request, then evaluate it."));
  const build = () => {
    const request = { method: method.value, path: path.value || "/" };
    if (port.value) request.port = Number(port.value);
    if (host.value) request.host = host.value;
    const fields = {};
    for (const line of headers.value.split("\n")) { const at = line.indexOf(":"); if (at > 0) fields[line.slice(0, at).trim()] = line.slice(at + 1).trim(); }
    if (Object.keys(fields).length) request.headers = fields;
    const made = { request };
    if (claims.value.trim()) made.jwt = JSON.parse(claims.value);
    if (mcpMethod.value) {
      made.mcp = { method: mcpMethod.value };
      if (tool.value) made.mcp.tool = tool.value;
      if (target.value) made.mcp.target = target.value;
      if (args.value.trim()) made.mcp.arguments = JSON.parse(args.value);
    }
    return made;
  };
  const run = async (path, body) => {
    show(result, el("p", { class: "muted" }, "evaluating…"));
    try {
      const reply = await postJSON(path, { ...body, config: policy.value === text ? undefined : policy.value });
      show(result, reply.ok ? explanation(reply.body) : [el("h2", {}, "It cannot be tried"), el("pre", {}, reply.body.error)]);
    } catch (error) { show(result, el("pre", {}, String(error.message || error))); }
  };
  show(main, el("h1", {}, "Policy workbench"), el("p", { class: "lead" }, "Try a request on the policy, changed here as you like. The engine is the gateway's own; nothing here changes what runs."),
    el("div", { class: "two" },
      el("div", {},
        el("div", { class: "card" }, el("h2", {}, "Request"),
          el("div", { class: "row" }, field("Port", port, "w-port"), field("Method", method, "w-method"), field("Path", path, "w-path"), field("Host", host, "w-host")),
          field("Headers", headers, "w-headers"), field("Claims of a valid token", claims, "w-claims"),
          el("div", { class: "row" }, field("MCP method", mcpMethod, "w-mcp"), field("Target", target, "w-target"), field("Tool", tool, "w-tool")), field("Arguments", args, "w-args"),
          el("datalist", { id: "methods" }, ["initialize", "tools/list", "tools/call", "prompts/get", "resources/read"].map((m) => el("option", { value: m }))),
          el("div", { class: "bar" }, el("button", { class: "primary", id: "evaluate", type: "button", onclick: () => { try { run("/api/evaluate", { case: build() }); } catch (e) { toast("JSON: " + e.message); } } }, "Evaluate"),
            record ? el("button", { type: "button", onclick: () => run("/api/explain", { record: JSON.parse(record) }) }, "Replay the recorded decision " + JSON.parse(record).id) : null))),
      el("div", {}, result, el("div", { class: "card" }, field("Policy", policy, "w-policy"), el("div", { class: "bar" }, el("button", { type: "button", onclick: () => { policy.value = text; } }, "Back to the file"))))));
}

// --- tools ------------------------------------------------------------------------------------------------------

class MCPClient {
  constructor(port, path, host, token) { Object.assign(this, { port, path, host, token, id: 0 }); }
  async send(method, params, notification) {
    const message = { jsonrpc: "2.0", method, params: params || {} };
    if (!notification) message.id = ++this.id;
    const headers = { accept: "application/json, text/event-stream" };
    if (this.session) headers["mcp-session-id"] = this.session;
    if (this.version && method !== "initialize") headers["mcp-protocol-version"] = this.version;
    if (this.token) headers["x-forward-authorization"] = "Bearer " + this.token;
    const query = new URLSearchParams({ port: this.port, target: this.path });
    if (this.host) query.set("host", this.host);
    const reply = await api("/api/forward?" + query, { method: "POST", body: JSON.stringify(message), headers, asked: true });
    this.session = reply.headers.get("mcp-session-id") || this.session;
    const text = await reply.text();
    if (notification) return null;
    let found;
    if ((reply.headers.get("content-type") || "").startsWith("text/event-stream")) {
      for (const event of text.split("\n\n")) {
        const data = event.split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5).trim()).join("\n");
        if (!data) continue;
        const parsed = JSON.parse(data);
        if (parsed.id === message.id) found = parsed;
      }
    } else { try { found = JSON.parse(text); } catch { /* an error page */ } }
    if (!found || (!found.result && !found.error)) throw new Error(`HTTP ${reply.status}: ${text.slice(0, 400)}`);
    if (found.error) throw new Error(`${found.error.message} (${found.error.code})`);
    return found.result;
  }
  async open() {
    const result = await this.send("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "agentgw admin page", version: "1" } });
    this.version = result.protocolVersion;
    await this.send("notifications/initialized", {}, true);
    return result;
  }
}

function places(info, kind) {
  const found = [];
  for (const bind of info.binds) for (const listener of bind.listeners) for (const route of listener.routes) {
    if (!route.backends.some((b) => b.kind === kind)) continue;
    const match = (route.matches[0] || "/").replace(/^[A-Z]+ /, "").replace(/^[=~] /, "");
    const host = [...route.hosts, listener.host].find((h) => h !== "*" && !h.startsWith("*"));
    found.push({ label: `${bind.port} ${route.name} ${match}`, port: bind.port, path: match, host: host || "", targets: route.backends.filter((b) => b.kind === kind).map((b) => b.name).join(", ") });
  }
  return found;
}

async function tools() {
  let info;
  try { info = await getJSON("/api/overview"); } catch (error) { return show(main, el("div", { class: "banner bad" }, error.message)); }
  const found = places(info, "mcp");
  if (!found.length) return show(main, el("h1", {}, "Tools"), el("div", { class: "card empty" }, "No route has an mcp backend."));
  const place = el("select", {}, found.map((p, i) => el("option", { value: i }, `${p.label} (${p.targets})`)));
  const path = el("input", { value: found[0].path === "/" ? "/mcp" : found[0].path });
  const token = el("input", { type: "password", autocomplete: "off", placeholder: "none" });
  const list = el("div", { class: "card" }, el("div", { class: "empty" }, "Connect to see the tools that this caller is shown."));
  const form = el("div", { class: "card" }, el("div", { class: "empty" }, "Choose a tool to call it."));
  let client;
  place.addEventListener("change", () => { const p = found[place.value].path; path.value = p === "/" ? "/mcp" : p; });
  const connect = async () => {
    const chosen = found[place.value];
    client = new MCPClient(chosen.port, path.value, chosen.host, token.value);
    show(list, el("p", { class: "muted" }, "asking…"));
    try {
      await client.open();
      const all = [];
      let cursor;
      do { const page = await client.send("tools/list", cursor ? { cursor } : {}); all.push(...page.tools); cursor = page.nextCursor; } while (cursor);
      const filter = el("input", { type: "search", placeholder: "filter", "aria-label": "Filter tools" });
      const body = el("tbody");
      const draw = () => show(body, all.filter((t) => (t.name + (t.description || "")).toLowerCase().includes(filter.value.toLowerCase())).map((t) => {
        const pick = () => call(t);
        return el("tr", { class: "pick", tabindex: "0", onclick: pick, onkeydown: (e) => { if (e.key === "Enter") pick(); } }, el("td", { class: "mono" }, t.name), el("td", {}, t.description || ""));
      }));
      filter.addEventListener("input", draw);
      draw();
      show(list, el("h2", {}, `${all.length} tools`), filter, el("table", { "aria-label": "Tools" }, body));
    } catch (error) { show(list, el("h2", {}, "No list"), el("pre", {}, error.message)); }
  };
  const call = (tool) => {
    const schema = tool.inputSchema || {};
    const inputs = {};
    const rows = Object.entries(schema.properties || {}).map(([name, spec]) => {
      const kind = spec.type;
      const control = spec.enum ? el("select", {}, el("option", { value: "" }, "–"), spec.enum.map((v) => el("option", {}, String(v))))
        : kind === "boolean" ? el("select", {}, el("option", { value: "" }, "–"), el("option", {}, "true"), el("option", {}, "false"))
        : kind === "object" || kind === "array" ? el("textarea", { rows: "2", placeholder: kind === "array" ? "[]" : "{}" })
        : el("input", { type: kind === "number" || kind === "integer" ? "number" : "text", step: kind === "integer" ? "1" : "any" });
      inputs[name] = [control, spec];
      return el("div", {}, field(name + ((schema.required || []).includes(name) ? " *" : ""), control, "arg-" + name), spec.description ? el("div", { class: "muted" }, spec.description) : null);
    });
    const out = el("div", { "aria-live": "polite" });
    const run = async () => {
      const made = {};
      try {
        for (const [name, [control, spec]] of Object.entries(inputs)) {
          if (control.value === "") continue;
          made[name] = spec.type === "string" || (!spec.type && !spec.enum) ? control.value : ["number", "integer", "boolean", "object", "array"].includes(spec.type) ? JSON.parse(control.value) : control.value;
        }
      } catch (error) { return toast("JSON: " + error.message); }
      show(out, el("p", { class: "muted" }, "calling…"));
      const began = performance.now();
      try {
        const result = await client.send("tools/call", { name: tool.name, arguments: made });
        const text = (result.content || []).map((c) => (c.type === "text" ? c.text : JSON.stringify(c, null, 2))).join("\n");
        show(out, el("div", { class: "bar" }, pill(result.isError ? "error" : "answered", result.isError ? "bad" : "good"), pill(Math.round(performance.now() - began) + " ms")), el("pre", {}, text || JSON.stringify(result, null, 2)),
          result.structuredContent ? el("pre", {}, JSON.stringify(result.structuredContent, null, 2)) : null);
      } catch (error) { show(out, el("div", { class: "bar" }, pill("refused", "bad")), el("pre", {}, error.message)); }
    };
    show(form, el("h2", {}, tool.name), el("p", { class: "muted" }, tool.description || ""), rows, el("div", { class: "bar" }, el("button", { class: "primary", id: "call", type: "button", onclick: run }, "Call")), out,
      el("details", {}, el("summary", {}, "Definition"), el("pre", {}, JSON.stringify(tool, null, 2))));
  };
  show(main, el("h1", {}, "Tools"), el("p", { class: "lead" }, "What a caller is shown of the MCP servers, and what happens when it calls. Requests go through the gateway's own port and its rules."),
    el("div", { class: "card" }, el("div", { class: "row" }, field("Route", place, "t-place"), field("Path", path, "t-path"), field("Token", token, "t-token"), el("button", { class: "primary", id: "connect", type: "button", onclick: connect }, "Connect"))),
    el("div", { class: "two" }, list, form));
}

// --- playground -------------------------------------------------------------------------------------------------

async function playground() {
  let info;
  try { info = await getJSON("/api/overview"); } catch (error) { return show(main, el("div", { class: "banner bad" }, error.message)); }
  const found = places(info, "ai");
  if (!found.length) return show(main, el("h1", {}, "Playground"), el("div", { class: "card empty" }, "No route has an ai backend."));
  const place = el("select", {}, found.map((p, i) => el("option", { value: i }, `${p.label} (${p.targets})`)));
  const path = el("input", { value: (found[0].path === "/" ? "" : found[0].path.replace(/\/$/, "")) + "/v1/chat/completions" });
  const model = el("input", { placeholder: "as the client names it" });
  const token = el("input", { type: "password", autocomplete: "off", placeholder: "none" });
  const chat = el("div", { class: "chat", "aria-live": "polite" });
  const text = el("textarea", { rows: "3", placeholder: "Say something" });
  const messages = [];
  const say = async () => {
    if (!text.value.trim()) return;
    messages.push({ role: "user", content: text.value });
    chat.append(el("div", { class: "say me" }, text.value));
    text.value = "";
    const answer = el("div", { class: "say" }, "…");
    chat.append(answer);
    const chosen = found[place.value];
    const query = new URLSearchParams({ port: chosen.port, target: path.value });
    if (chosen.host) query.set("host", chosen.host);
    const headers = token.value ? { "x-forward-authorization": "Bearer " + token.value } : {};
    const body = { messages, max_tokens: 1024 };
    if (model.value) body.model = model.value;
    try {
      const reply = await api("/api/forward?" + query, { method: "POST", body: JSON.stringify(body), headers, asked: true });
      const raw = await reply.text();
      let parsed; try { parsed = JSON.parse(raw); } catch { /* not JSON */ }
      const content = parsed?.choices?.[0]?.message?.content ?? parsed?.content?.map((c) => c.text).join("");
      if (reply.ok && content !== undefined) { messages.push({ role: "assistant", content }); answer.textContent = content; if (parsed.usage) answer.title = JSON.stringify(parsed.usage); }
      else { messages.pop(); answer.textContent = `HTTP ${reply.status}: ${parsed?.error?.message || raw.slice(0, 600)}`; }
    } catch (error) { messages.pop(); answer.textContent = String(error.message || error); }
  };
  text.addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) say(); });
  show(main, el("h1", {}, "Model playground"), el("p", { class: "lead" }, "Talk to a model as a client does, through the gateway's own port and its rules."),
    el("div", { class: "card" }, el("div", { class: "row" }, field("Route", place, "p-place"), field("Path", path, "p-path"), field("Model", model, "p-model"), field("Token", token, "p-token"))),
    el("div", { class: "card" }, chat, field("Message", text, "p-text"), el("div", { class: "bar" }, el("button", { class: "primary", id: "say", type: "button", onclick: say }, "Send"), el("span", { class: "muted" }, "Ctrl+Enter"))));
}

// --- configuration ----------------------------------------------------------------------------------------------

async function config() {
  let file, etag;
  const load = async () => { const reply = await api("/api/config"); etag = reply.headers.get("etag"); file = await reply.json(); if (!reply.ok) throw new Error(file.error); };
  try { await load(); } catch (error) { return show(main, el("h1", {}, "Configuration"), el("div", { class: "banner bad" }, error.message)); }
  const text = el("textarea", { spellcheck: "false", value: file.text, wrap: "off", "aria-label": "Configuration" });
  const gutter = el("div", { class: "gutter", "aria-hidden": "true" });
  const out = el("div", { class: "card", "aria-live": "polite" }, el("div", { class: "muted" }, "Checked as you type."));
  const save = el("button", { class: "primary", id: "save", type: "button", disabled: true }, "Save");
  const number = () => { gutter.textContent = text.value.split("\n").map((_, i) => i + 1).join("\n"); };
  const jump = (line, column) => {
    const lines = text.value.split("\n");
    const at = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + Math.max(0, column - 1);
    text.focus(); text.setSelectionRange(at, at + Math.max(1, (lines[line - 1] || "").length - column + 1));
    text.scrollTop = Math.max(0, (line - 6) * 20);
  };
  const report = (body) => show(out, el("div", { class: "bar" }, body.valid ? pill("valid", "good") : pill("not valid", "bad")),
    body.findings.map((f) => el("div", { class: "finding" }, el("button", { type: "button", onclick: () => jump(f.line, f.column) }, `${f.line}:${f.column}`), pill(f.severity, f.severity === "error" ? "bad" : "warn"), el("span", {}, f.message))));
  let timer, asked = 0;
  const check = async () => {
    const mine = ++asked;
    const reply = await postJSON("/api/config/validate", { text: text.value });
    if (mine !== asked) return;
    if (!reply.ok) return show(out, el("pre", {}, reply.body.error));
    report(reply.body);
    save.disabled = !file.writable || !reply.body.valid || text.value === file.text;
  };
  text.addEventListener("input", () => { number(); save.disabled = true; clearTimeout(timer); timer = setTimeout(check, 300); });
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  text.addEventListener("keydown", (e) => { if (e.key === "s" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); if (!save.disabled) save.click(); } });
  save.addEventListener("click", async () => {
    save.disabled = true;
    const reply = await postJSON("/api/config", { text: text.value }, "PUT", { "if-match": etag });
    if (reply.ok) { etag = reply.etag; file.text = text.value; report(reply.body); toast("Saved. The gateway takes it at once."); }
    else if (reply.status === 422) report(reply.body);
    else { show(out, el("div", { class: "banner bad" }, reply.body.error)); save.disabled = false; }
  });
  show(main, el("h1", {}, "Configuration"), el("p", { class: "lead" }, file.path ? el("code", {}, file.path) : "built in", file.writable ? "" : " (cannot be written by this process)"),
    out, el("div", { class: "card" }, el("div", { class: "editor" }, gutter, text), el("div", { class: "bar" }, save,
      el("button", { type: "button", onclick: async () => { await load(); text.value = file.text; number(); check(); } }, "Read again"), el("a", { href: "/config_dump", target: "_blank" }, "as the gateway runs it"))));
  number();
  check();
}

// --- around -----------------------------------------------------------------------------------------------------

const pages = { overview, decisions, workbench, tools, playground, config };

function go() {
  const name = location.hash.slice(1);
  if (name === "main") return main.focus();
  const page = pages[name] || overview;
  leave();
  leave = () => {};
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === "#" + (pages[name] ? name : "overview")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show(main);
  page();
  scrollTo(0, 0);
  if (page !== overview) getJSON("/api/overview").then(health, () => health(null));
}

const dark = () => document.documentElement.classList.contains("dark");
document.documentElement.classList.toggle("dark", store.get("theme") ? store.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
document.getElementById("theme").addEventListener("click", () => { document.documentElement.classList.toggle("dark"); store.set("theme", dark() ? "dark" : "light"); });
addEventListener("hashchange", go);
go();
