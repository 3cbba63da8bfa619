// How long scripts block the page while it is drawn (the parts of the main thread's tasks beyond 50 ms), with a made-up cluster of 30
// devices; of one or several builds, by turns. By the clock, and by the time that the thread had a processor, which says the same on a
// busy machine.
//
// usage: node blocked.mjs RUNS DIST...     each DIST what `npm run build` makes
import fs from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { MadeUp } from "./made_up.mjs";

const runs = Number(process.argv[2]);
const builds = process.argv.slice(3).map((dist) => path.resolve(dist) + "/");
const kNodes = 30, kQuiet = 600; // ms without a long task, after which all is drawn
const kLong = 50; // ms
const views = ["home", "models", "devices", "telemetry"];

// Of the thread that evaluates modules.
function tasksOf(events) {
  const thread = (event) => `${event.pid}/${event.tid}`;
  const modules = events.filter((event) => event.name === "v8.evaluateModule").map(thread);
  const main = modules.sort((a, b) => modules.filter((each) => each === b).length - modules.filter((each) => each === a).length)[0];
  const tasks = events.filter((event) => event.name.endsWith("RunTask") && event.ph === "X" && thread(event) === main);
  return tasks.map(({ dur, tdur }) => ({ clock: dur / 1000, processor: (tdur ?? 0) / 1000 }));
}
const beyond = (tasks, by) => tasks.reduce((sum, task) => sum + Math.max(0, task[by] - kLong), 0);

// One page in a browser of its own: nothing is compiled before.
async function drawn(url, view) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.addInitScript(() => {
    window.last = window.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.last = each.startTime + each.duration))).observe({ type: "longtask", buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.shift += each.hadRecentInput ? 0 : each.value))).observe({ type: "layout-shift", buffered: true });
  });
  await browser.startTracing(page, { categories: ["devtools.timeline", "v8", "disabled-by-default-devtools.timeline"] });
  await page.goto(`${url}#/${view}`);
  await page.waitForSelector("main h1");
  const result = await page.evaluate(async (quiet) => {
    const begun = performance.now();
    while (performance.now() - Math.max(begun, window.last) < quiet) await new Promise((resolve) => setTimeout(resolve, 100));
    return { shift: window.shift, paint: performance.getEntriesByName("first-contentful-paint")[0].startTime };
  }, kQuiet);
  const tasks = tasksOf(JSON.parse(await browser.stopTracing()).traceEvents);
  await browser.close();
  return { ...result, clock: beyond(tasks, "clock"), processor: beyond(tasks, "processor"), longest: Math.max(...tasks.map((task) => task.processor)) };
}

const all = new Map(); // by view and build
const pages = await Promise.all(builds.map(async (dist) => {
  const made = new MadeUp(kNodes, kNodes, dist);
  return { made, dist, url: await made.serve() };
}));
const load = () => fs.readFileSync("/proc/loadavg", "utf8").split(" ")[0];
console.log(`load ${load()}`);
for (let run = 0; run < runs; ++run) {
  for (const view of views) {
    for (const { dist, url } of pages) {
      const key = `${view} ${dist}`;
      all.set(key, [...(all.get(key) ?? []), await drawn(url, view)]);
    }
  }
}
for (const [key, results] of all) {
  const sorted = (name) => results.map((each) => each[name]).sort((a, b) => a - b);
  const spread = (name) => `${sorted(name)[runs >> 1].toFixed(0)} (${sorted(name)[0].toFixed(0)} to ${sorted(name).at(-1).toFixed(0)}) ms`;
  console.log(`${key}: blocked ${spread("clock")}, of the processor's time ${spread("processor")}, longest task ${spread("longest")}, ` +
    `first paint ${spread("paint")}, layout shift at most ${sorted("shift").at(-1).toFixed(4)}`);
}
console.log(`load ${load()}`);
for (const { made } of pages) made.close();
