// What ajv in strict mode says of each file: "valid", "invalid", or "unread" when it is not YAML 1.2.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, schema, ...files] = process.argv.slice(2);
const require = createRequire(packages);
const Ajv = require("ajv/dist/2020").default;
const { parseAllDocuments } = require("yaml");

const ajv = new Ajv({ strict: true });
ajv.addVocabulary(["markdownDescription", "defaultSnippets", "errorMessage"]); // for editors
const text = readFileSync(schema, "utf8");
const own = new Set([...text.matchAll(/"(x-[a-z-]+)":/g)].map((found) => found[1])); // for reports
ajv.addVocabulary([...own]);
const judge = ajv.compile(JSON.parse(text));

const verdicts = {};
for (const file of files) {
  const documents = parseAllDocuments(readFileSync(file, "utf8"), { version: "1.2" });
  const readable = documents.length === 1 && documents[0].errors.length === 0;
  verdicts[file] = !readable ? "unread" : judge(documents[0].toJS()) ? "valid" : "invalid";
}
console.log(JSON.stringify(verdicts));
