// The cluster as the page knows it: one snapshot, kept up to date by the server's changes.
import { api, ApiError } from "./api.svelte";
import { patched, type Operation } from "./patch";
import { readEvents } from "./sse";
import type { Cluster, ClusterNode, ModelEntry } from "./types";

const kSilence = 40_000; // the server sends a comment every 15 s
const kRetry = 500;

class Live {
  // Plain objects that never change: a change makes another whole of them, see patched(). Hundreds of links as reactive ones cost
  // each view more than to look through them again.
  cluster = $state.raw<Cluster | null>(null);
  models = $state.raw<ModelEntry[]>([]);
  connected = $state(false);
  lost = $state<string | null>(null); // the node that went away, by its name
  error = $state<string | null>(null);
  #abort: AbortController | null = null;
  #started = false;
  #restart: (() => void) | null = null;

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.connected) this.again();
    });
    window.addEventListener("online", () => this.again());
  }

  // Connects again at once.
  again(): void {
    this.#abort?.abort();
    this.#restart?.();
  }

  // APIs of members, that of the page's own origin first.
  members(): string[] {
    const urls = (this.cluster?.nodes ?? []).flatMap((node) => (node.online && node.api_url ? [node.api_url] : []));
    return [...new Set([api.base, "", ...urls])];
  }

  async #run(): Promise<void> {
    for (;;) {
      for (const base of this.members()) {
        const error = await this.#follow(base);
        if (error instanceof ApiError && error.status === 401) {
          this.error = error.message;
          break;
        }
        this.error = error instanceof Error ? error.message : null;
      }
      await new Promise<void>((resolve) => {
        this.#restart = resolve;
        setTimeout(resolve, api.keyMissing ? 60_000 : kRetry);
      });
    }
  }

  // Returns when the connection has ended.
  async #follow(base: string): Promise<unknown> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    let timer = setTimeout(() => this.#abort?.abort(), kSilence);
    try {
      const response = await api.fetch("/v1/cluster/events", { signal }, base);
      const alive = new TransformStream<Uint8Array, Uint8Array>({
        transform: (bytes, out) => {
          clearTimeout(timer);
          timer = setTimeout(() => this.#abort?.abort(), kSilence);
          out.enqueue(bytes);
        },
      });
      for await (const event of readEvents(response.body!.pipeThrough(alive))) {
        if (event.name === "snapshot") {
          this.cluster = JSON.parse(event.data) as Cluster;
          api.base = base;
          this.connected = true;
          this.lost = this.error = null;
        } else if (event.name === "change" && this.cluster) {
          this.cluster = patched(this.cluster, JSON.parse(event.data) as Operation[]);
        }
        void this.refreshModels();
      }
      return null;
    } catch (error) {
      return error;
    } finally {
      clearTimeout(timer);
      if (this.connected) this.lost = this.cluster?.node ?? null;
      this.connected = false;
    }
  }

  #refreshing = false;
  #stale = false;
  // Which state each model is in depends on the node, so it is no part of the snapshot.
  async refreshModels(): Promise<void> {
    this.#stale = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    while (this.#stale) {
      this.#stale = false;
      try {
        this.models = (await api.get<{ data: ModelEntry[] }>("/v1/models")).data;
      } catch {
        // the next change asks again
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    this.#refreshing = false;
  }

  get nodes(): ClusterNode[] {
    return this.cluster?.nodes ?? [];
  }
  get online(): ClusterNode[] {
    return this.nodes.filter((node) => node.online);
  }
  byId(id: string): ClusterNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }
  byName(name: string): ClusterNode | undefined {
    return this.nodes.find((node) => node.name === name);
  }
}

export const live = new Live();
