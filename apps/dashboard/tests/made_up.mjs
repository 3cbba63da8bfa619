// A made-up cluster of many nodes, as the API describes one, and the node that a page of it is served by.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import Ajv2020 from "ajv/dist/2020.js";

const kDist = new URL("../dist/", import.meta.url).pathname;
const kTypes = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
const metrics = ["memory_used_bytes", "utilization", "power_w", "temperature_c", "clock_mhz"];
const id = (i) => String(i).padStart(4, "0").repeat(8);
const name = (i) => `node-${i}`;

// Of `nodes`, the first `stages` hold one model, a layer each.
function clusterOf(nodes, stages) {
  const plan = {
    epoch: 1, context: 4096, pool: 16384, parallel: 4, activations: "f32", unused_devices: [],
    predicted: { first_token_s: 0.5, tokens_per_s_alone: 40, tokens_per_s_parallel: 90, joules_per_token: null },
    stages: Array.from({ length: stages }, (_, i) => ({
      node: name(i), device: "cuda0", layer_begin: i, layer_end: i + 1, memory_bytes: 1e9, status: "ready", activity: null, done_bytes: null, total_bytes: null,
    })),
  };
  const live = { requests: 1, waiting_requests: 0, tokens_per_s: 40, computed_tokens_per_s: 40, replayed_tokens: 0, stage_step_s: Array(stages).fill(0.001) };
  const served = {
    model: "model", content: "0".repeat(64), pinned: true, keep_loaded_s: 0, used_at_unix_s: 1, serving: true, serving_since_unix_s: 1, not_serving_reason: null, plan, live,
  };
  const device = (i) => ({
    id: "cuda0", name: "A GPU", kind: "discrete", memory_free_bytes: 8e10, load_percent: i % 100, temperature_c: 40 + (i % 45), heat: "normal", speed_percent: 100,
    heat_action: "none", heat_action_reason: null, pace_percent: 100, others_percent: 0, profile_mismatch: null, failure: null,
  });
  // Of a large cluster, each node has links to those of its neighbourhood.
  const linked = (i, j) => i !== j && (nodes <= 30 || Math.abs(i - j) <= 4);
  return {
    node: name(0), model: "model", content: served.content, serving: true, not_serving_reason: null, models: [served], library: [], pulls: [],
    model_file_error: null, identity_conflicts: [], leader: name(0), no_leader_reason: null, term: 1, index: 1, plan, live, weights: { sent_bytes: 0, received_bytes: 0 },
    nodes: Array.from({ length: nodes }, (_, i) => ({
      id: id(i), name: name(i), leader: i === 0, online: true, offline_reason: null, draining: false, on_battery: false, battery: null, load_percent: 10,
      memory_pressure: "none", memory_max_bytes: null, limits: {}, role: "member", reserved: null, wired: true, version: "0.1.0", api_url: null, shards: [], devices: [device(i)],
      links: Array.from({ length: nodes }, (_, j) => j).filter((j) => linked(i, j))
        .map((j) => ({ to: id(j), delay_s: 1e-4, jitter_s: 1e-5, loss: 0, bytes_per_s: 1e9, avoided: false })),
    })),
  };
}

const subject = (i, step, history) => ({
  id: "cuda0", name: "A GPU", kind: "discrete", backend: "CUDA", metrics, memory_used_bytes: 4e10 + step, memory_total_bytes: 8e10,
  utilization: (step % 100) / 100, power_w: 300 + (step % 50), temperature_c: 50 + (step % 30), clock_mhz: 1500 + i, suitability: 0.5,
  ...(history ? { history: Object.fromEntries(metrics.map((metric) => [metric, Array.from({ length: 1200 }, (_, at) => at % 90)])) } : {}),
});
const event = (number) => ({ number, at_unix_s: Date.now() / 1000, level: "info", text: `plan ${number} of model: a line of usual length about layers and devices` });
const request = () => ({
  at_unix_s: Date.now() / 1000, model: "model", end: "length", prompt_tokens: 10, prompt_tokens_reused: 0, answer_tokens: 100, accepted_s: 0.01,
  first_token_s: 0.4, duration_s: 3, tokens_per_s: 38,
});

// What its node sends is counted, and goes on up to `limit`: so the time of the page runs as fast as the page can follow.
export class MadeUp {
  sent = { changes: 0, samples: 0, events: 0 };
  limit = { changes: 0, samples: 0 };
  answers = {}; // by path, what a test answers itself: (request, response) => ...

  // `dist`: the page's folder, with / at its end.
  constructor(nodes, stages = nodes, dist = kDist) {
    this.nodes = nodes;
    this.dist = dist;
    this.cluster = clusterOf(nodes, stages);
  }
  telemetry(step, history = false) {
    return {
      version: 1, complete: true, step_s: 0.5, ranking: [],
      nodes: this.cluster.nodes.map((node, i) => ({ id: node.id, name: node.name, age_s: 0, devices: [subject(i, step, history)] })),
    };
  }
  // Compares what it says with the description of the API.
  check() {
    const description = JSON.parse(fs.readFileSync(path.join(this.dist, "openapi.json"), "utf8"));
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ ...description, $id: "api" });
    for (const [schema, value] of [["Cluster", this.cluster], ["Telemetry", this.telemetry(1, true)], ["RecentEvent", event(1)], ["RecentRequest", request()]]) {
      const validate = ajv.compile({ $ref: `api#/components/schemas/${schema}` });
      assert.ok(validate(value), `${schema}: ${ajv.errorsText(validate.errors)}`);
    }
  }
  // The address of its page.
  async serve() {
    this.server = http.createServer((asked, response) => this.#answer(asked, response));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.server.address().port}/`;
  }
  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  #change() {
    const at = ++this.sent.changes % this.nodes;
    return [
      { op: "replace", path: `/nodes/${at}/load_percent`, value: this.sent.changes % 100 },
      { op: "replace", path: `/nodes/${at}/devices/0/temperature_c`, value: 40 + (this.sent.changes % 50) },
      { op: "replace", path: "/models/0/live/tokens_per_s", value: this.sent.changes % 60 },
    ];
  }
  async #stream(response, first, next, wanted) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    let open = true, written = () => {};
    response.on("close", () => ((open = false), written())).on("drain", () => written());
    const send = ([kind, value]) => new Promise((resolve) => {
      written = resolve;
      if (response.write(`event: ${kind}\ndata: ${JSON.stringify(value)}\n\n`)) setImmediate(resolve);
    });
    await send(first);
    while (open) {
      if (!wanted()) await new Promise((resolve) => setTimeout(resolve, 20));
      else await send(next());
    }
  }
  #answer(asked, response) {
    const { pathname } = new URL(asked.url, "http://x");
    if (this.answers[pathname]) return this.answers[pathname](asked, response);
    const json = (value) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));
    if (pathname === "/v1/cluster/events") {
      return this.#stream(response, ["snapshot", this.cluster], () => ["change", this.#change()], () => this.sent.changes < this.limit.changes);
    }
    if (pathname === "/v1/telemetry/stream") {
      return this.#stream(response, ["telemetry", this.telemetry(0, true)], () => ["telemetry", this.telemetry(++this.sent.samples)],
        () => this.sent.samples < this.limit.samples);
    }
    if (pathname === "/v1/telemetry") return json(this.telemetry(this.sent.samples));
    if (pathname === "/v1/models") return json({ object: "list", data: [], has_more: false, first_id: null, last_id: null });
    if (pathname === "/v1/alerts") return json({ alerts: [] });
    if (pathname === "/v1/events") return json({ events: [event(++this.sent.events), event(++this.sent.events)] });
    if (pathname === "/v1/requests") return json({ requests: Array.from({ length: 256 }, request) });
    if (pathname === "/v1/telemetry/links") {
      const values = Array(60).fill(1e-4);
      return json({ step_s: 10, links: this.cluster.nodes.slice(1).map((node) => ({ from: name(0), to: node.name, delay_s: values, loss: values, bytes_per_s: values })) });
    }
    const file = path.join(this.dist, pathname === "/" ? "index.html" : path.normalize(pathname));
    if (!file.startsWith(this.dist) || !fs.existsSync(file)) return response.writeHead(404).end();
    response.setHeader("Content-Type", kTypes[path.extname(file)] ?? "application/octet-stream").end(fs.readFileSync(file));
  }
}
