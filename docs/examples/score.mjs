// Scores a portable package with onnxruntime-node alone: no Python, no rtml.
//
//     node score.mjs PACKAGE.rtml < rows.jsonl > answers.jsonl
//
//     import { load } from "./score.mjs";
//     const model = await load("PACKAGE.rtml");
//     const [answer] = await model.score([{ age: null, country: "DE" }]);
//
// Whole numbers that a JavaScript number can't hold are BigInts, in rows and in answers.

import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inflateRawSync } from "node:zlib";
import ort from "onnxruntime-node";

const MISSING_STRING = "\u{FDD0}";
const MISSING_TIME = -(2n ** 63n);
const BATCH = 1024;

/** A package, checked against its digest and its own sample, as { manifest, score }.
 *
 * await score(rows) gives an answer for each row, or fails with an Error that names the first row that is refused; rows are
 * counted from `first`, 0 unless said otherwise. */
export async function load(path) {
  const members = unzip(readFileSync(path), path);
  const manifest = JSON.parse(members["manifest.json"]);
  if (manifest.format !== 1) throw new Error(`${path} has package format ${manifest.format}; this script reads 1`);
  const foreign = manifest.ops.filter((op) => op.kind !== "core" && op.kind !== "function");
  const named = foreign.map((op) => `${op.domain}:${op.op} (${op.kind})`).join(", ");
  if (named) throw new Error(`${path} needs operators that onnxruntime-node can't load: ${named}`);
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(members["model.onnx"], options);
  const score = async (rows, first = 0) => {
    if (rows.length === 0) return [];
    return read(manifest, await session.run(feed(manifest, rows, first)), rows.length, first);
  };
  await verify(manifest, score, parse(members["sample.json"].toString()), path);
  return { manifest, score };
}

// ---- the archive ----------------------------------------------------------------------------------------------------

/** The members of the zip archive by name. Its last 64 bytes are the SHA-256 of all before them. */
function unzip(file, path) {
  const digest = createHash("sha256").update(file.subarray(0, -64)).digest("hex");
  if (digest !== file.subarray(-64).toString("latin1"))
    throw new Error(`${path} is no rtml package, or was changed after it was built`);
  const members = {};
  const end = file.lastIndexOf("PK\x05\x06");
  let at = file.readUInt32LE(end + 16);
  for (let left = file.readUInt16LE(end + 10); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((field) => file.readUInt16LE(at + field));
    const [size, local] = [20, 42].map((field) => file.readUInt32LE(at + field));
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    members[file.toString("utf8", at + 46, at + 46 + name)] = inflateRawSync(file.subarray(start, start + size));
    at += 46 + name + extra + comment;
  }
  return members;
}

// ---- rows to tensors ------------------------------------------------------------------------------------------------

const TENSORS = { float64: Float64Array, int64: BigInt64Array, bool: Uint8Array, string: Array };

/** The input tensors [N, width] of rows; an Error names the first value that does not fit its field. */
function feed(manifest, rows, first) {
  const tensors = {};
  for (const { name, dtype, width } of manifest.inputs)
    tensors[name] = { dtype, width, data: new TENSORS[dtype](rows.length * width) };
  const known = new Set(manifest.fields.map((field) => field.name));
  rows.forEach((row, number) => {
    const at = `/${first + number}`;
    if (row === null || typeof row !== "object") throw new Error(`${at}: expected an object of fields, got ${shown(row)}`);
    const unknown = manifest.extra === "refuse" ? Object.keys(row).find((name) => !known.has(name)) : undefined;
    if (unknown !== undefined) throw new Error(`${at}/${unknown}: there is no such field`);
    for (const field of manifest.fields) {
      const value = carried(field, row, `${at}/${field.name}`);
      const tensor = tensors[field.tensor];
      if (tensor) tensor.data[number * tensor.width + (field.index ?? 0)] = value;
    }
  });
  const tensor = ({ dtype, width, data }) => new ort.Tensor(dtype, data, [rows.length, width]);
  return Object.fromEntries(Object.entries(tensors).map(([name, parts]) => [name, tensor(parts)]));
}

const FITS = {
  float: (value) => (typeof value === "number" || typeof value === "bigint") && Number.isFinite(Number(value)),
  int: (value, field) => {
    const limit = field.nullable ? 2n ** 53n : 2n ** 63n - 1n;
    return (Number.isSafeInteger(value) || typeof value === "bigint") && value >= -limit && value <= limit;
  },
  bool: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string" && !/\p{Surrogate}|\0/u.test(value) && value !== MISSING_STRING,
  timestamp: (value) => typeof value === "string" && micros(value) !== null,
};

/** A field of a row as its tensor carries it. */
function carried(field, row, at) {
  const { type, nullable = false } = field;
  const value = Object.hasOwn(row, field.name) ? row[field.name] : field.optional ? (field.default ?? null) : undefined;
  if (value === null && nullable) return { string: MISSING_STRING, timestamp: MISSING_TIME }[type] ?? NaN;
  const inside =
    (field.minimum === undefined || value >= field.minimum) &&
    (field.maximum === undefined || value <= field.maximum) &&
    (field.categories === undefined || field.categories.includes(value));
  if (value === undefined || !FITS[type](value, field) || !inside)
    throw new Error(`${at}: expected ${type}${nullable ? " or null" : ""}, as the manifest declares it; got ${shown(value)}`);
  if (type === "timestamp") return micros(value);
  if (type === "int" && !nullable) return BigInt(value);
  return type === "string" ? value : Number(value);
}

const DAY = /(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)/.source;
const CLOCK = /[T ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?)?/.source;
const ZONE = /Z|(?<sign>[+-])(?<ahead>[01]\d|2[0-3]):?(?<also>[0-5]\d)/.source;
const GRAMMAR = new RegExp(`^${DAY}(?:${CLOCK})?(?:${ZONE})?$`);

/** Microseconds since 1970 UTC of an ISO text, as a BigInt; null where it is none, or its day is in no calendar. */
function micros(text) {
  const parts = GRAMMAR.exec(text)?.groups ?? {};
  const { year, month, day, hour = 0, minute = 0, second = 0, fraction = "", sign, ahead = 0, also = 0 } = parts;
  if (!(year > 0) || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== Number(day)) return null;
  const offset = (Number(ahead) * 60 + Number(also)) * (sign === "-" ? -1 : 1);
  const seconds = date.getTime() / 1000 + (Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second);
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

// ---- tensors to answers ---------------------------------------------------------------------------------------------

const READ = {
  float64: (value) => (Number.isNaN(value) ? null : value),
  float32: (value) => (Number.isNaN(value) ? null : value),
  int64: whole,
  bool: (value) => (Number.isNaN(value) ? null : Boolean(value)),
  string: (value) => (value === MISSING_STRING ? null : value),
  timestamp: (value) => (value === MISSING_TIME ? null : iso(value)),
  timedelta: (value) => (value === MISSING_TIME ? null : whole(value)),
};

/** The answers of a run; an Error names the first row that fails a check. */
function read(manifest, results, count, first) {
  const failed = results.__checks__?.data.findIndex((passed) => !passed) ?? -1;
  const width = manifest.checks.length;
  if (failed >= 0) throw new Error(`/${first + Math.floor(failed / width)}: ${manifest.checks[failed % width].message}`);
  const value = ({ dtype, tensor, index = 0 }, row) => READ[dtype](results[tensor].data[row * results[tensor].dims[1] + index]);
  const answer = (row) => Object.fromEntries(manifest.outputs.map((output) => [output.name, value(output, row)]));
  return Array.from({ length: count }, (_, row) => answer(row));
}

function whole(value) {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function iso(value) {
  const fraction = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const date = new Date(Number((value - fraction) / 1000n));
  const year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new RangeError(`a timestamp of ${value} us since 1970 is beyond the years 1 to 9999`);
  return date.toISOString().slice(0, 19) + (fraction ? `.${String(fraction).padStart(6, "0")}` : "") + "Z";
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

const LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** JSON.parse, but whole numbers that a JavaScript number can't hold come as BigInts. */
function parse(text) {
  const marked = text.replace(LONG, (found) => (found.startsWith('"') ? found : `{"${MISSING_STRING}":"${found}"}`));
  return JSON.parse(marked, (_, value) => {
    const digits = value?.[MISSING_STRING];
    return typeof digits === "string" && /^-?\d{16,}$/.test(digits) ? whole(BigInt(digits)) : value;
  });
}

/** One answer as a line of JSON. JSON has no infinity; it becomes null. */
function line(answer) {
  return `{${Object.entries(answer).map(([name, value]) => `${JSON.stringify(name)}:${shown(value)}`).join(",")}}`;
}

function shown(value) {
  if (typeof value === "bigint") return String(value);
  return Object.is(value, -0) ? "-0.0" : String(JSON.stringify(value));
}

// ---- the proof ------------------------------------------------------------------------------------------------------

/** Score the rows that the package carries and compare with what they gave when it was built. */
async function verify(manifest, score, { rows, expected }, path) {
  const answers = await score(rows);
  for (const output of manifest.outputs) {
    const number = answers.findIndex((answer, row) => !agree(answer[output.name], expected[row][output.name], output));
    if (number < 0) continue;
    const [wanted, got] = [expected[number][output.name], answers[number][output.name]].map(shown);
    const where = `row ${number}, '${output.name}'`;
    throw new Error(`${path} does not reproduce its sample here: ${where}: expected ${wanted}, got ${got}`);
  }
}

/** Whether two values are equal, floats within the tolerance of the manifest and of another processor. */
function agree(got, wanted, { dtype, rtol = 0, atol = 0 }) {
  if (got === null || wanted === null || !dtype.startsWith("float")) return got === wanted;
  const exact = { inf: Infinity, "-inf": -Infinity }[wanted] ?? Number(wanted); // JSON has no infinity: it is a text there
  const slack = Math.max(rtol, dtype === "float32" ? 1e-5 : 1e-9) * Math.max(Math.abs(got), Math.abs(exact));
  return got === exact || Math.abs(got - exact) <= Math.max(Number.isFinite(slack) ? slack : 0, atol, 1e-12);
}

// ---- the command ----------------------------------------------------------------------------------------------------

async function main(path) {
  if (!path) throw new Error("name a package: node score.mjs PACKAGE.rtml < rows.jsonl");
  const model = await load(path);
  let [rows, done] = [[], 0];
  const flush = async () => {
    const answers = await model.score(rows, done);
    done += rows.length;
    process.stdout.write(answers.map((answer) => `${line(answer)}\n`).join(""));
    rows = [];
  };
  for await (const text of createInterface({ input: process.stdin })) {
    if (text.trim()) rows.push(parse(text));
    if (rows.length === BATCH) await flush();
  }
  await flush();
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv[2]).catch((error) => {
    console.error(`Error: ${error.message}`);
    process.exitCode = 1;
  });
}
