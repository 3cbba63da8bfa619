// The telemetry of all devices: what is now, as it changes, and what was.
//
// Two ranges: the last ten minutes by samples (a stream of the server), and the last day by minutes (asked for again from
// time to time). Histories are plain arrays outside Svelte's state; `version` says that they have changed.
import { api, ApiError } from "./api.svelte";
import { readEvents } from "./sse";
import type { Alert, LinkPast, RecentEvent, RecentRequest, Telemetry, TelemetrySubject } from "./types";

export type Range = "minutes" | "day";
export const metrics = ["utilization", "memory_used_bytes", "temperature_c", "power_w", "clock_mhz", "fan", "charge"] as const;
export type Metric = (typeof metrics)[number];
export type Values = (number | null)[];

const kMinutes = { seconds: 600, step: 0.5 };
const kDay = { seconds: 86_400, step: 10, together: 6 }; // ten-second means, six of which are one point
const kDayAgain = 60_000; // ms
const kRecentAgain = 2_000;
const kDraw = 1_000; // ms between two drawings of a live chart

export interface Subject {
  key: string; // "desk/cuda0", "desk" of a machine
  node: string;
  now: TelemetrySubject;
  age: number;
}

// The means of `together` neighbouring values, so that a day has one point for each minute.
export function means(values: readonly (number | null | boolean)[], together: number): Values {
  const out: Values = [];
  // The last group ends with the last value.
  for (let end = values.length; end > 0; end -= together) {
    let sum = 0, count = 0;
    for (let i = Math.max(0, end - together); i < end; ++i) {
      const value = values[i];
      if (value === null || value === undefined) continue;
      sum += Number(value);
      ++count;
    }
    out.push(count > 0 ? sum / count : null);
  }
  return out.reverse();
}

// Times of `count` values of which the last is of `last`, in seconds.
export const times = (count: number, step: number, last: number) => Array.from({ length: count }, (_, i) => last - (count - 1 - i) * step);

class TelemetryFeed {
  subjects = $state.raw<Subject[]>([]);
  alerts = $state.raw<Alert[]>([]);
  events = $state.raw<RecentEvent[]>([]); // the newest first
  requests = $state.raw<RecentRequest[]>([]); // the newest first
  links = $state.raw<LinkPast[]>([]);
  linkTimes = $state.raw<number[]>([]);
  version = $state(0);
  complete = $state(false);
  failed = $state("");
  ready = $state(false); // there is something of everything
  range = $state<Range>("minutes");

  #x: number[] = [];
  #values = new Map<string, Values>();
  #users = 0;
  #abort: AbortController | null = null;
  #drawn = 0;
  #gotRecent = false;

  get span(): number {
    return this.range === "day" ? kDay.seconds : kMinutes.seconds;
  }
  get x(): readonly number[] {
    return this.#x;
  }
  values(subject: string, metric: Metric): Values | undefined {
    return this.#values.get(`${metric} ${subject}`);
  }

  // While somebody looks; returns what to call when nobody does.
  look(): () => void {
    if (++this.#users === 1) this.#begin();
    const onVisible = () => (document.hidden ? this.#end() : this.#begin());
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      if (--this.#users === 0) this.#end();
    };
  }
  show(range: Range): void {
    this.range = range;
    this.#x = [];
    this.#values.clear();
    ++this.version;
    this.#begin();
  }

  #begin(): void {
    this.#end();
    const abort = (this.#abort = new AbortController());
    void this.#repeat(abort, kRecentAgain, () => this.#askRecent(abort.signal));
    if (this.range === "day") {
      void this.#repeat(abort, kDayAgain, () => this.#askDay(abort.signal));
    } else {
      void this.#repeat(abort, kDraw, () => this.#follow(abort.signal));
    }
  }
  #end(): void {
    this.#abort?.abort();
    this.#abort = null;
  }

  // Again and again until it is aborted, also after a failure.
  async #repeat(abort: AbortController, ms: number, work: () => Promise<void>): Promise<void> {
    while (!abort.signal.aborted) {
      try {
        await work();
        this.failed = "";
      } catch (error) {
        if (error instanceof ApiError) this.failed = error.message;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        abort.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      });
    }
  }

  async #askRecent(signal: AbortSignal): Promise<void> {
    const history = this.range === "day" ? kDay.seconds : kMinutes.seconds;
    const newest = this.events[0]?.number ?? 0;
    const [{ events }, { requests }, { links, step_s }] = await Promise.all([
      api.get<{ events: RecentEvent[] }>(`/v1/events?after=${newest}`, signal),
      api.get<{ requests: RecentRequest[] }>("/v1/requests", signal),
      api.get<{ links: LinkPast[]; step_s: number }>(`/v1/telemetry/links?history_s=${history}`, signal),
    ]);
    const { alerts } = await api.get<{ alerts: Alert[] }>("/v1/alerts", signal);
    if (signal.aborted) return;
    // Numbers start again with another node.
    if (events.length > 0) this.events = [...events.reverse(), ...this.events].slice(0, 500);
    this.requests = requests.reverse();
    this.alerts = alerts;
    const together = this.range === "day" ? kDay.together : 1;
    this.links = links.map((link) => ({
      ...link, delay_s: means(link.delay_s, together), loss: means(link.loss, together), bytes_per_s: means(link.bytes_per_s, together),
    }));
    this.#gotRecent = true;
    this.linkTimes = times(Math.max(0, ...this.links.map((link) => link.delay_s.length)), step_s * together, Date.now() / 1000);
  }

  async #askDay(signal: AbortSignal): Promise<void> {
    const telemetry = await api.get<Telemetry>(`/v1/telemetry?history_s=${kDay.seconds}&step_s=${kDay.step}`, signal);
    if (!signal.aborted) this.#take(telemetry, kDay.step, kDay.together);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const response = await api.fetch(`/v1/telemetry/stream?history_s=${kMinutes.seconds}`, { signal });
    let first = true;
    for await (const event of readEvents(response.body!)) {
      if (signal.aborted) return;
      if (event.name === "alerts") this.alerts = (JSON.parse(event.data) as { alerts: Alert[] }).alerts;
      if (event.name !== "telemetry") continue;
      const telemetry = JSON.parse(event.data) as Telemetry;
      if (first) this.#take(telemetry, kMinutes.step, 1);
      else this.#append(telemetry);
      first = false;
    }
  }

  // A whole history.
  #take(telemetry: Telemetry, step: number, together: number): void {
    this.#values.clear();
    let length = 0;
    for (const { key, now } of subjectsOf(telemetry)) {
      for (const metric of metrics) {
        const history = now.history?.[metric];
        if (!history) continue;
        const values = means(history, together);
        length = Math.max(length, values.length);
        this.#values.set(`${metric} ${key}`, values);
      }
    }
    this.#x = times(length, step * together, Date.now() / 1000);
    for (const values of this.#values.values()) while (values.length < length) values.unshift(null);
    this.#drawn = 0;
    this.#publish(telemetry);
  }
  // One sample more.
  #append(telemetry: Telemetry): void {
    const most = kMinutes.seconds / kMinutes.step;
    const subjects = new Map(subjectsOf(telemetry).map((each) => [each.key, each.now]));
    this.#x.push(Date.now() / 1000);
    for (const [key, now] of subjects) {
      for (const metric of metrics) {
        const name = `${metric} ${key}`;
        if (now[metric] != null && !this.#values.has(name)) this.#values.set(name, Array<null>(this.#x.length - 1).fill(null));
      }
    }
    for (const [name, values] of this.#values) {
      const at = name.indexOf(" ");
      values.push(subjects.get(name.slice(at + 1))?.[name.slice(0, at) as Metric] ?? null);
      if (values.length > most) values.shift();
      if (values.every((value) => value === null)) this.#values.delete(name);
    }
    if (this.#x.length > most) this.#x.shift();
    this.#publish(telemetry);
  }
  #publish(telemetry: Telemetry): void {
    const now = performance.now();
    if (this.#drawn !== 0 && now - this.#drawn < kDraw - 50) return;
    this.#drawn = now;
    this.complete = telemetry.complete;
    this.subjects = subjectsOf(telemetry);
    this.ready ||= this.#gotRecent && this.#x.length > 0;
    ++this.version;
  }
}

function subjectsOf(telemetry: Telemetry): Subject[] {
  return telemetry.nodes.flatMap((node) => [
    ...(node.machine ? [{ key: node.name, node: node.name, now: node.machine, age: node.age_s }] : []),
    ...node.devices.map((now) => ({ key: `${node.name}/${now.id}`, node: node.name, now, age: node.age_s })),
  ]);
}

export const telemetry = new TelemetryFeed();
