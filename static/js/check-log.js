// Checks a patient's own list in the browser: the same file and the same steps as audit/verify.py, format in docs/log.md.
//
// Contract with the page (no inline script; load as <script type="module" src="…/check-log.js">):
//   <section data-check-log-url="/…/my-log.json"      where the list is fetched from, same origin, with the session's cookie
//            data-check-log-key="NAME+ID+KEY">        optional: the log's public key, from the page instead of the file
//     <button type="button" data-check-log>…</button> starts the check; without one it starts by itself
//     <p role="status" data-check-result              gets the sentence; its data-state: checking | holds | erased | wrong | unable
//        data-checking="Checking…"                    the sentences are the page's, translated. In them:
//        data-holds="…{count}…{size}…{time}…"         {count} lines, {size} events in the log, {time} of the signed head
//        data-erased="…{gone}…{lines}…"               holds, but {gone} lines have no words any more: those with the numbers {lines}
//        data-wrong="…{problem}…"                     {problem}: what does not hold, naming the first wrong line
//        data-unable="…{problem}…"></p>               nothing was checked: no network, or an old browser
//   </section>
// The section also gets data-state, and the event "check-log" bubbles from it with detail
// {state, count, gone, lines, size, time, problem}.
// Where the browser has no Ed25519, the signature is not checked and data-signature="unchecked" is set on the section;
// else data-signature="holds". Everything else is checked the same.

const FORMAT = "chartseal-log/1";
const ZERO = new Uint8Array(32);
const text = new TextEncoder();

class Refused extends Error {}

const fail = (message) => {
  throw new Refused(message);
};

// --- bytes ---------------------------------------------------------------------------------------
const join = (...parts) => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
const tag = (byte) => Uint8Array.of(byte);
const b64 = (bytes) => btoa(String.fromCharCode(...bytes));
const u64 = (value) => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};

function unb64(value, length) {
  let bytes = null;
  try {
    bytes = Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  } catch {
    bytes = null;
  }
  if (bytes === null || b64(bytes) !== value || (length !== undefined && bytes.length !== length))
    fail(`${String(value).slice(0, 60)} is not written as this format writes bytes.`);
  return bytes;
}

function wholeNumber(value) {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(value)) fail(`${String(value).slice(0, 60)} is not a number of this format.`);
  return Number(value);
}

const hashes = (list) => list.map((value) => (value === "" ? ZERO : unb64(value, 32)));

// --- strict reading: there is one way to write each thing ------------------------------------------
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  // JSON.stringify writes U+007F and above as they are, like the file does; lone surrogates cannot be in UTF-8.
  return JSON.stringify(value);
}

function load(body) {
  let file;
  try {
    file = JSON.parse(body);
  } catch {
    fail("The file is damaged: it is not JSON.");
  }
  if (`${canonical(file)}\n` !== body) fail("The file was written anew since it was made.");
  return file;
}

const KINDS = {
  int: (value) => Number.isSafeInteger(value),
  str: (value) => typeof value === "string",
  list: Array.isArray,
  dict: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
};

function shape(value, what, fields) {
  const names = Object.keys(fields);
  const fits =
    KINDS.dict(value) &&
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name) && KINDS[fields[name]](value[name]));
  if (!fits) fail(`The file is damaged: ${what} has not the parts it should have.`);
}

// --- the tree: RFC 6962 hashing, RFC 9162 section 2.1 checking --------------------------------------
const nodeHash = (left, right) => sha256(tag(1), left, right);

// Which siblings stand on the left, from the leaf upwards; null unless the proof ends at the root.
// Numbers stay below 2^53, so arithmetic replaces the bitwise operators, which stop at 2^32.
function sides(index, last, length) {
  const left = [];
  for (let i = 0; i < length; i += 1) {
    if (last === 0) return null;
    const onLeft = index % 2 === 1 || index === last;
    left.push(onLeft);
    while (onLeft && index % 2 === 0 && index > 0) [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return last === 0 ? left : null;
}

async function inclusionHolds(leaf, index, size, proof, root) {
  if (index < 0 || index >= size) return false;
  const left = sides(index, size - 1, proof.length);
  if (left === null) return false;
  let node = leaf;
  for (const [at, sibling] of proof.entries())
    node = left[at] ? await nodeHash(sibling, node) : await nodeHash(node, sibling);
  return same(node, root);
}

async function consistencyHolds(size1, size2, root1, root2, proof) {
  if (size1 === size2) return proof.length === 0 && same(root1, root2);
  if (size1 <= 0 || size1 > size2 || proof.length === 0) return false;
  let full = 1;
  while (size1 % (2 * full) === 0) full *= 2;
  const [first, ...rest] = size1 === full ? [root1, ...proof] : proof;
  const left = sides(Math.floor((size1 - 1) / full), Math.floor((size2 - 1) / full), rest.length);
  if (left === null) return false;
  let [older, newer] = [first, first];
  for (const [at, sibling] of rest.entries()) {
    if (left[at]) older = await nodeHash(sibling, older);
    newer = left[at] ? await nodeHash(sibling, newer) : await nodeHash(newer, sibling);
  }
  return same(older, root1) && same(newer, root2);
}

async function mapRoot(key, node, path) {
  for (const [at, sibling] of path.entries()) {
    const depth = path.length - 1 - at; // bit 0 is the first bit of the key
    const right = (key[depth >> 3] >> (7 - (depth & 7))) & 1;
    if (same(node, ZERO) && same(sibling, ZERO)) continue;
    node = await (right ? sha256(tag(3), sibling, node) : sha256(tag(3), node, sibling));
  }
  return node;
}

// --- the signed head: a C2SP signed note -------------------------------------------------------------
async function publicKey(value) {
  const [, name, id, material] = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(value) ?? fail("The log's key is damaged.");
  const bytes = unb64(material, 33);
  const mark = (await sha256(text.encode(`${name}\n`), bytes)).slice(0, 4);
  const hex = Array.from(mark, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (bytes[0] !== 1 || hex !== id) fail("The log's key is damaged.");
  return { name, mark, bytes: bytes.slice(1) };
}

async function ed25519(key, signature, message) {
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null; // this browser does not know Ed25519
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

const after = (name, line) => (line.startsWith(name) ? line.slice(name.length) : fail(`There is no line ${name.trim()}.`));

async function readHead(note, keyText) {
  const key = await publicKey(keyText);
  const gap = note.indexOf("\n\n");
  const body = note.slice(0, gap + 1);
  const lines = body.slice(0, -1).split("\n");
  const signatures = note.slice(gap + 2);
  if (gap < 0 || lines.length !== 5 || !/^(— \S+ \S+\n)+$/.test(signatures)) fail("The signed head is damaged.");
  if (lines[0] !== key.name) fail("The head is signed for another log.");
  const mine = signatures.split("\n").filter((line) => line.startsWith(`— ${key.name} `));
  const ours = mine.map((line) => unb64(line.slice(key.name.length + 3))).filter((data) => same(data.slice(0, 4), key.mark));
  const found = await Promise.all(ours.map((data) => ed25519(key.bytes, data.slice(4), text.encode(body))));
  if (!found.some((holds) => holds !== false)) fail("The head was not signed with the log's key.");
  return {
    size: wholeNumber(lines[1]),
    root: unb64(lines[2], 32),
    mapRoot: unb64(after("chartseal-map/1 ", lines[3]), 32),
    time: after("chartseal-time/1 ", lines[4]),
    signature: found.includes(true) ? "holds" : "unchecked",
  };
}

// --- the list ----------------------------------------------------------------------------------------
const LINE = { seq: "int", number: "int", time: "str", link_salt: "str", proof: "list" };
const PARTS = {
  format: "str", key: "str", subject: "str", checkpoint: "str", map: "dict", lines: "list", earlier: "list",
};

async function readTail(tail, key, head) {
  shape(tail, "the length of the list", { count: "int", last: "str", salt: "str", path: "list" });
  const last = unb64(tail.last, 32);
  const wrong = () => fail("What the file says about the length of your list is not what was signed.");
  if (tail.count < 1 || tail.path.length > 256) wrong();
  const node = await sha256(tag(2), key, unb64(tail.salt, 32), u64(tail.count), last);
  if (!same(await mapRoot(key, node, hashes(tail.path)), head.mapRoot)) wrong();
  return { count: tail.count, last };
}

async function readBody(line, position) {
  const when = String(line?.time).slice(0, 40);
  if (KINDS.dict(line) && Object.hasOwn(line, "erased")) {
    shape(line, `line ${position}`, { ...LINE, erased: "str", body_hash: "str" });
    return { facts: null, hash: unb64(line.body_hash, 32), name: `line ${line.seq} (${when}, erased)` };
  }
  shape(line, `line ${position}`, { ...LINE, body: "str", salt: "str" });
  const hash = await sha256(unb64(line.salt, 32), text.encode(line.body));
  try {
    const facts = JSON.parse(line.body);
    return { facts, hash, name: `line ${line.seq} (${when}, ${facts.action} by ${facts.actor.name}, event ${facts.id})` };
  } catch {
    return { facts: {}, hash, name: `line ${line.seq} (${when}, no longer readable)` };
  }
}

async function takeLine(line, position, previous, key, file, head) {
  const { facts, hash, name } = await readBody(line, position);
  if (line.seq !== position) {
    const what = line.seq < position ? "The order was changed" : `Line ${position} is missing`;
    fail(`${what}: at place ${position} stands ${name}.`);
  }
  const link = await sha256(tag(4), unb64(line.link_salt, 32), key, u64(position), previous);
  const entry = text.encode(`chartseal-leaf/1\n${line.time}\n${b64(hash)}\n${b64(link)}\n`);
  const leaf = await sha256(tag(0), entry);
  if (!(await inclusionHolds(leaf, line.number, head.size, hashes(line.proof), head.root)))
    fail(`This line is not what was recorded: ${name}.`);
  if (facts !== null && (facts.subject !== file.subject || facts.time !== line.time))
    fail(`This line is about somebody else: ${name}.`);
  return { leaf, name };
}

async function checkEarlier(entry, head) {
  shape(entry, "an earlier head", { size: "int", root: "str", proof: "list", where: "str" });
  if (!(await consistencyHolds(entry.size, head.size, unb64(entry.root, 32), head.root, hashes(entry.proof))))
    fail(`The signed head does not continue the earlier one of ${entry.size} events.`);
}

/** Check the text of a downloaded list. Returns {count, gone, lines, size, time, signature}; throws with a sentence at the first thing wrong. */
export async function checkList(body, expectedKey) {
  const file = load(body);
  shape(file, "the file", PARTS);
  if (file.format !== FORMAT) fail(`This file is in another format than ${FORMAT}.`);
  if (expectedKey && expectedKey !== file.key) fail("The file names another log's key than this page.");
  const head = await readHead(file.checkpoint, file.key);
  const key = await sha256(text.encode(`chartseal-subject/1\n${file.subject}`));
  const tail = await readTail(file.map, key, head);
  let [previous, name] = [ZERO, ""];
  for (const [at, line] of file.lines.entries())
    ({ leaf: previous, name } = await takeLine(line, at + 1, previous, key, file, head));
  const found = file.lines.length;
  if (found < tail.count)
    fail(`The list ${found ? `ends after ${name}` : "is empty"}, but ${tail.count} were signed: line ${found + 1} is missing.`);
  if (found > tail.count || !same(previous, tail.last)) fail(`The list goes on, or ends otherwise, than was signed: ${name}.`);
  for (const entry of file.earlier) await checkEarlier(entry, head);
  const erased = file.lines.filter((line) => Object.hasOwn(line, "erased")).map((line) => line.seq);
  const gone = { gone: erased.length, lines: erased.join(", ") };
  return { count: tail.count, ...gone, size: head.size, time: head.time, signature: head.signature };
}

// --- the page ----------------------------------------------------------------------------------------
function report(section, state, detail) {
  const result = section.querySelector("[data-check-result]");
  section.dataset.state = state;
  if (detail.signature) section.dataset.signature = detail.signature;
  if (result) {
    result.dataset.state = state;
    const sentence = result.dataset[state] ?? detail.problem ?? state;
    result.textContent = sentence.replace(/\{(\w+)\}/g, (_, name) => String(detail[name] ?? ""));
  }
  section.dispatchEvent(new CustomEvent("check-log", { bubbles: true, detail: { state, ...detail } }));
}

async function check(section) {
  report(section, "checking", {});
  try {
    const response = await fetch(section.dataset.checkLogUrl, { credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const found = await checkList(await response.text(), section.dataset.checkLogKey);
    report(section, found.gone ? "erased" : "holds", found);
  } catch (problem) {
    report(section, problem instanceof Refused ? "wrong" : "unable", { problem: problem.message });
  }
}

function start() {
  for (const section of document.querySelectorAll("[data-check-log-url]")) {
    const button = section.querySelector("[data-check-log]");
    if (button) button.addEventListener("click", () => check(section));
    else check(section);
  }
}

if (typeof document !== "undefined") {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
