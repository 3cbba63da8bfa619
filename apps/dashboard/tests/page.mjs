// The page in a browser, with a cluster of three nodes.
//
// usage: node page.mjs '{"nodes": [{"name", "url", "pid"}, ...], "model": NAME, "join": COMMAND, "pictures": FOLDER or null}'
// The first node is the one whose page is opened; the model's stages are on all three, in this order. The second is
// killed in the middle of an answer, the first at the end. `join` and a code make another device a member of the first.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const { nodes, model, join, pictures } = JSON.parse(process.argv[2]);
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

// --- what is seen
const page = await open(first.url);
await page.getByText("One model ready on 3 devices").waitFor();
for (const node of nodes) assert.equal(await page.getByRole("article", { name: node.name, exact: true }).count(), 1, node.name);
step("the cluster is seen");

for (const view of ["home", "models", `models/${model}`, "chat", "devices"]) {
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await go(page, view);
    if (view.includes("/")) await page.getByText("Proven best").or(page.getByText("The best that was found")).first().waitFor();
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

// --- a plan before loading: a cut and a device to try
await go(page, `models/${model}`);
const dialog = page.getByRole("dialog");
await dialog.getByText("tokens per second", { exact: false }).first().waitFor();
const slider = dialog.getByRole("slider").first();
if (await slider.count()) {
  const before = await dialog.getByRole("img", { name: /Who holds which layers/ }).getAttribute("aria-label");
  await slider.press("ArrowRight");
  await dialog.getByText("Cut by hand").waitFor();
  await page.waitForFunction((old) => document.querySelector('[role="dialog"] [role="img"]')?.getAttribute("aria-label") !== old, before);
  await dialog.getByRole("button", { name: "Planner's choice" }).click();
}
const used = await dialog.getByRole("img", { name: /Who holds which layers/ }).getAttribute("aria-label");
const without = nodes.find((node) => used.includes(`${node.name}/cpu`));
await dialog.getByRole("checkbox", { name: `Use ${without.name}/cpu` }).uncheck();
await page.waitForFunction((name) => !document.querySelector('[role="dialog"] [role="img"]')?.getAttribute("aria-label").includes(`${name}/cpu`), without.name);
await page.keyboard.press("Escape");
await dialog.waitFor({ state: "detached" });
step("a plan was tried");

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
await until(async () => (await stored()).state === "done", "the answer is stored");
const stream = await (await fetch(`${first.url}/v1/stream/${streamId}?from=0`)).text();
const chunks = stream.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
assert.equal((await stored()).text, chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "no token is lost or doubled");
await button("Try again").click();
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

// --- stop
await go(page, "chat");
await button("New conversation").click();
await ask("Tell a long story.");
await writes(3);
await button("Stop").click();
await page.getByText("stopped").waitFor();

// --- drain a device, and use it again
await go(page, "devices");
const row = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: third.name, exact: true }) });
await row.getByRole("button", { name: "Drain" }).click();
await row.getByText("drained", { exact: true }).waitFor();
await row.getByRole("button", { name: "Use again" }).click();
await row.getByText("online", { exact: true }).waitFor();
step("a device was drained");

// --- a new device
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
