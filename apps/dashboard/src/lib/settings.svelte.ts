// What the page remembers of its user's choices, in this browser alone.
import { setLocale } from "./format";
import { texts, type Texts } from "./texts";

export type Language = keyof typeof texts;
export type Theme = "system" | "light" | "dark";

function stored<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  const value = localStorage.getItem(key);
  return allowed.find((each) => each === value) ?? otherwise;
}

class Settings {
  language = $state<Language>(
    stored("exogpu.language", Object.keys(texts) as Language[], navigator.language.startsWith("de") ? "de" : "en"),
  );
  theme = $state<Theme>(stored("exogpu.theme", ["system", "light", "dark"], "system"));
  t: Texts = $derived(texts[this.language]);

  apply(): void {
    setLocale(this.language);
    document.documentElement.lang = this.language;
    document.documentElement.dataset["theme"] = this.theme;
  }
  setLanguage(language: Language): void {
    this.language = language;
    localStorage.setItem("exogpu.language", language);
    this.apply();
  }
  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem("exogpu.theme", theme);
    this.apply();
  }
}

export const settings = new Settings();
