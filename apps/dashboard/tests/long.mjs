// The page for eight hours, accelerated, with a made-up cluster of 30 nodes: its memory stays flat. It also says how long
// the first paint took, and how long scripts blocked the page meanwhile.
//
// usage: node long.mjs [HOURS]     (8) after `npm ci && npm run build`
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { chromium } from "playwright-core";

const hours = Number(process.argv[2] ?? 8);
const kNodes = 30, kChangesPerHour = 3600, kSamplesPerHour = 7200, kFlatBytes = 3 << 20;
const dist = new URL("../dist/", import.meta.url).pathname;

// --- a cluster that fits the description of the API
const id = (i) => String(i).padStart(2, "0").repeat(16);
const name = (i) => `node-${i}`;
const predicted = { first_token_s: 0.5, tokens_per_s_alone: 40, tokens_per_s_parallel: 90 };
const plan = {
  epoch: 1, context: 4096, pool: 16384, parallel: 4, activations: "f32", predicted, unused_devices: [],
  stages: Array.from({ length: kNodes }, (_, i) => ({
    node: name(i), device: "cuda0", layer_begin: i, layer_end: i + 1, memory_bytes: 1e9, status: "ready", activity: null, done_bytes: null, total_bytes: null,
  })),
};
const live = { requests: 1, waiting_requests: 0, tokens_per_s: 40, computed_tokens_per_s: 40, replayed_tokens: 0, stage_step_s: Array(kNodes).fill(0.001) };
const served = {
  model: "model", content: "0".repeat(64), pinned: true, keep_loaded_s: 0, used_at_unix_s: 1, serving: true, serving_since_unix_s: 1, not_serving_reason: null, plan, live,
};
const cluster = {
  node: name(0), model: "model", content: served.content, serving: true, not_serving_reason: null, models: [served], library: [], pulls: [],
  model_file_error: null, identity_conflicts: [], leader: name(0), no_leader_reason: null, term: 1, index: 1, plan, live, weights: { sent_bytes: 0, received_bytes: 0 },
  nodes: Array.from({ length: kNodes }, (_, i) => ({
    id: id(i), name: name(i), leader: i === 0, online: true, offline_reason: null, draining: false, on_battery: false, battery: null, load_percent: 10,
    memory_pressure: "none", memory_max_bytes: null, wired: true, version: "0.1.0", api_url: null, shards: [],
    devices: [{ id: "cuda0", name: "A GPU", kind: "discrete", memory_free_bytes: 8e10, load_percent: 10, temperature_c: 50, heat: "normal", speed_percent: 100, failure: null }],
    links: Array.from({ length: kNodes }, (_, j) => ({ to: id(j), delay_s: 1e-4, jitter_s: 1e-5, loss: 0, bytes_per_s: 1e9, avoided: false })).filter((link) => link.to !== id(i)),
  })),
};
const metrics = ["memory_used_bytes", "utilization", "power_w", "temperature_c", "clock_mhz"];
const subject = (i, step, history) => ({
  id: "cuda0", name: "A GPU", kind: "discrete", backend: "CUDA", metrics, memory_used_bytes: 4e10 + step, memory_total_bytes: 8e10,
  utilization: (step % 100) / 100, power_w: 300 + (step % 50), temperature_c: 50 + (step % 30), clock_mhz: 1500 + i, suitability: 0.5,
  ...(history ? { history: Object.fromEntries(metrics.map((metric) => [metric, Array.from({ length: 1200 }, (_, at) => at % 90)])) } : {}),
});
const telemetry = (step, history = false) => ({
  version: 1, complete: true, step_s: 0.5, ranking: [],
  nodes: cluster.nodes.map((node, i) => ({ id: node.id, name: node.name, age_s: 0, devices: [subject(i, step, history)] })),
});
const event = (number) => ({ number, at_unix_s: Date.now() / 1000, level: "info", text: `plan ${number} of model: a line of usual length about layers and devices` });
const request = () => ({
  at_unix_s: Date.now() / 1000, model: "model", end: "length", prompt_tokens: 10, prompt_tokens_reused: 0, answer_tokens: 100, accepted_s: 0.01,
  first_token_s: 0.4, duration_s: 3, tokens_per_s: 38,
});

const description = JSON.parse(fs.readFileSync(path.join(dist, "openapi.json"), "utf8"));
const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ ...description, $id: "api" });
for (const [schema, value] of [["Cluster", cluster], ["Telemetry", telemetry(1, true)], ["RecentEvent", event(1)], ["RecentRequest", request()]]) {
  const validate = ajv.compile({ $ref: `api#/components/schemas/${schema}` });
  assert.ok(validate(value), `${schema}: ${ajv.errorsText(validate.errors)}`);
}

// --- its node; what it sends is counted, and the time of the page runs as fast as the page can follow
const sent = { changes: 0, samples: 0, events: 0 };
async function stream(response, first, next, wanted) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  let open = true, written = () => {};
  response.on("close", () => ((open = false), written())).on("drain", () => written());
  const send = (text) => new Promise((resolve) => {
    written = resolve;
    if (response.write(text)) setImmediate(resolve);
  });
  await send(first);
  while (open) {
    if (!wanted()) await new Promise((resolve) => setTimeout(resolve, 20));
    else await send(next());
  }
}
const kTypes = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
let limit = { changes: 0, samples: 0 };
const server = http.createServer((request_, response) => {
  const url = new URL(request_.url, "http://x");
  const json = (value) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));
  if (url.pathname === "/v1/cluster/events") {
    return stream(response, `event: snapshot\ndata: ${JSON.stringify(cluster)}\n\n`, () => {
      const at = ++sent.changes % kNodes;
      return `event: change\ndata: ${JSON.stringify([
        { op: "replace", path: `/nodes/${at}/load_percent`, value: sent.changes % 100 },
        { op: "replace", path: `/nodes/${at}/devices/0/temperature_c`, value: 40 + (sent.changes % 50) },
        { op: "replace", path: "/models/0/live/tokens_per_s", value: sent.changes % 60 },
      ])}\n\n`;
    }, () => sent.changes < limit.changes);
  }
  if (url.pathname === "/v1/telemetry/stream") {
    return stream(response, `event: telemetry\ndata: ${JSON.stringify(telemetry(0, true))}\n\n`,
      () => `event: telemetry\ndata: ${JSON.stringify(telemetry(++sent.samples))}\n\n`, () => sent.samples < limit.samples);
  }
  if (url.pathname === "/v1/models") return json({ object: "list", data: [], has_more: false, first_id: null, last_id: null });
  if (url.pathname === "/v1/alerts") return json({ alerts: [] });
  if (url.pathname === "/v1/events") return json({ events: [event(++sent.events), event(++sent.events)] });
  if (url.pathname === "/v1/requests") return json({ requests: Array.from({ length: 256 }, request) });
  if (url.pathname === "/v1/telemetry/links") {
    const values = Array(60).fill(1e-4);
    return json({ step_s: 10, links: cluster.nodes.slice(1).map((node) => ({ from: name(0), to: node.name, delay_s: values, loss: values, bytes_per_s: values })) });
  }
  const file = path.join(dist, url.pathname === "/" ? "index.html" : path.normalize(url.pathname));
  if (!file.startsWith(dist) || !fs.existsSync(file)) return response.writeHead(404).end();
  response.setHeader("Content-Type", kTypes[path.extname(file)] ?? "application/octet-stream").end(fs.readFileSync(file));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
const devtools = await page.context().newCDPSession(page);
await page.addInitScript(() => {
  window.blocked = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.blocked += Math.max(0, entry.duration - 50);
  }).observe({ type: "longtask", buffered: true });
});
async function used() {
  for (let i = 0; i < 3; ++i) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes } = await devtools.send("Memory.getDOMCounters");
  return { bytes: usedSize, nodes };
}

// Runs a view for `hours` and compares its memory after a tenth of them and at the end.
async function stays(view, kind, perHour) {
  await page.goto(`http://127.0.0.1:${server.address().port}/#/${view}`);
  await page.reload();
  await page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
  const { paint, blocked } = await page.evaluate(() => ({ paint: performance.getEntriesByName("first-contentful-paint")[0].startTime, blocked: window.blocked }));
  const all = hours * perHour;
  const begun = Date.now();
  const reach = async (count) => {
    limit = { changes: 0, samples: 0, [kind]: count };
    while (sent[kind] < count) await new Promise((resolve) => setTimeout(resolve, 50));
    await page.waitForTimeout(1500); // what is waiting is drawn
  };
  sent[kind] = 0;
  await reach(Math.ceil(all / 10));
  const before = await used();
  await reach(all);
  const after = await used();
  const MB = (bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(`${view}: first paint ${paint.toFixed(0)} ms, blocked ${blocked.toFixed(0)} ms; ${hours} h in ${((Date.now() - begun) / 1000).toFixed(0)} s: ` +
    `${MB(before.bytes)} MB and ${before.nodes} DOM nodes after a tenth, ${MB(after.bytes)} MB and ${after.nodes} at the end`);
  assert.ok(after.bytes < before.bytes * 1.1 + kFlatBytes, `${view} grows`);
  assert.ok(after.nodes < before.nodes * 1.1 + 500, `the DOM of ${view} grows`);
}
await stays("home", "changes", kChangesPerHour);
await stays("telemetry", "samples", kSamplesPerHour);
await browser.close();
server.closeAllConnections();
server.close();
