// Every operation of docs/openapi.yaml is asked of a running node, and answers as it is described.
//
// usage: node openapi.mjs URL MODEL NODE     a node that serves MODEL (its description is that at URL/openapi.json)
import assert from "node:assert/strict";
import Ajv2020 from "ajv/dist/2020.js";

const [url, model, node] = process.argv.slice(2);
const description = await (await fetch(`${url}/openapi.json`)).json();
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema({ ...description, $id: "api" });

const chat = { model, messages: [{ role: "user", content: "Hi" }], max_tokens: 2 };
const text = { model, prompt: "Once", max_tokens: 2, n_predict: 2, stream: false };
const calls = [
  ["GET", "/", null, { Accept: "text/html" }], ["GET", "/assets/icon.svg"], ["GET", "/assets/none"], ["GET", "/openapi.json"],
  ["GET", "/health"], ["GET", "/version"], ["GET", "/v1/cluster"], ["GET", "/v1/cluster/events"],
  ["POST", "/v1/cluster/drain", { node, draining: false }], ["POST", "/v1/cluster/drain", { node: "nobody" }],
  ["POST", "/v1/cluster/drain", {}],
  ["POST", "/v1/cluster/remove", { node: "nobody" }], ["POST", "/v1/cluster/remove", { node }], ["POST", "/v1/cluster/remove", {}],
  ["POST", "/v1/cluster/rename", { node, name: node }], ["POST", "/v1/cluster/rename", { node: "nobody", name: "x" }],
  ["POST", "/v1/cluster/rename", { node, name: "a/b" }], ["POST", "/v1/cluster/rename", { node }],
  ["POST", "/v1/cluster/role", { node, role: "owner" }], ["POST", "/v1/cluster/role", { node: "nobody", role: "member" }],
  ["POST", "/v1/cluster/role", { node, role: "king" }], ["POST", "/v1/cluster/role", {}], ["POST", "/v1/cluster/roles", {}],
  ["POST", "/v1/cluster/limits", { node, power_max_w: null }], ["POST", "/v1/cluster/limits", { node: "nobody", power_max_w: 50 }],
  ["POST", "/v1/cluster/limits", { node, quiet_hours: "late" }], ["POST", "/v1/cluster/limits", {}],
  ["POST", "/v1/cluster/connect", { address: "127.0.0.1:1" }], ["POST", "/v1/cluster/connect", { address: ":1" }], ["POST", "/v1/cluster/connect", {}],
  ["POST", "/v1/cluster/pairing", {}], ["POST", "/v1/cluster/pairing", { code: "1" }],
  ["GET", "/v1/cluster/pairing/123456"], ["DELETE", "/v1/cluster/pairing/123456"], ["GET", "/v1/cluster/doctor"],
  ["GET", "/v1/telemetry"], ["GET", "/v1/telemetry?history_s=10"], ["GET", "/v1/telemetry?step_s=2"],
  ["GET", "/v1/telemetry/stream"], ["GET", "/v1/telemetry/links?history_s=60"], ["GET", "/v1/telemetry/links?history_s=x"],
  ["GET", "/v1/events"], ["GET", "/v1/events?after=x"], ["GET", "/v1/requests"], ["GET", "/v1/alerts"], ["GET", "/metrics"],
  ["POST", "/v1/keys", { name: "page", scopes: "chat", models: ["*"], expires_in_s: 60, requests_per_minute: 9, tokens_per_day: 9 }],
  ["GET", "/v1/session"], ["POST", "/v1/session", {}], ["DELETE", "/v1/session"], ["POST", "/v1/keys", {}], ["GET", "/v1/keys"], ["POST", "/v1/keys/rotate", { key: "page" }],
  ["POST", "/v1/keys/rotate", { key: "none" }], ["POST", "/v1/keys/revoke", { key: "page" }], ["POST", "/v1/keys/revoke", {}],
  ["GET", "/v1/audit"], ["GET", "/v1/audit?from=1&limit=5"], ["GET", "/v1/audit?from=x"], ["GET", "/v1/audit/verify"],
  ["POST", "/v1/plan", { model }], ["POST", "/v1/plan", { model: "none" }], ["POST", "/v1/plan", {}],
  ["GET", "/v1/models"], ["GET", `/v1/models/${model}`], ["GET", "/v1/models/none"],
  ["POST", "/v1/models/load", { model: "none" }], ["POST", "/models/load", { model: "none" }],
  ["POST", "/v1/models/unload", { model: "none" }], ["POST", "/models/unload", { model: "none" }],
  ["GET", "/v1/library/none"], ["GET", `/v1/library/${model}`], ["POST", "/v1/models/remove", { model: "none" }], ["POST", "/v1/models/remove", { model }], ["POST", "/v1/models/remove", {}],
  ["POST", "/v1/chat/completions", chat], ["POST", "/v1/chat/completions", { ...chat, stream: true }],
  ["POST", "/v1/chat/completions", { model }], ["POST", "/v1/chat/completions", { ...chat, model: "none" }],
  ["POST", "/v1/completions", text], ["POST", "/v1/embeddings", { model, input: 5 }],
  ["POST", "/v1/responses", { model, input: "Hi", max_output_tokens: 2 }], ["GET", "/v1/responses/none"],
  ["DELETE", "/v1/responses/none"], ["GET", "/v1/stream/none"], ["GET", "/v1/stream/0123456789abcdef"],
  ["DELETE", "/v1/stream/0123456789abcdef"], ["POST", "/v1/messages", { ...chat }], ["POST", "/v1/messages", { model }],
  ["POST", "/v1/messages/count_tokens", chat], ["POST", "/api/chat", { ...chat, stream: false }],
  ["POST", "/api/generate", { model, prompt: "Once", stream: false, options: { num_predict: 2 } }], ["GET", "/api/tags"],
  ["GET", "/api/ps"], ["POST", "/api/show", { model }], ["POST", "/api/show", { model: "none" }], ["GET", "/api/version"],
  ["POST", "/api/pull", {}], ["POST", "/api/push", {}], ["POST", "/api/create", {}], ["POST", "/api/copy", {}],
  ["DELETE", "/api/delete"], ["POST", "/api/embed", { model, input: 5 }], ["POST", "/api/embeddings", { model, prompt: 5 }],
  ["POST", "/tokenize", { content: "Once" }], ["POST", "/detokenize", { tokens: [5] }], ["GET", "/tokenizer_info"],
  ["POST", "/apply-template", chat], ["GET", "/props"], ["POST", "/completion", text],
  ["POST", "/embedding", { content: 5 }], ["POST", "/embeddings", { content: 5 }], ["POST", "/infill", { input_prefix: 5 }],
];

function find(method, path) {
  for (const [template, item] of Object.entries(description.paths)) {
    const pattern = new RegExp(`^${template.replace(/[.+]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+")}$`);
    const operation = item[method.toLowerCase()];
    const fixed = !template.includes("{") && template === path;
    if (operation && (fixed || (template.includes("{") && pattern.test(path) && !description.paths[path]))) {
      return { template, operation };
    }
  }
  throw new Error(`${method} ${path} is not described`);
}
const at = (...parts) => "api#/" + parts.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");

const answered = new Set();
for (const [method, path, body, headers] of calls) {
  const { template, operation } = find(method, path.split("?")[0]);
  const stop = new AbortController();
  if (process.env.EXOGPU_TEST_VERBOSE) console.error(method, path);
  const response = await fetch(url + path, {
    method, signal: stop.signal, headers: headers ?? {}, ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const what = `${method} ${path} ${JSON.stringify(body ?? null)}: ${response.status}`;
  const place = operation.responses[response.status];
  if (!place) assert.fail(`${what} is not described: ${await response.text()}`);
  answered.add(operation.operationId);
  const name = place.$ref?.split("/").at(-1);
  const where = name ? ["components", "responses", name] : ["paths", template, method.toLowerCase(), "responses", String(response.status)];
  const content = (name ? description.components.responses[name] : place).content;
  const type = (response.headers.get("content-type") ?? "").split(";")[0];
  if (!content) continue;
  if (type === "text/event-stream") {
    assert.ok(content[type], `${what} is a stream`);
    const first = await response.body.getReader().read();
    assert.match(new TextDecoder().decode(first.value), /^(event|data|: )/);
    stop.abort();
    continue;
  }
  const known = content[type] ? type : "*/*";
  assert.ok(content[known], `${what}: ${type} is not described`);
  const whole = await response.text();
  if (type !== "application/json") continue;
  const validate = ajv.compile({ $ref: at(...where, "content", known, "schema") });
  const value = JSON.parse(whole);
  assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)}\n${whole.slice(0, 2000)}`);
}
for (const item of Object.values(description.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (method !== "parameters") assert.ok(answered.has(operation.operationId), `${operation.operationId} was not asked`);
  }
}
console.log(`${answered.size} operations answer as described`);
