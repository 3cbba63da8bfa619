// Vercel's AI SDK against a server, by @ai-sdk/openai-compatible: vercel_client.mjs BASE_URL MODEL
import assert from "node:assert/strict";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, streamText, tool } from "ai";

const [baseURL, name] = process.argv.slice(2);
const model = createOpenAICompatible({ name: "exogpu", baseURL: baseURL + "/v1", includeUsage: true })(name);
const settings = { model, system: "be brief", maxOutputTokens: 16, maxRetries: 0 };

const whole = await generateText({ ...settings, prompt: "say hello" });
assert.ok(whole.text && whole.usage.outputTokens > 0);
const stream = streamText({ ...settings, prompt: "say hello" });
let text = "";
for await (const piece of stream.textStream) text += piece;
assert.ok(text && (await stream.usage).outputTokens > 0);

const weather = tool({
  description: "of a town",
  inputSchema: jsonSchema({ type: "object", properties: { town: { type: "string" } } }),
});
const messages = [
  { role: "user", content: "weather?" },
  { role: "assistant", content: [{ type: "tool-call", toolCallId: "c1", toolName: "weather", input: { town: "Ulm" } }] },
  { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "weather", output: { type: "text", value: "rain" } }] },
];
assert.ok((await generateText({ ...settings, messages, tools: { weather } })).usage.outputTokens > 0);
console.log("generateText, streamText, tools and their results");
