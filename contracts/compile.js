// Compiles src/*.sol and writes artifacts/<Contract>.json. `node compile.js DIRECTORY` writes there instead.
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const here = __dirname;
const target = process.argv[2] ?? path.join(here, "artifacts");
const names = fs.readdirSync(path.join(here, "src")).filter((name) => name.endsWith(".sol")).sort();

const input = {
  language: "Solidity",
  sources: Object.fromEntries(
    names.map((name) => [`src/${name}`, { content: fs.readFileSync(path.join(here, "src", name), "utf8") }]),
  ),
  settings: {
    // Written for chains since Cancun, so that a layer 2 behind mainnet takes them too.
    evmVersion: "cancun",
    viaIR: true,
    optimizer: { enabled: true, runs: 1_000_000 },
    // No hash of sources or paths in the bytecode: the same code on every machine.
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: Object.fromEntries(
      names.map((name) => [`src/${name}`, { [path.basename(name, ".sol")]: ["abi", "evm.bytecode.object"] }]),
    ),
  },
};

function find(name) {
  for (const root of [here, path.join(here, "node_modules")]) {
    const file = path.join(root, name);
    if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
  }
  return { error: `${name} not found` };
}

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
if ((output.errors ?? []).length) process.exit(1);

fs.mkdirSync(target, { recursive: true });
for (const name of names) {
  const contract = path.basename(name, ".sol");
  const { abi, evm } = output.contracts[`src/${name}`][contract];
  const artifact = { contract, compiler: solc.version(), abi, bytecode: `0x${evm.bytecode.object}` };
  fs.writeFileSync(path.join(target, `${contract}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
}
console.log(`${names.length} contracts compiled by solc ${solc.version()}`);
