import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// EXOGPU_API: a node whose API `npm run dev` uses.
const api = process.env["EXOGPU_API"] ?? "http://127.0.0.1:8080";

// What chooses the colours runs before the first paint.
const blocking = {
  name: "blocking",
  transformIndexHtml: { order: "post" as const, handler: (html: string) => html.replace('<script type="module"', '<script type="module" blocking="render"') },
};

export default defineConfig({
  plugins: [svelte(), blocking],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: true },
  server: { proxy: { "^/(v1|api|health|version)": { target: api, changeOrigin: true } } },
});
