// A record system in JavaScript: receives what stations publish, with nothing but the published
// documents to go by, and sends receipts.
//
//   node receive_results.js PORT FOLDER_OF_SCHEMAS
//
// Prints {"ready": true} once subscribed, then a line for each message: its topic, the schema that it
// names, what is wrong with it ([] for nothing), QoS and retain flag. Ends when its input does.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const mqtt = require("mqtt");
const Ajv = require("ajv");
const Ajv2020 = require("ajv/dist/2020");
const addFormats = require("ajv-formats");

const [port, folder] = process.argv.slice(2);
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), "utf8"));

const ajv = addFormats(new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false }));
const validators = new Map();
for (const name of fs.readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  if (name === "asyncapi.json") continue;
  const schema = read(name);
  validators.set(schema.title, ajv.compile(schema));
}
// A Bundle names its schema in the user properties; what they hold stands in the AsyncAPI document.
const fhir = read("asyncapi.json").components.messages["dynod.fhir.1"];
const headers = addFormats(new Ajv({ allErrors: true })).compile(fhir.headers);

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const problems = (validate, data) =>
  validate(data) ? [] : validate.errors.map((e) => `${e.instancePath} ${e.message}`);

function judge(topic, payload, packet) {
  const type = packet.properties?.contentType;
  if (topic.endsWith("/results/fhir")) {
    const envelope = { ...packet.properties?.userProperties };
    const wrong = problems(headers, envelope);
    if (type !== fhir.contentType) wrong.push(`content type ${type}`);
    return { schema: envelope.schema, envelope, wrong };
  }
  const validate = validators.get(payload.schema);
  if (validate === undefined) return { schema: payload.schema, wrong: ["no such schema"] };
  const wrong = problems(validate, payload);
  if (type !== "application/json") wrong.push(`content type ${type}`);
  return { schema: payload.schema, envelope: payload, wrong };
}

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
  protocolVersion: 5,
  clientId: "record-system-in-javascript",
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
});
client.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
client.on("message", (topic, bytes, packet) => {
  const payload = JSON.parse(bytes.toString("utf8"));
  const { schema, envelope, wrong } = judge(topic, payload, packet);
  const told = { topic, schema, wrong, qos: packet.qos, retain: packet.retain };
  if (topic.includes("/results/") && wrong.length === 0) {
    told.sequence = Number(envelope.sequence);
    const receipt = { result_id: envelope.result_id, revision: Number(envelope.revision) };
    const to = topic.replace(/results\/\w+$/, "receipts");
    client.publish(to, JSON.stringify({ receipts: [receipt] }), { qos: 1 });
  }
  say(told);
});
client.on("connect", () => {
  const all = ["results/+", "status", "session/state", "devices/+/status", "live/+"];
  const topics = all.map((last) => `dynod/v1/+/+/${last}`);
  client.subscribe(topics, { qos: 1 }, (error) => {
    if (error) throw error;
    say({ ready: true });
  });
});
process.stdin.resume();
process.stdin.on("end", () => client.end(false, {}, () => process.exit(0)));
