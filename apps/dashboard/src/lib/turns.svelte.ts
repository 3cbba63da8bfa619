// Work in pieces, each in a task of its own, so that the page reacts and is painted in between.
import { onMount } from "svelte";

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (document.hidden) setTimeout(resolve); // no frame comes
    else requestAnimationFrame(() => setTimeout(resolve));
  });
}

// How many items of a list a component draws: with each turn `each` more, until there are as many as `total()`; then all, and
// `done` is called. To be called while the component is made.
export function gradually(each: number, total: () => number, done?: () => void): { readonly count: number } {
  let count = $state(each);
  onMount(() => {
    let mounted = true;
    void (async () => {
      for (; mounted && count < total(); count += each) await nextTurn();
      if (!mounted) return;
      count = Infinity;
      done?.();
    })();
    return () => (mounted = false);
  });
  return {
    get count() {
      return count;
    },
  };
}
