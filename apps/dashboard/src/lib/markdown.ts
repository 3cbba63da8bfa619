// A model's answer is a stranger's text: Markdown becomes HTML that can neither run nor fetch anything.
import createPurify from "dompurify";
import { marked } from "marked";

const purify = createPurify(window);
const allowed = {
  ALLOWED_TAGS: [
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p",
    "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["href", "start", "align", "class"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
};
purify.addHook("afterSanitizeAttributes", (element) => {
  const name = element.getAttribute("class");
  if (name && !/^language-[\w+-]+$/.test(name)) element.removeAttribute("class");
  if (element.tagName !== "A") return;
  element.setAttribute("rel", "noopener noreferrer nofollow");
  element.setAttribute("target", "_blank");
});

// Images become their descriptions: an address may carry the conversation to its owner.
const renderer = new marked.Renderer();
renderer.image = ({ text }) => `<em>[${text.replaceAll("<", "&lt;")}]</em>`;

export function toHtml(text: string): string {
  return purify.sanitize(marked.parse(text, { async: false, gfm: true, breaks: true, renderer }), allowed);
}
