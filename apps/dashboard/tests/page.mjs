// The page in a browser, with a cluster of three nodes.
//
// usage: node page.mjs '{"nodes": [{"name", "url", "pid", "device"}, ...], "model": NAME, "spare": FILE, "battery": FOLDER, "audit": FOLDER,
//                        "join": COMMAND, "serve": COMMAND, "newcomer": ADDRESS, "pictures": FOLDER or null}'
// The first node is the one whose page is opened; the model's stages are on all three, in this order. The second is
// killed in the middle of an answer, the first at the end. `join` and a code make another device a member of the first; `serve` then
// starts it, listening at `newcomer`. `spare` is a file in the first node's models folder.
// `battery` has the files of the first node's battery, as the system has them; `audit` is the folder of its audit.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const { nodes, model, spare, battery, audit, join, serve, newcomer, pictures } = JSON.parse(process.argv[2]);
const [first, second, third] = nodes;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kWait = 30_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP stranger.test 127.0.0.1"],
});
const begun = Date.now();
const step = (text) => console.log(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${text}`);

const complaints = [];
const foreign = [];
async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(kWait);
  page.on("console", (message) => {
    // Nodes that were killed do not answer; the browser says so.
    if (message.type() === "error" && !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|ERR_NETWORK|50[34]|404/.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const own = nodes.some((node) => request.url().startsWith(node.url + "/"));
    if (!own && !/^(data|blob):/.test(request.url())) foreign.push(request.url());
  });
  await page.goto(url);
  await page.getByRole("main").getByRole("heading", { level: 1 }).first().waitFor({ state: "attached" });
  return page;
}
const go = async (page, view) => {
  await page.evaluate((to) => (location.hash = `#/${to}`), view);
  await page.waitForFunction((to) => document.querySelector('nav a[aria-current="page"]')?.getAttribute("href") === `#/${to}`, view.split("/")[0]);
};
async function accessible(page, what) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations: found } = await window.axe.run(document, { runOnly });
    return found.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.failureSummary}`).join(" | ")}`);
  });
  assert.deepEqual(violations, [], what);
}
async function until(holds, what) {
  for (const end = Date.now() + kWait; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 50))) {
    assert.ok(Date.now() < end, what);
  }
}
async function noOverflow(page, what) {
  const beyond = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await until(async () => (await beyond()) <= 0, `${what} is wider than the screen`);
}
async function picture(page, name) {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` });
}
// A dialog: on a phone and on a large screen.
async function fits(page, name) {
  await accessible(page, name);
  for (const [theme, width, height] of [["dark", 360, 780], ["light", 1440, 900]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height });
    await noOverflow(page, `${name} at ${width}`);
    await picture(page, `${name}-${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

// How far the parts of a page moved so far, and in the next moments (CLS); and when the first of them was painted (ms).
const kMoments = 300;
const layout = (of) => of.evaluate((ms) => new Promise((resolve) => {
  let shift = 0;
  const moved = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      shift += entry.value;
      for (const { node, previousRect, currentRect } of entry.sources) {
        moved.push(`${node?.nodeName} ${node?.className} ${node?.textContent?.slice(0, 60)}: ${JSON.stringify([previousRect, currentRect])}`);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve({ shift, moved, paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN }), ms);
}), kMoments);

// --- what is seen
const page = await open(first.url);
await page.getByText("One model ready on 3 devices").waitFor();
for (const node of nodes) assert.equal(await page.getByRole("article", { name: node.name, exact: true }).count(), 1, node.name);
step("the cluster is seen");

const views = ["home", "models", `models/${model}`, "chat", "devices", "telemetry", "access"];
// What shows that a view is complete.
const shows = {
  home: (of) => of.getByText("One model ready on 3 devices"),
  models: (of) => of.getByRole("heading", { name: model }),
  [`models/${model}`]: (of) => of.getByText("Proven best").or(of.getByText("The best that was found")).first(),
  chat: (of) => of.getByPlaceholder("Ask something"),
  devices: (of) => of.getByRole("heading", { name: third.name }),
  telemetry: (of) => of.getByRole("img", { name: /^Load: / }),
  access: (of) => of.getByRole("button", { name: "New key" }),
};
for (const view of views) {
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await go(page, view);
    await shows[view](page).waitFor();
    await accessible(page, `${view}, ${theme}`);
    const sizes = pictures ? [360, 768, 1440, 2560] : [360, 1440];
    for (const width of sizes) {
      await page.setViewportSize({ width, height: width < 700 ? 780 : 900 });
      await noOverflow(page, `${view} at ${width}`);
      await picture(page, `${view.replaceAll("/", "_").replace(model, "preview")}-${theme}-${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }
}
await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
step("every view is accessible and fits");

// --- in German, with the numbers and times of its readers
{
  const reader = await open(`${first.url}/#/devices`, { locale: "de-DE" });
  await reader.getByRole("button", { name: "Gerät hinzufügen" }).waitFor();
  assert.equal(await reader.evaluate(() => document.documentElement.lang), "de");
  await accessible(reader, "in German");
  await go(reader, "home");
  await reader.getByText("Ein Modell bereit auf 3 Geräten").waitFor();
  await picture(reader, "home-german");
  await reader.context().close();
}

// --- with the keyboard alone
{
  const typist = await open(first.url);
  const at = () => typist.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim() ?? "");
  const tabTo = async (name) => {
    for (let i = 0; i < 100 && (await at()) !== name; ++i) await typist.keyboard.press("Tab");
    assert.equal(await at(), name, "the keyboard reaches it");
  };
  await tabTo("Skip to the content");
  await typist.keyboard.press("Enter");
  assert.equal(await typist.evaluate(() => document.activeElement.id), "content");
  await typist.reload();
  await typist.getByRole("article").first().waitFor();
  await tabTo("Devices");
  await typist.keyboard.press("Enter");
  await tabTo(`Limits: ${first.name}`);
  await typist.keyboard.press("Enter");
  await typist.getByRole("dialog").waitFor();
  await tabTo("Set the limits");
  await typist.keyboard.press("Escape");
  await typist.getByRole("dialog").waitFor({ state: "detached" });
  await until(async () => (await at()) === `Limits: ${first.name}`, "the focus goes back");
  await typist.context().close();
}
step("the page speaks German, and the keyboard suffices");

// --- nothing moves while a view is built
// What changes meanwhile is shown, and moves something: then it is looked at again.
const cluster = async () => (await fetch(`${first.url}/v1/cluster`)).json();
const changing = async () => JSON.stringify(await cluster(), ["models", "serving", "plan", "epoch", "status", "stages"]);
async function still(view, width) {
  for (;;) {
    const before = await changing();
    const fresh = await open(`${first.url}/#/${view}`, { viewport: { width, height: 900 } });
    await shows[view](fresh).waitFor();
    const { shift, moved, paint } = await layout(fresh);
    await fresh.context().close();
    if (before !== (await changing())) continue;
    assert.ok(shift < 0.02, `the layout of ${view} at ${width} shifts by ${shift}: ${moved.join("; ")}`);
    if (process.env.EXOGPU_TEST_VERBOSE) console.log(`${view} at ${width}: first paint ${paint.toFixed(0)} ms, shift ${shift.toFixed(4)}`);
    return;
  }
}
for (const view of views) await still(view, view === "telemetry" ? 1440 : 360);
step("no view moves while it is built");

// --- the frame is painted while the page itself is still read
{
  const context = await browser.newContext();
  const early = await context.newPage();
  await early.route("**/assets/start-*.js", (route) => route.abort());
  await early.addInitScript(() => localStorage.setItem("exogpu.theme", "dark"));
  await early.goto(first.url);
  await early.getByText("exogpu", { exact: true }).waitFor();
  assert.equal(await early.evaluate(() => document.documentElement.dataset.theme), "dark");
  await context.close();
}

// --- a plan before loading: a cut and a device to try
await go(page, `models/${model}`);
const dialog = page.getByRole("dialog");
await dialog.getByText("tokens per second", { exact: false }).first().waitFor();
const slider = dialog.getByRole("slider").first();
await dialog.locator('[aria-busy="false"]').waitFor();
if (await slider.count()) {
  const before = await dialog.getByRole("img", { name: /Who holds which layers/ }).getAttribute("aria-label");
  await slider.press(Number(await slider.inputValue()) > 1 ? "ArrowLeft" : "ArrowRight");
  await dialog.getByText("Cut by hand").waitFor();
  await page.waitForFunction((old) => document.querySelector('[role="dialog"] [role="img"]')?.getAttribute("aria-label") !== old, before);
  await dialog.getByRole("button", { name: "Planner's choice" }).click();
  // The same cut, dragged in the bar: the bar follows the mouse, and then the plan.
  await dialog.locator('[aria-busy="false"]').waitFor();
  const at = Number(await slider.inputValue()), to = at > 2 ? at - 2 : at + 2;
  const bar = await dialog.locator(".bar:has(.grip)").boundingBox(), grip = await dialog.locator(".grip").first().boundingBox();
  const most = Number(await slider.getAttribute("max")) + 1;
  await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
  await page.mouse.down();
  await page.mouse.move(bar.x + (bar.width * to) / most, grip.y + grip.height / 2, { steps: 5 });
  assert.equal(Number(await slider.inputValue()), to, "the cut is where the mouse is");
  await page.mouse.up();
  await page.mouse.move(bar.x, grip.y);
  assert.equal(Number(await slider.inputValue()), to, "it stays there");
  await dialog.getByText("Cut by hand").waitFor();
  await dialog.locator(".stage").first().getByText(to === 1 ? "layers 0" : `layers 0–${to - 1}`, { exact: true }).waitFor();
  await fits(page, "cut");
  await dialog.getByRole("button", { name: "Planner's choice" }).click();
}
const used = await dialog.getByRole("img", { name: /Who holds which layers/ }).getAttribute("aria-label");
const without = nodes.map((node) => `${node.name}/${node.device}`).find((device) => used.includes(device));
await dialog.getByRole("checkbox", { name: `Use ${without}` }).uncheck();
await page.waitForFunction((device) => !document.querySelector('[role="dialog"] [role="img"]')?.getAttribute("aria-label").includes(device), without);
await page.keyboard.press("Escape");
await dialog.waitFor({ state: "detached" });
step("a plan was tried");

// --- a cut by hand is loaded, and then the planner's own again
async function load(prepare) {
  // While the cluster makes a plan, the dialog may say that there is none, and why.
  await until(async () => {
    await go(page, "models");
    await dialog.waitFor({ state: "detached" });
    await go(page, `models/${model}`);
    return dialog.getByText("tokens per second", { exact: false }).first().waitFor({ timeout: 3000 }).then(() => true, () => false);
  }, "the plan is shown");
  await prepare();
  await dialog.getByRole("button", { name: "Load with these settings" }).click();
  await dialog.waitFor({ state: "detached" });
}
let end = 0; // of the first stage
await load(async () => {
  const cut = dialog.getByRole("slider").first();
  await cut.press(Number(await cut.inputValue()) > 1 ? "ArrowLeft" : "ArrowRight");
  end = Number(await cut.inputValue());
  await dialog.getByText("Cut by hand").waitFor();
});
await until(async () => {
  const now = await cluster();
  return now.serving && now.plan.stages.length === 3 && now.plan.stages[0].layer_end === end;
}, "the cut is served");
const { plan: byHand } = await cluster();
await load(async () => {});
await until(async () => {
  const now = await cluster();
  return now.serving && now.plan.epoch > byHand.epoch && now.plan.stages.length === 3;
}, "the planner decides again");
step("a cut was loaded");

// --- a chat that outlives a reload
const answers = page.locator("article.assistant");
async function ask(text) {
  const before = await answers.count();
  await page.getByPlaceholder("Ask something").fill(text);
  await page.getByPlaceholder("Ask something").press("Enter");
  await page.waitForFunction((n) => document.querySelectorAll("article.assistant").length > n, before);
}
const writes = (more) => page.waitForFunction((n) => [...document.querySelectorAll("article.assistant .markdown")].at(-1)?.textContent.length > n, more);
const button = (name) => page.getByRole("button", { name, exact: true });
let streamId = "";
page.on("response", (response) => (streamId = response.headers()["x-stream-id"] ?? streamId));
const stored = () => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.open("exogpu");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const all = request.result.transaction("conversations").objectStore("conversations").getAll();
    all.onsuccess = () => resolve(all.result.sort((a, b) => b.updated - a.updated)[0].messages.at(-1));
  };
}));
await go(page, "chat");
await button("New conversation").click();
await button("Settings").click();
await page.getByLabel("Longest answer (tokens)").fill("200");
await page.keyboard.press("Escape");
await ask("Tell a story.");
await writes(10);
await page.reload();
await button("Send").waitFor();
assert.equal(await page.getByText("The answer ended").count(), 0);
await until(async () => (({ role, state }) => role === "assistant" && state === "done")(await stored()), "the answer is stored");
const stream = await (await fetch(`${first.url}/v1/stream/${streamId}?from=0`)).text();
const chunks = stream.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
assert.equal((await stored()).text, chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "no token is lost or doubled");
await button("Try again").click();
// Tokens move in the picture meanwhile, but for those who want less to move.
for (const [motion, tokens] of [["no-preference", 3], ["reduce", 0]]) {
  await page.emulateMedia({ reducedMotion: motion });
  await go(page, "home");
  await page.locator("path.link.active").first().waitFor({ state: "attached" });
  assert.equal(await page.locator("circle.token").count(), tokens, motion);
  await go(page, "chat");
}
await page.emulateMedia({ reducedMotion: "no-preference" });
await button("Send").waitFor();
await page.getByText("2/2").waitFor();
await button("Previous version").click();
await page.getByText("1/2").waitFor();
step("an answer outlives a reload");

// --- a node is killed in the middle of an answer
await button("New conversation").click();
await ask("Tell another story.");
await writes(5);
process.kill(second.pid, "SIGKILL");
await button("Send").waitFor();
assert.equal(await page.getByText("The answer ended").count(), 0);
await page.getByText("tokens/s").first().waitFor();
await go(page, "home");
await page.getByText(`${second.name} is offline`, { exact: false }).waitFor();
await picture(page, "home-lost");
step("an answer outlives a node");

// --- what was measured, and what happened
await go(page, "telemetry");
await page.getByText(`node ${second.name} is offline`, { exact: false }).first().waitFor();
const happened = page.getByRole("region", { name: "What happened" });
await happened.getByRole("button", { name: /more$/ }).click();
await happened.getByText("leads the cluster").first().waitFor();
await happened.getByText("there is no plan for", { exact: false }).first().waitFor();
const asked = page.getByRole("region", { name: "Answers", exact: true });
await asked.getByRole("cell", { name: model }).first().waitFor();
assert.match(await asked.innerText(), /Predicted and measured/);
assert.match(await page.getByRole("img", { name: /^Delay of links/ }).getAttribute("aria-label"), /a → .* ms|µs/);
await page.getByRole("button", { name: "24 hours" }).click();
await page.getByRole("img", { name: /^Load: / }).waitFor();
await accessible(page, "a day");
await page.getByRole("button", { name: "10 minutes" }).click();
fs.writeFileSync(`${battery}/BAT0/capacity`, "9\n");
fs.writeFileSync(`${battery}/AC/online`, "0\n");
fs.writeFileSync(`${battery}/BAT0/status`, "Discharging\n");
await page.getByText("its battery has 9 % left").first().waitFor();
await page.getByText("Likely cause", { exact: false }).first().waitFor();
await accessible(page, "an alert");
await picture(page, "telemetry-alert");
fs.writeFileSync(`${battery}/AC/online`, "1\n");
fs.writeFileSync(`${battery}/BAT0/status`, "Charging\n");
step("telemetry says what happened, and an alert what to do");

// --- why a device is not seen, from both sides: other pages go on meanwhile
const doctor = await open(`${first.url}/#/devices`);
await doctor.getByRole("button", { name: "Examine" }).click();

// --- stop
await go(page, "chat");
await until(async () => {
  await button("New conversation").click();
  await ask("Tell a long story.");
  await button("Stop").click({ timeout: 1000 }).catch(() => {}); // a short answer has ended before
  await button("Send").waitFor();
  return (await page.getByText("stopped").count()) > 0;
}, "an answer is stopped");

// --- drain a device, and use it again
await go(page, "devices");
const row = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: third.name, exact: true }) });
await row.getByRole("button", { name: "Drain" }).click();
await row.getByText("drained", { exact: true }).waitFor();
await row.getByRole("button", { name: "Use again" }).click();
await row.getByText("online", { exact: true }).waitFor();
step("a device was drained");

// --- a tab that slept meanwhile catches up
const tab = await page.context().newCDPSession(page);
const draining = async (value) => assert.equal((await fetch(`${first.url}/v1/cluster/drain`, { method: "POST", body: JSON.stringify({ node: third.name, draining: value }) })).status, 200);
await tab.send("Page.setWebLifecycleState", { state: "frozen" });
await draining(true);
await until(async () => (await cluster()).nodes.find(({ name }) => name === third.name).draining, "it is drained");
await tab.send("Page.setWebLifecycleState", { state: "active" });
await row.getByText("drained", { exact: true }).waitFor();
await draining(false);
await row.getByText("online", { exact: true }).waitFor();
step("a tab that slept catches up");

// --- a device gets another name, and gives it back
const renames = async (before, name) => {
  await page.getByRole("button", { name: `Rename: ${before}`, exact: true }).click();
  await page.getByLabel("New name").fill(name);
  await accessible(page, "another name");
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
};
await renames(first.name, "desk 1");
await renames("desk 1", first.name);
step("a device was renamed");

// --- what a device may use is limited, at this node and at another
for (const { name } of [first, third]) {
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });
  await button(`Limits: ${name}`).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Highest temperature").fill("85");
  await form.getByLabel("Only while it is plugged in").check();
  await form.getByLabel("From (hour)").first().fill("22");
  await form.getByRole("button", { name: "Set the limits" }).click(); // hours without their end
  assert.ok(await form.getByLabel("To (hour)").first().evaluate((input) => !input.validity.valid));
  await form.getByLabel("To (hour)").first().fill("7");
  if (name === first.name) await fits(page, "limits");
  await form.getByRole("button", { name: "Set the limits" }).click();
  await form.waitFor({ state: "detached" });
  for (const limit of ["≤ 85 °C", "only plugged in", "quiet 22–7 h"]) await card.getByText(limit).waitFor();
  await button(`Limits: ${name}`).click();
  assert.equal(await form.getByLabel("To (hour)").first().inputValue(), "7");
  await form.getByLabel("Highest temperature").fill("");
  await form.getByLabel("Only while it is plugged in").uncheck();
  for (const hour of ["From (hour)", "To (hour)"]) await form.getByLabel(hour).first().fill("");
  await form.getByRole("button", { name: "Set the limits" }).click();
  await card.getByText("quiet 22–7 h").waitFor({ state: "detached" });
}
step("devices were limited");

// --- the files of a model are deleted, once it is said what that frees; a loaded one is unloaded first
await go(page, "models");
const spareName = path.basename(spare, ".gguf");
const library = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: spareName, exact: true }) });
const deletes = (name, options) => button(`Delete: ${name}`).click(options);
await deletes(model);
await dialog.getByText("It is loaded", { exact: false }).waitFor();
await dialog.getByText("is not in the models folder", { exact: false }).waitFor();
assert.ok(await dialog.getByRole("checkbox", { name: first.name, exact: true }).isDisabled());
await page.keyboard.press("Escape");
await library.getByRole("button", { name: "Load" }).click();
await library.getByText("ready", { exact: true }).waitFor();
await deletes(spareName);
await dialog.getByText(spare).waitFor();
await dialog.getByText("It is loaded", { exact: false }).waitFor();
for (const copy of await dialog.getByRole("checkbox").all()) await copy.check();
await fits(page, "delete");
assert.ok(fs.existsSync(spare));
await dialog.getByRole("button", { name: /^Unload and delete \(\d/ }).click();
await dialog.waitFor({ state: "detached" });
assert.ok(!fs.existsSync(spare));
// A node may have received the rest of it since the copies were listed.
for (let tries = 0; tries < 4; ++tries) {
  if (await library.waitFor({ state: "detached", timeout: 15000 }).then(() => true, () => false)) break;
  if (!(await deletes(spareName, { timeout: 5000 }).then(() => true, () => false))) continue; // it went just now
  for (const copy of await dialog.getByRole("checkbox").all()) await copy.check();
  await dialog.getByRole("button", { name: /delete \(\d/i }).click();
  await dialog.waitFor({ state: "detached" });
}
await library.waitFor({ state: "detached" });
step("a model was deleted");

// --- a key is made, used and revoked
await go(page, "access");
await page.getByRole("button", { name: "New key" }).click();
await page.getByLabel("Name", { exact: true }).fill("<img src=x onerror=window.hacked=1>");
await page.getByLabel("see the cluster").check();
await accessible(page, "a new key");
await page.getByRole("button", { name: "Make the key" }).click();
const key = await page.getByRole("dialog").locator("code").innerText();
assert.match(key, /^exo-[0-9a-f]{16}-[0-9a-f]{48}$/);
await picture(page, "key");
await page.getByRole("button", { name: "I have copied it" }).click();
const statusWith = async (url) => (await fetch(`${url}/v1/cluster`, { headers: { Authorization: `Bearer ${key}` } })).status;
for (const node of [first, third]) await until(async () => (await statusWith(node.url)) === 200, `the key works at ${node.name}`);
// From another computer, as a proxy would say, the page asks for a key; no script can read where the browser keeps it.
const away = await browser.newContext({ extraHTTPHeaders: { "X-Forwarded-For": "192.0.2.7" }, locale: "en-GB" });
const guest = await away.newPage();
guest.setDefaultTimeout(kWait);
await guest.goto(first.url);
for (const typed of ["wrong", key]) {
  await guest.getByLabel("API key").fill(typed);
  await guest.getByRole("button", { name: "Continue" }).click();
  await guest.getByText(typed === key ? "One model ready" : "The API key is wrong", { exact: false }).first().waitFor();
}
const [cookie] = await away.cookies();
assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.value === key, JSON.stringify(cookie));
assert.equal(await guest.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }).match(/exo-[0-9a-f]{16}/)), "null");
await guest.reload();
await guest.getByText("One model ready", { exact: false }).first().waitFor();
await away.close();
await page.getByRole("button", { name: /^Revoke: / }).click();
await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
for (const node of [first, third]) await until(async () => (await statusWith(node.url)) === 401, `the key has ended at ${node.name}`);
await page.getByText("There is no key yet.").waitFor();
step("a key was made, signed in with, and revoked");

// --- who did that, and that nobody changed the record
const record = page.getByRole("region", { name: "Audit", exact: true });
const entry = (text) => record.getByRole("row").filter({ hasText: text });
await record.getByLabel("Kind").selectOption("Keys");
await entry("Make a key<img src=x").filter({ hasText: "a program of this machine127.0.0.1" }).waitFor();
await until(async () => (await record.locator("tbody tr").count()) === (await entry(" a key").count()), "all is about keys");
await record.getByLabel("Kind").selectOption("Everything");
for (let i = 0; i < 60; ++i) await fetch(`${first.url}/v1/cluster/drain`, { method: "POST", body: '{"node": "nobody"}' });
await record.getByRole("button", { name: /new entries$/ }).click();
await entry("nobody").filter({ hasText: "404" }).first().waitFor();
await go(page, "home");
await go(page, "access");
await entry("nobody").first().waitFor();
assert.equal(await entry("Start of the node").count(), 0);
await record.getByRole("button", { name: "Older entries" }).click();
await entry("Start of the node").waitFor();
await record.getByLabel("Search the audit").fill(key.slice(4, 20));
await until(async () => (await record.locator("tbody tr").count()) === 1, "only what fits is shown");
const [chain] = fs.readdirSync(audit).map((name) => `${audit}/${name}`);
const [whole, number] = [fs.readFileSync(chain), await record.locator("tbody td").first().innerText()];
// Of these bytes alone, so that what the node adds meanwhile stays.
const write = (bytes) => {
  const file = fs.openSync(chain, "r+");
  fs.writeSync(file, bytes, 0, bytes.length, whole.indexOf(key.slice(4, 20)));
  fs.closeSync(file);
};
write(Buffer.from("f".repeat(16)));
await record.getByRole("button", { name: "Verify" }).click();
await record.getByRole("alert").getByText(`Entry ${number}: this entry was changed or forged`).waitFor();
await record.locator("tr.spoilt").waitFor();
await accessible(page, "an audit that was changed");
await picture(page, "audit-changed");
write(Buffer.from(key.slice(4, 20)));
await record.getByRole("button", { name: "Verify" }).click();
await record.getByText("are as they were written").waitFor();
step("the audit says who did it, and that it was changed");

// --- a new device
await go(page, "devices");
await page.getByRole("button", { name: "Add a device" }).click();
await page.getByRole("button", { name: "Show a code" }).click();
const code = (await page.locator('output[aria-label="Six digits"]').innerText()).replace(" ", "");
assert.match(code, /^\d{6}$/);
await page.getByRole("img", { name: "QR code" }).waitFor();
await accessible(page, "a code");
await picture(page, "pairing");
await promisify(execFile)(join[0], [...join.slice(1), code]);
await page.getByText("is part of the cluster now").first().waitFor();
await page.keyboard.press("Escape");
step("a device was let in");

// --- nobody tells it where the others are: it is called by its address
const stranded = spawn(serve[0], serve.slice(1), { stdio: "ignore" });
await page.getByRole("button", { name: "Add a device" }).click();
await page.getByRole("tab", { name: "By address" }).click();
const connect = async (address) => {
  await page.getByLabel("Address of the device").fill(address);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
};
await connect("127.0.0.1:1");
await page.getByRole("alert").getByText("127.0.0.1").first().waitFor();
await until(async () => {
  await connect(newcomer);
  return page.getByText(`Connected to ${newcomer}`).waitFor({ timeout: 2000 }).then(() => true, () => false); // it may still be starting
}, "the newcomer is called");
await fits(page, "address");
await page.keyboard.press("Escape");
const fourth = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "newcomer", exact: true }) });
await fourth.getByText("online", { exact: true }).waitFor();
stranded.kill("SIGKILL");
await fourth.getByText("offline", { exact: true }).waitFor();
step("a device was called by its address");

for (const { name } of [first, third]) await doctor.getByText(`From ${name}: `, { exact: false }).waitFor();
await accessible(doctor, "what the doctor found");
await picture(doctor, "doctor");
await doctor.context().close();
step("the doctor was asked at both ends");

// --- hostile content
assert.deepEqual(complaints, []);
await go(page, "chat");
const hostile = [
  "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'></svg>",
  "![track](http://stranger.test/pixel.png) [click](javascript:window.hacked=1) [data](data:text/html,x)",
  "<iframe src='http://stranger.test/'></iframe><form action='http://stranger.test/'><input></form>",
  "<a href='http://stranger.test/' onclick='window.hacked = 1'>link</a> <b style='position:fixed'>bold</b>",
];
await page.route("**/v1/chat/completions", (route) => {
  const parts = hostile.map((content) => `data: ${JSON.stringify({ id: "chatcmpl-0123456789abcdef", choices: [{ delta: { content: content + "\n\n" } }] })}\n\n`);
  return route.fulfill({ contentType: "text/event-stream", body: parts.join("") + "data: [DONE]\n\n" });
});
await button("New conversation").click();
await ask("Attack.");
await answers.last().getByText("bold").waitFor();
const markup = await answers.last().locator(".markdown").evaluate((element) => element.innerHTML);
assert.doesNotMatch(markup, /<(script|img|svg|iframe|form|input)|onerror|onclick|style=|javascript:|data:/i, markup);
assert.equal(await page.evaluate(() => window.hacked), undefined);
assert.equal(await page.locator("main img, main script").count(), 0, "nor by the name of a node");
await page.unroute("**/v1/chat/completions");
// The sanitiser's parser meets the policy, too; nothing else is refused, here or elsewhere.
const refused = complaints.splice(0);
assert.deepEqual(refused.filter((text) => !/^(Executing inline event handler|Applying inline style) violates/.test(text)), []);
step("nothing hostile runs");

// --- pages of other origins
const server = http.createServer((_, response) => response.end("<title>a stranger</title>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const stranger = await (await browser.newContext()).newPage();
await stranger.goto(`http://stranger.test:${server.address().port}/`);
for (const url of [first.url, first.url.replace("127.0.0.1", "stranger.test")]) {
  const got = await stranger.evaluate(async (to) => {
    try {
      return (await fetch(to, { method: "POST", body: '{"node": "x"}' })).status;
    } catch {
      return "refused";
    }
  }, `${url}/v1/cluster/drain`);
  assert.ok(got === "refused" || got === 403, `${url}: ${got}`);
}
server.close();

// --- the page's own node is gone: another member takes its place
await go(page, "home");
process.kill(first.pid, "SIGKILL");
await page.getByText(`${first.name} is offline`, { exact: false }).first().waitFor();
await go(page, "devices");
await page.getByRole("listitem").filter({ hasText: "this page" }).filter({ has: page.getByRole("heading", { name: third.name, exact: true }) }).waitFor();
step("the page goes on with another member");

assert.deepEqual(complaints, []);
assert.deepEqual(foreign, []);
await browser.close();
