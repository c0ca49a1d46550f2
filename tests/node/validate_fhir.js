// Validates FHIR R4 resources with the `fhir` package, and their units with `ucum-lhc`.
// stdin: a JSON list of resources. stdout: {"messages": [[…], …], "units": {"N": true, …}}.
"use strict";
const { Fhir } = require("fhir");
const { UcumLhcUtils } = require("@lhncbc/ucum-lhc");

const UCUM = "http://unitsofmeasure.org";

function unitsOf(value, found) {
  if (Array.isArray(value)) value.forEach((item) => unitsOf(item, found));
  else if (value !== null && typeof value === "object") {
    if (value.system === UCUM) found.add(value.code);
    Object.values(value).forEach((item) => unitsOf(item, found));
  }
  return found;
}

const resources = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const fhir = new Fhir();
const ucum = UcumLhcUtils.getInstance();
const messages = resources.map((resource) => {
  const result = fhir.validate(resource, { errorOnUnexpected: true });
  return result.valid ? [] : result.messages.map((m) => `${m.location}: ${m.message}`);
});
const units = {};
for (const unit of unitsOf(resources, new Set())) {
  units[unit] = ucum.validateUnitString(unit).status === "valid";
}
process.stdout.write(JSON.stringify({ messages, units }));
