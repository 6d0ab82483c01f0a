// fhir-kit-client (npm): what it makes of the server, as one line of JSON.
import * as kit from "fhir-kit-client";
const Client = kit.default ?? kit.Client;
const [, , baseUrl, token, patient] = process.argv;
const client = new Client({ baseUrl, bearerToken: token });

async function main() {
  const statement = await client.capabilityStatement();
  const found = await client.search({ resourceType: "Observation", searchParams: { patient, _count: 2 } });
  const next = await client.nextPage({ bundle: found });
  const body = {
    resourceType: "Observation", status: "final", code: { text: "Pulse" }, valueString: "72",
    subject: { reference: `Patient/${patient}` },
  };
  const made = await client.create({ resourceType: "Observation", body });
  const patched = await client.patch({
    resourceType: "Observation", id: made.id,
    jsonPatch: [{ op: "replace", path: "/status", value: "amended" }],
  });
  const versions = await client.history({ resourceType: "Observation", id: made.id });
  let missing = 0;
  try { await client.read({ resourceType: "Observation", id: "nothing" }); } catch (problem) { missing = problem.response.status; }
  const smart = await client.smartAuthMetadata();
  console.log(JSON.stringify({
    version: statement.fhirVersion, total: found.total, pages: [found.entry.length, next.entry.length],
    status: patched.status, versions: versions.entry.length, missing, authorize: String(smart.authorizeUrl || ""),
  }));
}

main().catch((problem) => { console.error(problem); process.exit(1); });
