// The colours that the user chose, in this browser alone.
export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const kKey = "exogpu.theme";
export const storedTheme = (): Theme => themes.find((each) => each === localStorage.getItem(kKey)) ?? "system";
export const applyTheme = (theme: Theme) => void (document.documentElement.dataset["theme"] = theme);
export const storeTheme = (theme: Theme) => localStorage.setItem(kKey, theme);
