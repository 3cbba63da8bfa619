// Requests to the node that the page came from, or to another member of the cluster when that one is gone.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null,
  ) {
    super(message);
  }
}

const kKey = "exogpu.key";

class Api {
  base = $state(""); // "" is the origin of the page
  keyMissing = $state(false);
  #key = sessionStorage.getItem(kKey) ?? "";

  setKey(key: string): void {
    this.#key = key;
    if (key) sessionStorage.setItem(kKey, key);
    else sessionStorage.removeItem(kKey);
    this.keyMissing = false;
  }

  // Throws TypeError when nobody answers, and ApiError for a status that is no success.
  async fetch(path: string, init: RequestInit = {}, base = this.base): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#key) headers.set("Authorization", `Bearer ${this.#key}`);
    const response = await fetch(base + path, { ...init, headers, cache: "no-store" });
    if (response.ok) return response;
    if (response.status === 401) this.keyMissing = true;
    const text = await response.text();
    let message = text || `${response.status} ${response.statusText}`;
    let code: string | null = null;
    try {
      const error = JSON.parse(text).error;
      message = typeof error === "string" ? error : error.message;
      code = error.code ?? null;
    } catch {
      // no JSON: the text is the message
    }
    throw new ApiError(response.status, message, code);
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.fetch(path, signal ? { signal } : {})).json() as Promise<T>;
  }

  async post<T>(path: string, body?: unknown, signal?: AbortSignal, base?: string): Promise<T> {
    const init: RequestInit = { method: "POST" };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "Content-Type": "application/json" };
    }
    if (signal) init.signal = signal;
    return (await this.fetch(path, init, base ?? this.base)).json() as Promise<T>;
  }
}

export const api = new Api();

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
