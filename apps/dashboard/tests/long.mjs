// The page for eight hours, accelerated, with a made-up cluster of 30 nodes: its memory stays flat.
//
// usage: node long.mjs [HOURS]     (8) after `npm ci && npm run build`; 0 only checks that the cluster is as the API has it
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { MadeUp } from "./made_up.mjs";

const hours = Number(process.argv[2] ?? 8);
const kNodes = 30, kChangesPerHour = 3600, kSamplesPerHour = 7200, kFlatBytes = 3 << 20;
const made = new MadeUp(kNodes);
made.check();
if (hours === 0) process.exit();
const url = await made.serve();

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
const devtools = await page.context().newCDPSession(page);
async function used() {
  for (let i = 0; i < 3; ++i) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes } = await devtools.send("Memory.getDOMCounters");
  return { bytes: usedSize, nodes };
}

// Runs a view for `hours` and compares its memory after a tenth of them and at the end.
async function stays(view, kind, perHour) {
  await page.goto(`${url}#/${view}`);
  await page.reload();
  await page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
  const all = hours * perHour;
  const begun = Date.now();
  const reach = async (count) => {
    made.limit = { changes: 0, samples: 0, [kind]: count };
    while (made.sent[kind] < count) await new Promise((resolve) => setTimeout(resolve, 50));
    await page.waitForTimeout(1500); // what is waiting is drawn
  };
  made.sent[kind] = 0;
  await reach(Math.ceil(all / 10));
  const before = await used();
  await reach(all);
  const after = await used();
  const MB = (bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(`${view}: ${hours} h in ${((Date.now() - begun) / 1000).toFixed(0)} s: ` +
    `${MB(before.bytes)} MB and ${before.nodes} DOM nodes after a tenth, ${MB(after.bytes)} MB and ${after.nodes} at the end`);
  assert.ok(after.bytes < before.bytes * 1.1 + kFlatBytes, `${view} grows`);
  assert.ok(after.nodes < before.nodes * 1.1 + 500, `the DOM of ${view} grows`);
}
await stays("home", "changes", kChangesPerHour);
await stays("telemetry", "samples", kSamplesPerHour);
await browser.close();
made.close();
