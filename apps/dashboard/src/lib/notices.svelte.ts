// Short messages about what the user did, read aloud to screen readers.
import { messageOf } from "./api.svelte";

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

class Notices {
  list = $state<Notice[]>([]);
  #next = 0;

  add(text: string, bad = false): void {
    const id = this.#next++;
    this.list.push({ id, text, bad });
    setTimeout(() => this.remove(id), bad ? 12_000 : 5_000);
  }
  remove(id: number): void {
    this.list = this.list.filter((each) => each.id !== id);
  }
  // Runs an action; says so when it fails.
  async run(action: () => Promise<unknown>, done?: string): Promise<boolean> {
    try {
      await action();
      if (done) this.add(done);
      return true;
    } catch (error) {
      this.add(messageOf(error), true);
      return false;
    }
  }
}

export const notices = new Notices();
