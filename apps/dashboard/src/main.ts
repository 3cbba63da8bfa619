// Before the first paint, and no more than that: the colours. index.html has the frame of the page, which is painted while
// the page itself is still read.
import "./app.css";
import { applyTheme, storedTheme } from "./lib/theme";

applyTheme(storedTheme());
const start = () => void import("./start");
if (document.hidden) start(); // nothing is painted
else requestAnimationFrame(() => setTimeout(start));
