// Numbers and times for people, by the language of the page.
let locale = "en";
export function setLocale(language: string): void {
  // Of those that the user's system has, one of this language: "en-GB" has other times than "en".
  locale = navigator.languages.find((each) => each === language || each.startsWith(`${language}-`)) ?? language;
}

// Making a formatter takes a hundred times as long as using one.
const formatters = new Map<string, Intl.NumberFormat>();
function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale} ${options.style} ${options.notation} ${options.maximumFractionDigits}`;
  let found = formatters.get(key);
  if (!found) formatters.set(key, (found = new Intl.NumberFormat(locale, options)));
  return found;
}
const number = (value: number, digits: number) => formatter({ maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value);

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${number(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function count(value: number): string {
  return formatter({ notation: "compact", maximumFractionDigits: 1 }).format(value);
}

export const integer = (value: number) => number(value, 0);
export const rate = (value: number) => number(value, value < 10 ? 1 : 0);

export function duration(seconds: number): string {
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${number(seconds * 1e6, 0)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3, seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 120) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  return `${number(seconds / 60, 0)} min`;
}

// "12,3 %" of 0.123.
export const percent = (value: number) =>
  formatter({ style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value);
export const amount = (value: number, unit: string) => `${number(value, Math.abs(value) < 10 ? 1 : 0)} ${unit}`;

const dates = new Map<string, Intl.DateTimeFormat>();
function date(ms: number, options: Intl.DateTimeFormatOptions): string {
  const key = `${locale} ${options.dateStyle} ${options.timeStyle}`;
  let found = dates.get(key);
  if (!found) dates.set(key, (found = new Intl.DateTimeFormat(locale, options)));
  return found.format(ms);
}

export const day = (unixS: number) => date(unixS * 1000, { dateStyle: "medium" });

// "14:03:59"; with the day where that is not today.
export function clock(unixS: number): string {
  const today = new Date(unixS * 1000).toDateString() === new Date().toDateString();
  return date(unixS * 1000, { timeStyle: "medium", ...(today ? {} : { dateStyle: "short" }) });
}
export const hourAndMinute = (unixS: number) => date(unixS * 1000, { timeStyle: "short" });

export const time = (ms: number) => date(ms, { dateStyle: "medium", timeStyle: "short" });

// "0–11" of the layers from 0 up to, without, 12.
export const layers = (begin: number, end: number) => (end - begin === 1 ? `${begin}` : `${begin}–${end - 1}`);
