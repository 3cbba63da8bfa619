// The page with a made-up cluster of 200 devices: it is drawn soon, fits every screen, moves nothing, and one device is found.
//
// usage: node many.mjs [PICTURES]     after `npm ci && npm run build`; a folder for pictures
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { MadeUp } from "./made_up.mjs";

const pictures = process.argv[2];
const kNodes = 200, kStages = 40;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const made = new MadeUp(kNodes, kStages);
made.check();
const url = await made.serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

for (const width of pictures ? [360, 768, 1440, 2560] : [360, 1440]) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, locale: "en-GB", colorScheme: width < 1000 ? "dark" : "light", bypassCSP: true });
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.blocked = window.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.blocked += Math.max(0, each.duration - 50)))).observe({ type: "longtask", buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.shift += each.hadRecentInput ? 0 : each.value))).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(url);
  const table = page.getByRole("region", { name: "All devices" });
  await table.getByRole("row").nth(kNodes).waitFor();
  assert.equal(await page.getByRole("article").count(), kNodes, "each has its place in the picture");
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, `wider than ${width}`);
  const { shift, blocked } = await page.evaluate(() => ({ shift: window.shift, blocked: window.blocked }));
  assert.ok(shift < 0.02, `the layout at ${width} shifts by ${shift}`);
  console.log(`${kNodes} devices at ${width}: shift ${shift.toFixed(4)}, blocked ${blocked.toFixed(0)} ms`);
  if (pictures) await page.screenshot({ path: `${pictures}/many-${width}.png` });
  await table.getByRole("button", { name: "Temperature" }).click();
  await table.getByRole("button", { name: "Temperature" }).click();
  assert.match(await table.getByRole("row").nth(1).innerText(), /84 °C/, "the hottest is first");
  await table.getByLabel("Search devices").fill("node-117");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  if (width === 1440) {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => (await window.axe.run(document)).violations.map((each) => `${each.id}: ${each.help}`));
    assert.deepEqual(found, []);
  }
  await context.close();
}
await browser.close();
made.close();
