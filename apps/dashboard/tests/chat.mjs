// A chat with a made-up node that answers as this test wants: thinking, tool calls, editing, trying again, and branches.
//
// usage: node chat.mjs [PICTURES]     after `npm ci && npm run build`; a folder for pictures
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { MadeUp } from "./made_up.mjs";

const pictures = process.argv[2];
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kThought = "The user asks for the weather in Paris. A tool knows that; its argument is the name of the city.";
const kAnswer = "In **Paris** it is 21 °C.\n\n| Hour | °C |\n|---|---|\n| 12 | 21 |\n| 18 | 17 |\n\n```python\nprint(21)\n```\n\nA line that is longer than a phone is wide, with a_word_that_nothing_can_break_" + "x".repeat(80);

const made = new MadeUp(3);
const asked = []; // messages of each request
let goOn = () => {};
const model = { id: "model", object: "model", created: 1, owned_by: "exogpu", status: { value: "loaded" } };
made.answers["/v1/models"] = (_, response) =>
  response.setHeader("Content-Type", "application/json").end(JSON.stringify({ object: "list", data: [model], has_more: false, first_id: "model", last_id: "model" }));
made.answers["/v1/chat/completions"] = async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  asked.push(JSON.parse(body).messages);
  response.setHeader("Content-Type", "text/event-stream");
  const send = (delta, more = {}) => response.write(`data: ${JSON.stringify({ id: `chatcmpl-${String(asked.length).padStart(16, "0")}`, choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`);
  const pause = () => new Promise((resolve) => (goOn = resolve));
  if (asked.length === 1) {
    send({ reasoning_content: kThought });
    await pause();
    send({ content: "I ask the tool." });
    send({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } }] });
    for (const piece of ['{"city":', '"Paris","days":', "2}"]) send({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
  } else {
    send({ content: `Answer ${asked.length}. ${asked.length === 2 ? kAnswer : ""}` });
  }
  send({}, { usage: { completion_tokens: 42 } });
  response.end("data: [DONE]\n\n");
};

const url = await made.serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", reducedMotion: "reduce", bypassCSP: true });
const page = await context.newPage();
page.setDefaultTimeout(15_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
await page.goto(`${url}#/chat`);

async function look(name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document)).violations.map((each) => `${each.id}: ${each.nodes.map((n) => n.html.slice(0, 200)).join(" | ")}`));
  assert.deepEqual(found, [], name);
  for (const [theme, width] of [["light", 1440], ["dark", 360]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: width < 700 ? 780 : 900 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, `${name} is wider than ${width}`);
    if (pictures) await page.screenshot({ path: `${pictures}/chat-${name}-${width}.png` });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}
const button = (name) => page.getByRole("button", { name, exact: true });
const users = page.locator("article.user"), answers = page.locator("article.assistant");
const ask = async (text) => {
  await page.getByPlaceholder("Ask something").fill(text);
  await page.getByPlaceholder("Ask something").press("Enter");
};
const texts = async () => [await users.locator(".text").allInnerTexts(), (await answers.locator(".markdown").allInnerTexts()).map((text) => text.split(".")[0])];

// --- thinking is shown while nothing else is, then folded
await ask("What is the weather in Paris?");
const thinking = page.locator("details.thinking");
await thinking.getByText("The user asks").waitFor();
await button("Stop").waitFor();
await look("thinking");
goOn();
await button("Send").waitFor();
assert.equal(await thinking.getAttribute("open"), null, "it is folded");
await thinking.locator("summary").press("Enter");
await thinking.getByText("The user asks").waitFor();
// --- a tool call, as it would be sent
const tool = answers.locator(".tool");
assert.match(await tool.innerText(), /Calls weather/);
assert.deepEqual(JSON.parse(await tool.locator("code").innerText()), { city: "Paris", days: 2 });
assert.match(await answers.innerText(), /42 tokens/);
await look("tools");

// --- an edited message is another branch; the keyboard leaves it as it was
await button("Edit").click();
const editor = page.getByRole("textbox", { name: "Edit" });
assert.equal(await editor.inputValue(), "What is the weather in Paris?");
assert.ok(await editor.evaluate((element) => element === document.activeElement), "it has the focus");
await look("editing");
await editor.press("Escape");
await editor.waitFor({ state: "detached" });
assert.ok(await button("Edit").evaluate((element) => element === document.activeElement), "the focus goes back");
await button("Edit").press("Enter");
await editor.fill("And tomorrow?");
await editor.press("Control+Enter");
await answers.getByText("Answer 2.").waitFor();
assert.deepEqual(asked.at(-1), [{ role: "user", content: "And tomorrow?" }], "nothing of the other branch is sent");
await users.getByText("2/2").waitFor();
await look("edited");
await users.getByRole("button", { name: "Previous version" }).click();
assert.deepEqual(await texts(), [["What is the weather in Paris?"], ["I ask the tool"]]);
await users.getByRole("button", { name: "Next version" }).click();
assert.deepEqual(await texts(), [["And tomorrow?"], ["Answer 2"]]);

// --- another answer to the same, and what follows one of them belongs to that one
await answers.getByRole("button", { name: "Try again" }).click();
await answers.getByText("Answer 3.").waitFor();
assert.deepEqual(asked.at(-1), [{ role: "user", content: "And tomorrow?" }]);
await answers.getByText("2/2").waitFor();
await button("Send").waitFor();
await ask("Go on.");
await answers.getByText("Answer 4.").waitFor();
assert.deepEqual(asked.at(-1).map(({ content }) => content.trim()), ["And tomorrow?", "Answer 3.", "Go on."]);
await answers.first().getByRole("button", { name: "Previous version" }).click();
assert.deepEqual(await texts(), [["And tomorrow?"], ["Answer 2"]]);
await answers.first().getByRole("button", { name: "Next version" }).click();
assert.deepEqual(await texts(), [["And tomorrow?", "Go on."], ["Answer 3", "Answer 4"]]);
await look("branches");

// --- all of it is there after a reload
await page.reload();
await answers.getByText("Answer 4.").waitFor();
assert.deepEqual(await texts(), [["And tomorrow?", "Go on."], ["Answer 3", "Answer 4"]]);
await users.first().getByRole("button", { name: "Previous version" }).click();
assert.deepEqual(await texts(), [["What is the weather in Paris?"], ["I ask the tool"]]);
assert.deepEqual(complaints, []);
await browser.close();
made.close();
