// Opens a SMART Health Link in the browser of whoever was handed it. The key stands behind the # of the address and is
// sent nowhere; the server gives ciphertext for the passcode, and writes down that it did.
//
// Contract with the page: <section data-health-link> holds <form data-ask> (fields recipient, passcode), <p data-said
// role="status"> whose data-* are the sentences, and <div data-summary hidden> with [data-title], [data-about],
// [data-sections], [data-copy] and <button data-keep hidden>. In the sentences: {left}, {name}, {moment}.
"use strict";

const root = document.querySelector("[data-health-link]");
const form = root.querySelector("[data-ask]");
const said = root.querySelector("[data-said]");
const shown = root.querySelector("[data-summary]");
const language = document.documentElement.lang;
const utf8 = new TextDecoder("utf-8", { fatal: true });

const say = (name, values = {}) => {
  const words = said.dataset[name].replace(/\{(\w+)\}/g, (_all, key) => values[key] ?? "");
  said.dataset.state = name;
  said.textContent = words;
};

const bytes = (text) => {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("This is not base64url.");
  const plain = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(plain + "=".repeat((4 - (plain.length % 4)) % 4)), (one) => one.charCodeAt(0));
};

// --- The link --------------------------------------------------------------------------------------
function read(fragment) {
  const at = fragment.indexOf("shlink:/");
  if (at < 0) return null;
  try {
    const link = JSON.parse(utf8.decode(bytes(fragment.slice(at + "shlink:/".length))));
    const whole = typeof link.url === "string" && typeof link.key === "string" && bytes(link.key).length === 32;
    return whole && (link.v ?? 1) === 1 ? link : null;
  } catch {
    return null;
  }
}

const link = read(decodeURIComponent(location.hash.slice(1)));
// What stood behind the # does not stay in the address, nor in the history of a computer others use.
if (location.hash) history.replaceState(null, "", location.pathname);

function begin() {
  if (link === null) return say("none");
  if (new URL(link.url, location.href).origin !== location.origin) return say("elsewhere");
  if (link.exp && link.exp * 1000 <= Date.now()) return say("gone");
  form.hidden = false;
  form.elements.passcode.closest(".field").hidden = !String(link.flag ?? "").includes("P");
  form.addEventListener("submit", open);
}

async function open(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  const { recipient, passcode } = form.elements;
  if (!recipient.value.trim()) {
    recipient.focus();
    return say("nameless");
  }
  say("opening");
  try {
    const answer = await fetch(link.url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      credentials: "omit",
      body: JSON.stringify({ recipient: recipient.value.trim(), passcode: passcode.value.replace(/\s/g, "") }),
    });
    if (answer.status === 401) return await refused(answer);
    if (answer.status === 404) return close();
    if (!answer.ok) return say("unable");
    await show(await answer.json(), recipient.value.trim());
  } catch {
    say("unable");
  }
}

async function refused(answer) {
  const { remainingAttempts: left } = await answer.json();
  if (!left) return close();
  form.elements.passcode.value = "";
  form.elements.passcode.focus();
  say("wrong", { left });
}

function close() {
  form.hidden = true;
  say("gone");
}

// --- The file --------------------------------------------------------------------------------------
async function decrypted(jwe) {
  const [head, key, nonce, body, tag] = jwe.split(".");
  const header = JSON.parse(utf8.decode(bytes(head)));
  if (header.alg !== "dir" || header.enc !== "A256GCM" || key !== "" || header.zip) throw new Error("Not a file we read.");
  const sealed = new Uint8Array([...bytes(body), ...bytes(tag)]);
  const opener = await crypto.subtle.importKey("raw", bytes(link.key), "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: bytes(nonce), additionalData: new TextEncoder().encode(head), tagLength: 128 };
  return utf8.decode(await crypto.subtle.decrypt(how, opener, sealed));
}

async function show(manifest, name) {
  const file = manifest.files.find((one) => one.contentType === "application/fhir+json");
  const jwe = file.embedded ?? (await (await fetch(file.location, { credentials: "omit" })).text());
  const text = await decrypted(jwe);
  const bundle = JSON.parse(text);
  const composition = bundle.entry[0].resource;
  const patient = bundle.entry.map((one) => one.resource).find((one) => one.resourceType === "Patient");
  const moment = new Date(composition.date).toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
  form.hidden = true;
  shown.hidden = false;
  shown.querySelector("[data-title]").textContent = composition.title;
  root.querySelector("[data-intro]").hidden = true;
  const about = shown.querySelector("[data-about]");
  about.append(element("bdi", called(patient)), `, ${about.dataset.born.replace("{day}", day(patient.birthDate))}`);
  const copy = shown.querySelector("[data-copy]");
  copy.textContent = copy.dataset.words.replace("{name}", name).replace("{moment}", moment);
  shown.querySelector("[data-sections]").append(...composition.section.map(section));
  if (manifest.mayKeep) offer(text);
  say("shown");
  shown.querySelector("[data-title]").focus();
}

const element = (name, text) => {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
};

function called(patient) {
  const name = patient.name[0];
  return name.text ?? [...(name.prefix ?? []), ...(name.given ?? []), name.family ?? ""].join(" ");
}

// A day as people write it; a year, or a year and month, stays as it is.
function day(text) {
  const whole = /^\d{4}-\d\d-\d\d$/.test(text);
  return whole ? new Date(`${text}T00:00`).toLocaleDateString(language, { dateStyle: "long" }) : text;
}

// A narrative is markup from a file: its words are taken, its markup is not.
function section(one) {
  const made = document.createElement("section");
  made.append(element("h2", one.title));
  const told = new DOMParser().parseFromString(one.text.div, "application/xhtml+xml");
  const lines = [...told.getElementsByTagName("li")];
  if (lines.length === 0) {
    made.append(element("p", told.documentElement.textContent));
    return made;
  }
  const list = document.createElement("ul");
  list.className = "lines";
  for (const line of lines) list.append(row(line));
  made.append(list);
  return made;
}

function row(line) {
  const made = document.createElement("li");
  const head = line.getElementsByTagName("b")[0];
  const title = element("p", head ? head.textContent : line.textContent);
  title.className = "title";
  title.dir = "auto";
  made.append(title);
  const rest = head ? line.textContent.slice(head.textContent.length).trim() : "";
  if (rest) {
    const detail = element("p", rest);
    detail.className = "detail";
    detail.dir = "auto";
    made.append(detail);
  }
  return made;
}

function offer(text) {
  const button = shown.querySelector("[data-keep]");
  button.hidden = false;
  button.addEventListener("click", () => {
    const away = document.createElement("a");
    away.href = URL.createObjectURL(new Blob([text], { type: "application/fhir+json" }));
    away.download = "summary.json";
    away.click();
    URL.revokeObjectURL(away.href);
  });
}

begin();
