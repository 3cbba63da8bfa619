// An answer as it is written, through reloads and nodes that are gone: the bytes that were read are counted, and any
// member gives what follows them.
import { api, ApiError } from "../lib/api.svelte";
import { readEvents } from "../lib/sse";
import type { ChatSettings, Message } from "./store";

const kLinger = 120; // seconds that the answer goes on without this page
const kTakeUpFor = 60_000;
const kPause = 500;

interface Chunk {
  id?: string;
  choices?: {
    delta?: {
      content?: string | null;
      reasoning_content?: string | null;
      tool_calls?: { index: number; function?: { name?: string; arguments?: string } }[];
    };
    finish_reason?: string | null;
  }[];
  usage?: { completion_tokens: number } | null;
  error?: { message: string };
}

export interface Writing {
  message: Message;
  members: () => string[]; // APIs to ask, the likeliest first
  begun: () => Promise<void>; // the message can be taken up from now on; done when that is kept
  changed: () => void; // something of the message is another
  signal: AbortSignal;
}

function take(chunk: Chunk, message: Message): void {
  if (chunk.error) throw new ApiError(0, chunk.error.message, null);
  const delta = chunk.choices?.[0]?.delta;
  message.text += delta?.content ?? "";
  message.reasoning += delta?.reasoning_content ?? "";
  for (const call of delta?.tool_calls ?? []) {
    const known = (message.tools[call.index] ??= { name: "", arguments: "" });
    known.name += call.function?.name ?? "";
    known.arguments += call.function?.arguments ?? "";
  }
  if (chunk.usage && message.stats) message.stats.tokens = chunk.usage.completion_tokens;
}

// True: the answer is complete. False: the connection broke before.
async function read(response: Response, writing: Writing): Promise<boolean> {
  const { message } = writing;
  try {
    for await (const event of readEvents(response.body!, message.stream?.from ?? 0)) {
      if (event.data === "[DONE]") return true;
      const chunk = JSON.parse(event.data) as Chunk;
      if (!message.stream) {
        message.stream = { id: chunk.id ?? "", from: 0 };
        await writing.begun(); // before anything is shown, which a reload would lose
      }
      take(chunk, message);
      message.stream.from = event.end;
      writing.changed();
    }
  } catch (error) {
    if (error instanceof ApiError || writing.signal.aborted) throw error;
  }
  return false;
}

async function takeUp(writing: Writing): Promise<void> {
  const until = Date.now() + kTakeUpFor;
  let last: unknown = new Error("the connection broke");
  while (Date.now() < until && writing.message.stream) {
    const { id, from } = writing.message.stream;
    for (const base of writing.members()) {
      try {
        const response = await api.fetch(`/v1/stream/${id}?from=${from}`, { signal: writing.signal }, base);
        if (await read(response, writing)) return;
      } catch (error) {
        writing.signal.throwIfAborted();
        last = error;
        // Gone for good, where the node that kept it is there and does not have it; else ask the next.
        if (error instanceof ApiError && error.status === 0) throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, kPause));
    writing.signal.throwIfAborted();
  }
  throw last;
}

// Asks for an answer and writes it into the message. Throws what went wrong.
export async function ask(
  model: string,
  history: Message[],
  settings: ChatSettings,
  writing: Writing,
): Promise<void> {
  const messages: { role: string; content: string }[] = settings.system
    ? [{ role: "system", content: settings.system }]
    : [];
  for (const { role, text } of history) messages.push({ role, content: text });
  const body = {
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    linger_s: kLinger,
    truncation: "auto",
    temperature: settings.temperature,
    top_p: settings.top_p,
    max_tokens: settings.max_tokens,
    seed: settings.seed,
  };
  const response = await api.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: writing.signal,
  });
  if (!(await read(response, writing))) await takeUp(writing);
}

export const goOn = takeUp;

export async function stop(message: Message, members: string[]): Promise<void> {
  if (!message.stream) return;
  for (const base of members) {
    try {
      await api.fetch(`/v1/stream/${message.stream.id}`, { method: "DELETE" }, base);
      return;
    } catch {
      // the next one may know it
    }
  }
}
