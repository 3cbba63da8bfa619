// What the sensors of all devices read, for the picture of the cluster: asked for so seldom that it costs little.
import { api } from "./api.svelte";
import type { Telemetry, TelemetrySubject } from "./types";

const kAgain = 10_000; // ms

class Readings {
  #subjects = $state.raw(new Map<string, TelemetrySubject>());
  #users = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  // Of a device, by the id of its node and its own.
  of(node: string, device: string): TelemetrySubject | undefined {
    return this.#subjects.get(`${node}/${device}`);
  }
  // Watts of all devices of a node; undefined: none measures it.
  watts(node: string): number | undefined {
    let sum: number | undefined;
    for (const [key, { power_w, kind }] of this.#subjects) {
      if (kind !== "machine" && power_w !== undefined && key.startsWith(`${node}/`)) sum = (sum ?? 0) + power_w;
    }
    return sum;
  }

  // While somebody looks; returns what to call when nobody does.
  look(): () => void {
    if (++this.#users === 1) {
      void this.#ask();
      this.#timer = setInterval(() => void this.#ask(), kAgain);
    }
    return () => {
      if (--this.#users === 0) clearInterval(this.#timer);
    };
  }

  async #ask(): Promise<void> {
    if (document.hidden) return;
    const now = await api.get<Telemetry>("/v1/telemetry").catch(() => null);
    if (!now) return;
    this.#subjects = new Map(now.nodes.flatMap((node) => node.devices.map((each) => [`${node.id}/${each.id}`, each] as const)));
  }
}

export const readings = new Readings();
