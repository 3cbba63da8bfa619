// Numbers and times for people, by the language of the page.
let locale = "en";
export function setLocale(language: string): void {
  // Of those that the user's system has, one of this language: "en-GB" has other times than "en".
  locale = navigator.languages.find((each) => each === language || each.startsWith(`${language}-`)) ?? language;
}

const number = (value: number, digits: number) =>
  new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value);

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
  return new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 }).format(value);
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
  new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value);
export const amount = (value: number, unit: string) => `${number(value, Math.abs(value) < 10 ? 1 : 0)} ${unit}`;

export const day = (unixS: number) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(unixS * 1000));

// "14:03:59"; with the day where that is not today.
export function clock(unixS: number): string {
  const date = new Date(unixS * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale, { timeStyle: "medium", ...(today ? {} : { dateStyle: "short" }) }).format(date);
}
export const hourAndMinute = (unixS: number) => new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(unixS * 1000));

export const time = (ms: number) =>
  new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(ms));

// "0–11" of the layers from 0 up to, without, 12.
export const layers = (begin: number, end: number) => (end - begin === 1 ? `${begin}` : `${begin}–${end - 1}`);
