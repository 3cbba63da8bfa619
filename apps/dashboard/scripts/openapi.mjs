// From docs/openapi.yaml: the types of the page (src/gen/api.ts), and the JSON that the program serves (public/).
import fs from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import YAML from "yaml";

const here = new URL("..", import.meta.url);
const text = fs.readFileSync(new URL("../../docs/openapi.yaml", here), "utf8");
const description = YAML.parse(text);
fs.mkdirSync(new URL("public/", here), { recursive: true });
fs.writeFileSync(new URL("public/openapi.json", here), JSON.stringify(description) + "\n");
const types = astToString(await openapiTS(description));
fs.mkdirSync(new URL("src/gen/", here), { recursive: true });
fs.writeFileSync(new URL("src/gen/api.ts", here), "// Made from docs/openapi.yaml by `npm run types`.\n" + types);
