// The views, each of which is a file of its own: the one that is looked at is fetched first. The others follow once it is drawn, so that
// all are there when the node is gone that the page came from.
import type { Component } from "svelte";
import { views as names, type View } from "./router.svelte";
import { nextTurn } from "./turns.svelte";

const files: Record<View, () => Promise<{ default: Component }>> = {
  home: () => import("../views/Home.svelte"),
  models: () => import("../views/Models.svelte"),
  chat: () => import("../views/Chat.svelte"),
  devices: () => import("../views/Devices.svelte"),
  telemetry: () => import("../views/Telemetry.svelte"),
  access: () => import("../views/Access.svelte"),
};
const kAgain = 1000; // ms

class Views {
  #loaded = $state.raw<Partial<Record<View, Component>>>({});

  // Undefined: it is being fetched.
  of(view: View): Component | undefined {
    return this.#loaded[view];
  }
  async load(view: View): Promise<void> {
    while (!this.#loaded[view]) {
      try {
        const { default: component } = await files[view]();
        this.#loaded = { ...this.#loaded, [view]: component };
      } catch {
        await new Promise((resolve) => setTimeout(resolve, kAgain)); // the node may come back
      }
    }
  }
  async loadOthers(): Promise<void> {
    for (const view of names) {
      await nextTurn();
      await this.load(view);
    }
  }
}

export const views = new Views();
