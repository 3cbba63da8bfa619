// Conversations in this browser, and nowhere else (IndexedDB).
export interface ToolCall {
  name: string;
  arguments: string;
}

export interface Stats {
  model: string;
  first_token_s: number | null;
  tokens: number | null;
  tokens_per_s: number | null;
  stages: string[]; // "desk/cpu 0–11", in the order of the ring
}

export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  text: string;
  reasoning: string;
  tools: ToolCall[];
  state: "streaming" | "done" | "stopped" | "failed";
  error: string | null;
  // Where an answer that is being written can be taken up again: its id, and the bytes of it that are in `text`.
  stream: { id: string; from: number } | null;
  stats: Stats | null;
}

export interface ChatSettings {
  system: string;
  temperature: number | null; // null: the model's own
  top_p: number | null;
  max_tokens: number | null;
  seed: number | null;
}

export interface Conversation {
  id: string;
  title: string;
  updated: number; // ms since 1970
  model: string;
  settings: ChatSettings;
  messages: Message[];
  leaf: string | null; // the last message of the branch that is shown
}

const kStore = "conversations";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("exogpu", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function transact<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(kStore, mode);
      const request = work(transaction.objectStore(kStore));
      transaction.oncomplete = () => resolve(request.result); // kept, even if the page goes now
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const loadAll = () => transact<Conversation[]>("readonly", (store) => store.getAll());
export const save = (conversation: Conversation) => transact("readwrite", (store) => store.put(conversation));
export const erase = (id: string) => transact("readwrite", (store) => store.delete(id));
