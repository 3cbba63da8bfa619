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

class Api {
  base = $state(""); // "" is the origin of the page
  keyMissing = $state(false);
  // Until the page is closed; its own node has the key in a cookie, too, which outlives a reload and no script can read.
  #key = "";

  // Throws as fetch() does.
  async signIn(key: string): Promise<void> {
    this.#key = key;
    try {
      await this.fetch("/v1/session", { method: "POST" });
      this.keyMissing = this.#forgotten = false;
    } catch (error) {
      this.#key = "";
      throw error;
    }
  }
  async signOut(): Promise<void> {
    this.#key = "";
    await this.fetch("/v1/session", { method: "DELETE" });
  }

  // Throws TypeError when nobody answers, and ApiError for a status that is no success.
  async fetch(path: string, init: RequestInit = {}, base = this.base): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#key) headers.set("Authorization", `Bearer ${this.#key}`);
    const response = await fetch(base + path, { ...init, headers, cache: "no-store" });
    if (response.ok) return response;
    if (response.status === 401) this.#onRefused();
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

  #forgotten = false;
  // The key may be one that has ended, and this machine may need none.
  #onRefused(): void {
    if (this.keyMissing) return;
    if (!this.#forgotten) {
      this.#forgotten = true;
      this.signOut().catch(() => {});
    } else {
      this.keyMissing = true;
    }
  }

  async get<T>(path: string, signal?: AbortSignal, base?: string): Promise<T> {
    return (await this.fetch(path, signal ? { signal } : {}, base ?? this.base)).json() as Promise<T>;
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
