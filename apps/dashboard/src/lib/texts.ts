// All texts of the page, a file for each language.
import { de } from "./texts/de";
import { en } from "./texts/en";

export type { Texts } from "./texts/en";
export const texts = { en, de };
