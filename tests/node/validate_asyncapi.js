// Parses an AsyncAPI document with `@asyncapi/parser`.
// stdin: the document. stdout: {"messages": […], "channels": […], "diagnostics": [{…}, …]}.
"use strict";
const { Parser } = require("@asyncapi/parser");

async function main() {
  const text = require("node:fs").readFileSync(0, "utf8");
  const { document, diagnostics } = await new Parser().parse(text);
  const names = (all) => all.all().map((one) => one.id());
  process.stdout.write(
    JSON.stringify({
      messages: document === undefined ? [] : names(document.components().messages()),
      channels: document === undefined ? [] : document.channels().all().map((c) => c.address()),
      diagnostics: diagnostics.map((d) => ({
        severity: d.severity,
        code: d.code,
        path: d.path.join("."),
        message: d.message,
      })),
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
