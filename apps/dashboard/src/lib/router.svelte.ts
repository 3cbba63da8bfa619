// The view in the address: #/models. One page on the server, so that every node serves all of them.
export const views = ["home", "models", "chat", "devices", "telemetry", "access"] as const;
export type View = (typeof views)[number];

class Router {
  view = $state<View>("home");
  part = $state(""); // behind the view: #/models/NAME

  start(): void {
    window.addEventListener("hashchange", () => this.#read());
    this.#read();
  }
  go(view: View, part = ""): void {
    location.hash = `#/${view}${part ? "/" + encodeURIComponent(part) : ""}`;
  }
  #read(): void {
    const [view, ...rest] = location.hash.replace(/^#\//, "").split("/");
    this.view = views.find((each) => each === view) ?? "home";
    try {
      this.part = decodeURIComponent(rest.join("/"));
    } catch {
      this.part = "";
    }
  }
}

export const router = new Router();
