// Ollama's client for JavaScript against a server: ollama_client.mjs BASE_URL MODEL. Holds for any model's words.
import assert from "node:assert/strict";
import test from "node:test";

import { Ollama } from "ollama";

const [host, model] = process.argv.slice(2);
const client = new Ollama({ host });
const messages = [{ role: "system", content: "be brief" }, { role: "user", content: "say hello" }];
const options = { seed: 3, num_predict: 8 };

test("a chat whole and streamed is the same", async () => {
  const whole = await client.chat({ model, messages, options });
  let text = "", last;
  for await (const part of await client.chat({ model, messages, options, stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.equal(last.done, true);
  assert.equal(last.eval_count, whole.eval_count);
});

test("generate", async () => {
  const whole = await client.generate({ model, prompt: "one", raw: true, options });
  let text = "";
  for await (const part of await client.generate({ model, prompt: "one", raw: true, options, stream: true })) {
    text += part.response;
  }
  assert.equal(text, whole.response);
});

test("models", async () => {
  assert.ok((await client.list()).models.some((entry) => entry.name === model));
  assert.ok((await client.ps()).models.some((entry) => entry.name === model));
  assert.ok((await client.show({ model })).capabilities.includes("completion"));
});

test("errors", async () => {
  await assert.rejects(client.chat({ model: "no-such-model", messages }), (error) =>
    error.status_code === 404 && error.message.includes("no-such-model"));
});
