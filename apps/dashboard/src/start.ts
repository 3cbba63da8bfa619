import { mount } from "svelte";
import App from "./App.svelte";

const target = document.getElementById("app")!;
// Apart from what was read just now, as a task of its own.
setTimeout(() => {
  target.replaceChildren();
  mount(App, { target });
});
