// What the page remembers of its user's choices, in this browser alone.
import { setLocale } from "./format";
import { texts, type Texts } from "./texts";
import { applyTheme, storedTheme, storeTheme, type Theme } from "./theme";

export type Language = keyof typeof texts;
export type { Theme };

const kLanguage = "exogpu.language";
function storedLanguage(): Language {
  const value = localStorage.getItem(kLanguage);
  return value !== null && Object.hasOwn(texts, value) ? (value as Language) : navigator.language.startsWith("de") ? "de" : "en";
}

class Settings {
  language = $state(storedLanguage());
  theme = $state(storedTheme());
  t: Texts = $derived(texts[this.language]);

  apply(): void {
    setLocale(this.language);
    document.documentElement.lang = this.language;
    applyTheme(this.theme);
  }
  setLanguage(language: Language): void {
    this.language = language;
    localStorage.setItem(kLanguage, language);
    this.apply();
  }
  setTheme(theme: Theme): void {
    this.theme = theme;
    storeTheme(theme);
    this.apply();
  }
}

export const settings = new Settings();
