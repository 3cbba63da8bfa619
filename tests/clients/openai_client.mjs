// OpenAI's client for JavaScript against a server: openai_client.mjs BASE_URL MODEL. Holds for any model's words.
import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "system", content: "be brief" }, { role: "user", content: "say hello" }];
const chat = (more = {}) => client.chat.completions.create({ model, messages, max_tokens: 8, seed: 3, ...more });

test("models", async () => {
  const names = [];
  for await (const entry of client.models.list()) names.push(entry.id);
  assert.ok(names.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

test("a chat whole and streamed is the same", async () => {
  const whole = await chat();
  let text = "", reason, usage;
  for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) {
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? "";
      reason = choice.finish_reason ?? reason;
    }
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.deepEqual(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the client's own gathering of a stream", async () => {
  const whole = await chat();
  const gathered = await client.chat.completions
    .stream({ model, messages, max_tokens: 8, seed: 3 })
    .finalChatCompletion();
  assert.equal(gathered.choices[0].message.content, whole.choices[0].message.content);
});

test("completions", async () => {
  const settings = { model, prompt: "one", max_tokens: 4, seed: 1 };
  const whole = await client.completions.create(settings);
  let text = "";
  for await (const chunk of await client.completions.create({ ...settings, stream: true })) text += chunk.choices[0].text;
  assert.equal(text, whole.choices[0].text);
});

test("a response whole and streamed is the same", async () => {
  const settings = { model, input: "say hello", max_output_tokens: 8, seed: 3 };
  const whole = await client.responses.create(settings);
  let text = "", last;
  for await (const event of await client.responses.create({ ...settings, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  assert.equal(text, whole.output_text);
  assert.ok(["response.completed", "response.incomplete"].includes(last.type));
  const next = await client.responses.create({ ...settings, previous_response_id: whole.id });
  assert.equal(next.previous_response_id, whole.id);
});

test("errors have their classes", async () => {
  await assert.rejects(chat({ model: "no-such-model" }), (error) =>
    error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await assert.rejects(chat({ temperature: "warm" }), (error) =>
    error instanceof OpenAI.BadRequestError && error.param === "temperature");
});

test("a stream that is left", async () => {
  const stream = await chat({ stream: true, max_tokens: undefined });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  assert.equal((await chat()).choices.length, 1);
});
