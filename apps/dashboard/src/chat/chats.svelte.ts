// The conversations of the page, and what happens to them.
import { messageOf } from "../lib/api.svelte";
import { live } from "../lib/cluster.svelte";
import { layers } from "../lib/format";
import { ask, goOn, stop, type Writing } from "./answer";
import { erase, loadAll, save, type ChatSettings, type Conversation, type Message, type Stats } from "./store";

const kSaveEvery = 400; // ms, while an answer is written
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");

function stagesOf(model: string): string[] {
  const plan = live.cluster?.models.find((each) => each.model === model)?.plan;
  return (plan?.stages ?? []).map((s) => `${s.node}/${s.device} ${layers(s.layer_begin, s.layer_end)}`);
}

class Chats {
  list = $state<Conversation[]>([]);
  current = $state<Conversation | null>(null);
  ready = $state(false);
  #running = new Map<string, AbortController>(); // by message
  answering = $state(0);

  async start(): Promise<void> {
    if (this.ready) return;
    const all = await loadAll().catch(() => []);
    this.list = all.sort((a, b) => b.updated - a.updated);
    this.current = this.list[0] ?? null;
    this.ready = true;
    for (const conversation of this.list) {
      for (const message of conversation.messages) {
        if (message.state !== "streaming") continue;
        if (message.stream) void this.#write(conversation, message, (writing) => goOn(writing));
        else Object.assign(message, { state: "failed", error: "interrupted" });
      }
    }
  }

  // The branch that is shown, first message first.
  path(conversation: Conversation): Message[] {
    const byId = new Map(conversation.messages.map((message) => [message.id, message]));
    const path: Message[] = [];
    for (let at = byId.get(conversation.leaf ?? ""); at; at = byId.get(at.parent ?? "")) path.unshift(at);
    return path;
  }
  siblings(conversation: Conversation, message: Message): Message[] {
    return conversation.messages.filter((each) => each.parent === message.parent && each.role === message.role);
  }
  // Shows the newest branch through this message.
  show(conversation: Conversation, message: Message): void {
    let leaf = message;
    for (;;) {
      const next = conversation.messages.filter((each) => each.parent === leaf.id).at(-1);
      if (!next) break;
      leaf = next;
    }
    conversation.leaf = leaf.id;
    void this.#save(conversation);
  }

  create(model: string): Conversation {
    const settings: ChatSettings = { system: "", temperature: null, top_p: null, max_tokens: null, seed: null };
    this.list.unshift({ id: newId(), title: "", updated: Date.now(), model, settings, messages: [], leaf: null });
    this.current = this.list[0]!;
    return this.current;
  }
  async remove(conversation: Conversation): Promise<void> {
    for (const message of conversation.messages) await this.stop(conversation, message);
    this.list = this.list.filter((each) => each.id !== conversation.id);
    if (this.current?.id === conversation.id) this.current = this.list[0] ?? null;
    await erase(conversation.id);
  }

  // Asks behind the message `parent`; a second text behind the same one is another branch.
  send(conversation: Conversation, text: string, parent: string | null): void {
    if (!conversation.title) conversation.title = text.trim().slice(0, 60);
    this.answer(conversation, this.#add(conversation, "user", parent, text).id);
  }
  // Writes another answer to the user's message.
  answer(conversation: Conversation, parent: string): void {
    const history = this.path({ ...conversation, leaf: parent });
    const message = this.#add(conversation, "assistant", parent, "");
    void this.#write(conversation, message, (writing) =>
      ask(conversation.model, history, $state.snapshot(conversation.settings), writing),
    );
  }
  async stop(conversation: Conversation, message: Message): Promise<void> {
    const running = this.#running.get(message.id);
    if (!running) return;
    message.state = "stopped";
    running.abort();
    await stop(message, live.members());
    await this.#save(conversation);
  }
  changed(conversation: Conversation): void {
    void this.#save(conversation);
  }

  #add(conversation: Conversation, role: Message["role"], parent: string | null, text: string): Message {
    const state = role === "user" ? "done" : "streaming";
    const rest = { reasoning: "", tools: [], error: null, stream: null, stats: null };
    conversation.messages.push({ id: newId(), parent, role, text, state, ...rest });
    const added = conversation.messages.at(-1)!; // the reactive one
    conversation.leaf = added.id;
    conversation.updated = Date.now();
    void this.#save(conversation);
    return added;
  }

  async #write(conversation: Conversation, message: Message, work: (writing: Writing) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.#running.set(message.id, abort);
    ++this.answering;
    const begun = performance.now();
    let saved = 0;
    const fresh: Stats = { model: conversation.model, first_token_s: null, tokens: null, tokens_per_s: null, stages: [] };
    const resumed = message.stats !== null;
    message.stats ??= fresh;
    message.stats.stages = stagesOf(conversation.model);
    const stats = message.stats;
    try {
      await work({
        message,
        members: () => live.members(),
        signal: abort.signal,
        begun: () => this.#save(conversation),
        changed: () => {
          const now = performance.now();
          if (!resumed && stats.first_token_s === null && (message.text || message.reasoning)) {
            stats.first_token_s = (now - begun) / 1000;
          }
          if (now - saved < kSaveEvery) return;
          saved = now;
          void this.#save(conversation);
        },
      });
      const rest = (performance.now() - begun) / 1000 - (stats.first_token_s ?? 0);
      if (!resumed && stats.tokens && stats.tokens > 1 && rest > 0) stats.tokens_per_s = (stats.tokens - 1) / rest;
      message.state = "done";
    } catch (error) {
      if (message.state === "streaming") {
        message.state = "failed";
        message.error = messageOf(error);
      }
    } finally {
      this.#running.delete(message.id);
      --this.answering;
      await this.#save(conversation);
    }
  }

  async #save(conversation: Conversation): Promise<void> {
    if (!this.list.some((each) => each.id === conversation.id)) return; // removed meanwhile
    await save($state.snapshot(conversation) as Conversation).catch(() => {});
  }
}

export const chats = new Chats();

export function asMarkdown(conversation: Conversation, path: Message[]): string {
  const parts = path.map((message) => `## ${message.role}\n\n${message.text}\n`);
  return `# ${conversation.title}\n\n${parts.join("\n")}`;
}
