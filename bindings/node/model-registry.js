// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The model registry of loopback-datasource-juggler over the C library modelreg: the same names, the library's
// decisions. What is here turns objects into handles, properties into schemas, and handles back into objects.
//
// Two things are worth knowing before reading on.
//
// What keeps what alive. A model is kept alive by its owners' `Owner` records, which are values of a WeakMap whose keys
// are the data sources and apps themselves. So a model lives as long as the registry has it and one of its owners lives,
// and an owner is kept alive by nothing here, although its models refer to it. When an owner is collected, it is released
// in the library. A model without an owner is kept by `ownerless`, as long as the registry has it.
//
// What is asked without a call. The library changes a word of the owner or its own word whenever an answer could change.
// Both are read in place, through typed arrays over the library's memory: an answer is kept together with the two
// values that it came with, and given again while they stand.

'use strict';

const fs = require('fs');
const path = require('path');
const Module = require('module');
const {performance} = require('perf_hooks');
const {isMainThread} = require('worker_threads');

// ---------------------------------------------------------------------------------------------------------------------
// The library
// ---------------------------------------------------------------------------------------------------------------------

/** The version of the library that this file was written for: another minor version is another ABI. */
const MAJOR = 0;
const MINOR = 1;

/** Every address is passed as a number: koffi then has nothing to convert. */
const FUNCTIONS = {
  mreg_version: 'uint32_t',
  mreg_registry_create: 'int32_t address address address',
  mreg_registry_destroy: 'int32_t uint64_t address',
  mreg_registry_clear: 'int32_t uint64_t address',
  mreg_registry_reclaim: 'int32_t uint64_t address',
  mreg_registry_get_stats: 'int32_t uint64_t address address',
  mreg_registry_models: 'int32_t uint64_t address size_t address address',
  mreg_registry_find_model: 'int32_t uint64_t address size_t address address',
  mreg_registry_find_structure: 'int32_t uint64_t address address address',
  mreg_owner_create: 'int32_t uint64_t address address address',
  mreg_owner_release: 'int32_t uint64_t address',
  mreg_owner_tenant: 'int32_t uint64_t address size_t address address',
  mreg_owner_freshness_words: 'int32_t uint64_t address address address',
  mreg_owner_models: 'int32_t uint64_t uint32_t address size_t address address address',
  mreg_owner_models_on: 'int32_t uint64_t uint32_t address size_t address address address',
  mreg_owner_get: 'int32_t uint64_t uint32_t address size_t address address',
  mreg_model_register: 'int32_t uint64_t address address address',
  mreg_model_unregister: 'int32_t uint64_t address',
  mreg_model_is_valid: 'bool uint64_t',
  mreg_model_schema: 'int32_t uint64_t address address',
  mreg_model_tenant: 'int32_t uint64_t address size_t address address',
  mreg_model_registered_at: 'int32_t uint64_t address address',
  mreg_tenant_next: 'int32_t uint64_t uint64_t address address',
  mreg_tenant_models: 'int32_t uint64_t address size_t address size_t address address',
  mreg_tenant_drop: 'int32_t uint64_t address size_t uint64_t address address',
  mreg_tenant_drop_idle: 'int32_t uint64_t uint64_t address address',
  mreg_schema_parse: 'int32_t address size_t address address address',
  mreg_schema_free: 'int32_t uint64_t address',
  mreg_schema_get_info: 'int32_t uint64_t address address',
  mreg_queue_create: 'int32_t address address',
  mreg_queue_poll: 'int32_t uint64_t address address address',
  mreg_queue_free: 'int32_t uint64_t address',
};

const {koffi, native, library} = load();

/** Finds koffi and the library: from this file's folder, then the host project's, then by MODELREG_LIBRARY. */
function load() {
  const koffi = loadKoffi();
  const tried = [];
  for (const file of libraryFiles()) {
    if (path.isAbsolute(file) && !fs.existsSync(file)) {
      tried.push(`${file}: no such file`);
      continue;
    }
    try {
      return {koffi, native: bind(koffi, file), library: file};
    } catch (error) {
      tried.push(`${file}: ${error.message}`);
    }
  }
  throw new Error(
    `model-registry: found no library modelreg ${MAJOR}.${MINOR}. Build it with "cargo build --release", and put ` +
    `${libraryNames()[0]} beside ${__filename}, or set MODELREG_LIBRARY to its path. Tried:\n  ${tried.join('\n  ')}`,
  );
}

function loadKoffi() {
  const problems = [];
  const folders = [__dirname, ...hostFolders()];
  if (process.env.MODELREG_LIBRARY) {
    // A library in target/release of a checkout: koffi is there where this file comes from.
    const folder = path.dirname(path.resolve(process.env.MODELREG_LIBRARY));
    folders.push(folder, path.join(folder, '..', '..', 'bindings', 'node'));
  }
  for (const folder of folders) {
    try {
      return Module.createRequire(path.join(folder, 'model-registry.js'))('koffi');
    } catch (error) {
      problems.push(`${folder}: ${String(error.message).split('\n')[0]}`);
    }
  }
  throw new Error(
    'model-registry: the package koffi is needed to call the library modelreg, and could not be loaded; ' +
    `install it with "npm install koffi". Tried from:\n  ${problems.join('\n  ')}`,
  );
}

/** The folders of the host project: of the program that runs, and the one it was started in. */
function hostFolders() {
  const folders = [];
  if (require.main && require.main.filename) folders.push(path.dirname(require.main.filename));
  try {
    folders.push(process.cwd());
  } catch {
    // The folder was removed.
  }
  return folders;
}

function libraryNames() {
  switch (process.platform) {
    case 'win32': return ['modelreg.dll'];
    case 'darwin': return [`libmodelreg.${MAJOR}.${MINOR}.dylib`, 'libmodelreg.dylib'];
    default: return [`libmodelreg.so.${MAJOR}.${MINOR}`, 'libmodelreg.so'];
  }
}

/** The folder with the nearest package.json at or above a folder; the folder itself where there is none. */
function packageFolder(folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'package.json'))) return at;
    if (at === path.dirname(at)) return folder;
  }
}

function libraryFiles() {
  const folders = new Set();
  const around = (folder) => {
    const root = packageFolder(folder);
    for (const at of [folder, root]) folders.add(at).add(path.join(at, 'lib'));
    folders.add(path.join(root, 'node_modules', 'modelreg')).add(path.join(root, 'target', 'release'));
  };
  around(__dirname);
  const checkout = path.join(__dirname, '..', '..');
  if (fs.existsSync(path.join(checkout, 'include', 'modelreg.h'))) folders.add(path.join(checkout, 'target', 'release'));
  hostFolders().forEach(around);

  const files = [];
  for (const folder of folders) for (const name of libraryNames()) files.push(path.join(folder, name));
  if (process.env.MODELREG_LIBRARY) files.push(path.resolve(process.env.MODELREG_LIBRARY));
  // Last of all, where the system looks.
  files.push(libraryNames()[0]);
  return files;
}

function bind(koffi, file) {
  const opened = koffi.load(file);
  const bound = {};
  const declare = (name) => {
    const [result, ...parameters] = FUNCTIONS[name].split(' ');
    bound[name] = opened.func(name, result, parameters.map(type => type === 'address' ? 'uintptr_t' : type));
  };
  declare('mreg_version');
  const version = bound.mreg_version();
  if (version >>> 16 !== MAJOR || (version >>> 8 & 255) !== MINOR) {
    const found = `${version >>> 16}.${version >>> 8 & 255}.${version & 255}`;
    throw new Error(`it is version ${found}, and ${MAJOR}.${MINOR} is needed`);
  }
  Object.keys(FUNCTIONS).forEach(declare);
  return bound;
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory that is shared with the library
// ---------------------------------------------------------------------------------------------------------------------

/** Memory at a fixed address. It is never given back: there are a few such blocks, and each new one is twice as large. */
function allocate(bytes) {
  const pointer = koffi.alloc('uint8_t', bytes);
  const memory = koffi.view(pointer, bytes);
  new Uint8Array(memory).fill(0);
  return {address: Number(koffi.address(pointer)), memory, bytes: Buffer.from(memory), view: new DataView(memory)};
}

// Where everything lies in the one block for arguments and results. All of it is for the call at hand: no code of the
// host runs between writing and reading.
const OUT = 0; // a handle, a number
const COUNT = 8;
const LENGTH = 16;
const FOUND = 24;
const STAMP = 32; // mreg_stamp: stamp, owner_word, registry_word
const DUE = 64; // mreg_due: struct_size, kind, reserved, handle, user_data
const MODEL = 128; // mreg_model_options
const FIND = 256; // mreg_find_options
const OWNER = 320; // mreg_owner_options
const TENANT = 512; // mreg_tenant_info
const STATS = 896; // mreg_registry_stats
const INFO = 1024; // mreg_schema_info
const FAILURE = 1152; // mreg_error
const CODE = 2048; // the code of a tenant, or a name to ask for where it is short
const LABEL = 3072; // a label that comes back
const REGISTRY = 3584; // mreg_registry_options, and the reserved code
const SETTINGS = 3712; // the settings of an anonymous model
const BLOCK = 4096;

const SIZE_DUE = 32;
const SIZE_MODEL = 104;
const SIZE_FIND = 48;
const SIZE_OWNER = 128;
const SIZE_TENANT = 336;
const SIZE_STATS = 112;
const SIZE_INFO = 96;
const SIZE_FAILURE = 800;
const SIZE_REGISTRY = 40;

const CODE_BYTES = LABEL - CODE;
const LABEL_BYTES = REGISTRY - LABEL;

const block = allocate(BLOCK);
const at = block.address;
const bytes = block.bytes;
const u32 = new Uint32Array(block.memory);
const u64 = new BigUint64Array(block.memory);
const f64 = new Float64Array(block.memory);

let text = allocate(1 << 16);
let list = growList(256);

function growList(capacity) {
  const memory = allocate(8 * capacity);
  return {
    address: memory.address, capacity, f64: new Float64Array(memory.memory), u64: new BigUint64Array(memory.memory),
  };
}

/** Room for a text of so many UTF-16 units. */
function roomFor(units) {
  if (3 * units > text.bytes.length) {
    text = allocate(Math.max(2 * text.bytes.length, 4 * units));
    u64[MODEL + 8 >> 3] = BigInt(text.address);
  }
}

/** Writes a number below 2^53 where the library reads 64 bits. */
function writeNumber(offset, value) {
  u32[offset >> 2] = value >>> 0;
  u32[(offset >> 2) + 1] = value / 4294967296;
}

/**
 * Handles are 64 bits wide, and a BigInt is slow as the key of a map. Read as a double, every handle is a number of its
 * own; the few bit patterns that are no number stay BigInts.
 */
function keyAt(doubles, words, index) {
  const key = doubles[index];
  return key === key ? key : words[index];
}

function handleOf(key) {
  if (typeof key === 'bigint') return key;
  f64[LENGTH >> 3] = key;
  return u64[LENGTH >> 3];
}

class ModelRegistryError extends Error {
  constructor(status) {
    const end = (from, size) => {
      const nul = bytes.indexOf(0, from);
      return nul < 0 || nul > from + size ? from + size : nul;
    };
    const from = FAILURE + 32;
    super(bytes.toString('utf8', from, end(from, 512)) || `the library gives status ${status}`);
    this.name = 'ModelRegistryError';
    this.status = status;
  }
}

/** For calls that fail by the caller's fault or not at all. */
function check(status) {
  if (status !== 0) throw new ModelRegistryError(status);
}

/** For questions: what is no name or no owner is not found; only the library's own failures are thrown. */
function answered(status) {
  if (status === 0) return true;
  if (status >= 20 && status < 30) throw new ModelRegistryError(status);
  return false;
}

const FIND_STRICT = 1;
const MODEL_STRICT = 1;
/** The model's builder had `parentRef`. */
const MARK_PARENT_REF = 1;
/** The model's definition had other properties than it was registered with. */
const MARK_OTHER_KEYS = 2;

const KIND_ANY = 0;
const KIND_DATA_SOURCE = 1;
const KIND_APP = 2;

const RESERVED_TENANT = 'trap';

u32[DUE >> 2] = SIZE_DUE;
u32[MODEL >> 2] = SIZE_MODEL;
u32[FIND >> 2] = SIZE_FIND;
u32[OWNER >> 2] = SIZE_OWNER;
u32[TENANT >> 2] = SIZE_TENANT;
u32[STATS >> 2] = SIZE_STATS;
u32[INFO >> 2] = SIZE_INFO;
u32[FAILURE >> 2] = SIZE_FAILURE;
u32[REGISTRY >> 2] = SIZE_REGISTRY;
writeNumber(MODEL + 8, text.address);
writeNumber(MODEL + 40, at + CODE);
writeNumber(MODEL + 64, at + SETTINGS);
// What is in the queue of due `user_data` must have some; the handle tells which model it is.
writeNumber(MODEL + 80, 1);
const ANONYMOUS = bytes.write('{"anonymous":true}', SETTINGS);

check(native.mreg_queue_create(at + OUT, at + FAILURE));
const queue = u64[OUT >> 3];
bytes.write(RESERVED_TENANT, REGISTRY + 64);
writeNumber(REGISTRY + 48, at + REGISTRY + 64);
writeNumber(REGISTRY + 56, RESERVED_TENANT.length);
writeNumber(REGISTRY + 16, at + REGISTRY + 48);
writeNumber(REGISTRY + 24, 1);
u64[REGISTRY + 32 >> 3] = queue;
check(native.mreg_registry_create(at + REGISTRY, at + OUT, at + FAILURE));
const registry = u64[OUT >> 3];

if (!isMainThread) {
  // A worker ends, and the process goes on.
  process.once('exit', () => {
    native.mreg_registry_destroy(registry, 0);
    native.mreg_queue_free(queue, 0);
  });
}

/** The two halves of a freshness word, in place. */
function wordAt(address) {
  let where = address;
  if (koffi.version.startsWith('2.')) {
    u64[OUT >> 3] = address;
    where = koffi.decode(bytes.subarray(OUT, OUT + 8), 'void *');
  }
  return new Uint32Array(koffi.view(where, 8));
}

/** The registry's freshness word; it is the same for all owners. */
const registryWord = (() => {
  u32[OWNER + 8 >> 2] = KIND_DATA_SOURCE;
  check(native.mreg_owner_create(registry, at + OWNER, at + OUT, at + FAILURE));
  const owner = u64[OUT >> 3];
  check(native.mreg_owner_freshness_words(owner, at + OUT, at + COUNT, at + FAILURE));
  const word = wordAt(u64[COUNT >> 3]);
  check(native.mreg_owner_release(owner, at + FAILURE));
  return word;
})();

// ---------------------------------------------------------------------------------------------------------------------
// Owners and models
// ---------------------------------------------------------------------------------------------------------------------

function isObject(value) {
  return typeof value === 'object' ? value !== null : typeof value === 'function';
}

/** What an accessor of the host gives; nothing where it throws. */
function read(object, key) {
  try {
    return object[key];
  } catch {
    return undefined;
  }
}

/** The keys of an object of the host's; none where it does not tell. */
function keysOf(object) {
  try {
    return Object.keys(object);
  } catch {
    return [];
  }
}

/** Array.isArray, which throws for a proxy that was revoked. */
function isArray(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether an object has a key itself. */
function hasKey(object, key) {
  try {
    return Object.prototype.hasOwnProperty.call(object, key);
  } catch {
    return false;
  }
}

/** A function's name; a class may have a member of that name that is no string. */
function functionName(value) {
  const {name} = value;
  return typeof name === 'string' ? name : '';
}

/** Sets a property also where an accessor without a setter or a read-only property stands. */
function assign(object, key, value) {
  try {
    object[key] = value;
    if (object[key] === value) return;
  } catch {
    // It is read-only.
  }
  define(object, key, value, true);
}

function define(object, key, value, enumerable) {
  try {
    Object.defineProperty(object, key, {value, writable: true, configurable: true, enumerable});
  } catch {
    // A frozen object is used as it is.
  }
}

const NO_WORD = new Uint32Array(2);
const NO_MEMBERS = Object.freeze([]);

/** What is known of a data source or an app. It does not refer to it. */
class Owner {
  constructor(kind) {
    this.kind = kind;
    /** The same object as an owner of the other kind. */
    this.twin = undefined;
    /** Whether `_detectOwnerType` gave this kind when it was last asked. */
    this.detected = false;
    /** Its handle; 0 until a model is registered on it. */
    this.handle = 0n;
    /** Refers to this without keeping it alive; what the entries of the models have. */
    this.reference = null;
    this.entry = null;
    this.pair = null;
    this.pairWith = null;
    /** The records of its models by the keys of their handles, also of those on a data source that an app owns. */
    this.models = new Map();
    /** How many of these an app owns. */
    this.shared = 0;

    // The list, and the values of the four halves of the freshness words for which it is the answer.
    this.word = NO_WORD;
    this.low = 0;
    this.high = 0;
    this.registryLow = 0;
    this.registryHigh = 0;
    this.stampLow = 0;
    this.stampHigh = 0;
    this.list = null;
    /** The registrations of the models in the list, which is the host's to change. */
    this.members = NO_MEMBERS;
    this.names = null;
    this.byName = null;
    this.asked = 0;

    // The same for models on a data source that an app owns.
    this.onByName = null;
    this.onLow = 0;
    this.onHigh = 0;
    this.onRegistryLow = 0;
    this.onRegistryHigh = 0;
  }

  isFresh() {
    return this.list !== null &&
      this.word[0] === this.low && this.word[1] === this.high &&
      registryWord[0] === this.registryLow && registryWord[1] === this.registryHigh;
  }

  isOnFresh() {
    return this.onByName !== null &&
      this.word[0] === this.onLow && this.word[1] === this.onHigh &&
      registryWord[0] === this.onRegistryLow && registryWord[1] === this.onRegistryHigh;
  }

  forget() {
    this.list = null;
    this.members = NO_MEMBERS;
    this.names = null;
    this.byName = null;
  }
}

/** What is known of a registered model. */
class Registration {
  constructor(model) {
    this.model = model;
    this.name = '';
    this.key = 0;
    this.dataSource = null;
    this.app = null;
    this.tenant = '';
    this.properties = undefined;
    this.flags = 0;
    this.marks = 0;
    this.anonymous = false;
  }
}

/** Owner object to `Owner`. */
const owners = new WeakMap();
/** Model object to `Registration`, while it is registered. */
const registrations = new WeakMap();
/** Key of a model's handle to the references of its owners. */
const entries = new Map();

/** Stands for the owner of models that have none. */
const ownerless = new Owner(KIND_ANY);
ownerless.entry = {app: null, dataSource: {weak: {deref: () => ownerless}, handle: 0n, released: false}};

/** Owners whose object is gone are released. */
const collected = new FinalizationRegistry(release);

function release(reference) {
  if (reference.released) return;
  reference.released = true;
  native.mreg_owner_release(reference.handle, 0);
  drain();
}

function ownerOf(object, kind) {
  const owner = owners.get(object);
  return owner === undefined || owner.kind === kind ? owner : owner.twin;
}

function makeOwner(object, kind) {
  const owner = new Owner(kind);
  owner.twin = owners.get(object);
  if (owner.twin !== undefined) owner.twin.twin = owner;
  owners.set(object, owner);
  return owner;
}

/** The owner with a handle. */
function registeredOwner(object, kind) {
  const owner = ownerOf(object, kind) || makeOwner(object, kind);
  if (owner.handle === 0n) registerOwner(owner, object);
  return owner;
}

function registerOwner(owner, object) {
  const fields = owner.kind === KIND_DATA_SOURCE ? describeDataSource(object) : {name: '', parts: []};
  roomFor(fields.name.length + fields.parts.reduce((sum, part) => sum + part.length, 0));
  u32[OWNER + 8 >> 2] = owner.kind;
  u32[OWNER + 12 >> 2] = fields.unnamed ? 1 : 0;
  let end = 0;
  for (let index = 0; index < 6; index++) {
    const part = index === 0 ? fields.name : fields.parts[index - 1] || '';
    const length = part === '' ? 0 : text.bytes.write(part, end);
    writeNumber(OWNER + 16 + 16 * index, text.address + end);
    writeNumber(OWNER + 24 + 16 * index, length);
    end += length;
  }
  check(native.mreg_owner_create(registry, at + OWNER, at + OUT, at + FAILURE));
  const handle = u64[OUT >> 3];
  check(native.mreg_owner_freshness_words(handle, at + OUT, at + COUNT, at + FAILURE));
  owner.word = wordAt(u64[OUT >> 3]);
  check(native.mreg_owner_tenant(handle, at + LABEL, LABEL_BYTES, at + LENGTH, at + FAILURE));
  const label = bytes.toString('utf8', LABEL, LABEL + Math.min(u32[LENGTH >> 2], LABEL_BYTES - 1));

  owner.handle = handle;
  owner.forget();
  owner.reference = {weak: new WeakRef(owner), handle, released: false};
  owner.entry = owner.kind === KIND_APP ?
    {app: owner.reference, dataSource: null} : {app: null, dataSource: owner.reference};
  collected.register(object, owner.reference);
  // Not to be seen where an object's members are listed or compared.
  if (owner.kind === KIND_APP) define(object, '_appId', label.slice('app_'.length), false);
  else define(object, '_dsId', label.slice('ds_'.length), false);
}

/** Connector, host, port, database and url, as a DataSource of the juggler has them. */
function describeDataSource(dataSource) {
  const settings = read(dataSource, 'settings');
  const setting = (key) => isObject(settings) ? read(settings, key) : undefined;
  const connector = read(dataSource, 'connector') || read(dataSource, 'adapter') ||
    setting('connector') || setting('adapter');
  let connectorName = '';
  if (typeof connector === 'string') connectorName = connector;
  else if (isObject(connector)) connectorName = plain(read(connector, 'name'));
  return {
    unnamed: Boolean(connector) && connectorName === '',
    name: fit(plain(read(dataSource, 'name')), 1000),
    parts: [
      fit(connectorName, 200), fit(plain(setting('host')), 1000), fit(plain(setting('port')), 1000),
      fit(plain(setting('database')), 1000), fit(plain(setting('url')), 8000),
    ],
  };
}

function plain(value) {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

/** The text as the library takes it: without control characters, and what is far too long by its end and its digest. */
function fit(value, most) {
  // eslint-disable-next-line no-control-regex
  const clean = /[\u0000-\u001f\u007f-\u009f]/.test(value) ? encodeURIComponent(value.toWellFormed()) : value;
  if (Buffer.byteLength(clean) <= most) return clean;
  const digest = require('crypto').createHash('sha256').update(clean).digest('hex');
  return digest + encodeURIComponent(clean.slice(-20).toWellFormed());
}

// Names of models and codes of tenants may be any text at all here. What the library would refuse, or could not tell from
// another, it gets written otherwise: "~s" and the text with the units escaped that it does not take, or "~h" and a digest
// where that is too long. The host never sees these names; of codes, it sees a digest, and may name a tenant by it.
const NAME_BYTES = 4096;
const TENANT_BYTES = 255;
const OWNER_LABEL = /^(ds|app)_/;
// Surrogates are looked at more closely: most come in pairs.
// eslint-disable-next-line no-control-regex
const ODD_NAME = /^~|[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/;
/** A tenant is never in the partition of an owner, and never keeps an owner from its label. */
// eslint-disable-next-line no-control-regex
const ODD_CODE = /^~|^ds_|^app_|[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/;
const SURROGATES = /[\ud800-\udfff]/g;
const DIGEST = /^~h[0-9a-f]{64}$/;
// eslint-disable-next-line no-control-regex
const ODD_UNITS = /[%\u0000-\u001f\u007f-\u009f\ud800-\udfff]/g;

function libraryText(value, most, odd) {
  // No unit takes more than three bytes.
  if (value.length * 3 <= most && !odd.test(value)) return value;
  if (DIGEST.test(value)) return value;
  let written = value;
  if (odd.test(value.isWellFormed() ? value.replace(SURROGATES, '') : value)) {
    written = '~s' + value.replace(ODD_UNITS, unit => '%' + unit.charCodeAt(0).toString(16).padStart(4, '0'));
  }
  if (Buffer.byteLength(written) <= most) return written;
  return '~h' + require('crypto').createHash('sha256').update(Buffer.from(value, 'utf16le')).digest('hex');
}

const libraryName = (name) => libraryText(name, NAME_BYTES, ODD_NAME);
const libraryCode = (code) => libraryText(code, TENANT_BYTES, ODD_CODE);

/** The tenant's code, as the host gave it, for a label of the library's. */
function hostCode(label) {
  if (!label.startsWith('~s')) return label;
  return label.slice(2).replace(/%([0-9a-f]{4})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
}

/** What a model's entry has: the references of its owners, shared by all models of the same owners. */
function entryOf(dataSource, app) {
  if (app === null) return (dataSource || ownerless).entry;
  if (dataSource === null) return app.entry;
  if (app.pairWith !== dataSource.reference) {
    app.pairWith = dataSource.reference;
    app.pair = {app: app.reference, dataSource: dataSource.reference};
  }
  return app.pair;
}

/** The registration of a handle; undefined where the owners' objects are gone and not yet released. */
function registrationOf(key) {
  const entry = entries.get(key);
  if (entry === undefined) return undefined;
  for (const reference of [entry.app, entry.dataSource]) {
    const owner = reference === null ? undefined : reference.weak.deref();
    const registration = owner === undefined ? undefined : owner.models.get(key);
    if (registration !== undefined) return registration;
  }
  return undefined;
}

/** Releases the owners of a model whose objects are gone; whether there were any, so that asking again is of use. */
function releaseCollected(key) {
  const entry = entries.get(key);
  let released = false;
  for (const reference of entry === undefined ? [] : [entry.app, entry.dataSource]) {
    if (reference !== null && !reference.released && reference.weak.deref() === undefined) {
      release(reference);
      released = true;
    }
  }
  return released;
}

function attach(registration, key) {
  const {dataSource, app} = registration;
  registration.key = key;
  entries.set(key, entryOf(dataSource, app));
  if (dataSource === null && app === null) ownerless.models.set(key, registration);
  if (app !== null) app.models.set(key, registration);
  if (dataSource !== null) {
    dataSource.models.set(key, registration);
    if (app !== null) dataSource.shared++;
  }
}

/** Takes a registration out of the tables; `forget` is for lists that hold what the owner no longer has. */
function detach(registration, key, dataSource, app, forget) {
  entries.delete(key);
  if (dataSource === null && app === null) ownerless.models.delete(key);
  if (app !== null) {
    app.models.delete(key);
    if (forget) app.forget();
  }
  if (dataSource !== null) {
    dataSource.models.delete(key);
    if (app === null) {
      if (forget) dataSource.forget();
    } else {
      dataSource.shared--;
      dataSource.onByName = null;
    }
  }
}

/** Lets go of every model that the library let go of; then tells those that want to know, which may do what they like. */
function drain() {
  let dropped = null;
  for (;;) {
    check(native.mreg_queue_poll(queue, at + DUE, at + FOUND, at + FAILURE));
    if (bytes[FOUND] === 0) break;
    const key = keyAt(f64, u64, DUE + 16 >> 3);
    const registration = registrationOf(key);
    if (registration === undefined) {
      entries.delete(key);
      continue;
    }
    detach(registration, key, registration.dataSource, registration.app, true);
    registrations.delete(registration.model);
    if (dropped === null) dropped = [];
    dropped.push(registration.model);
  }
  if (dropped !== null) dropped.forEach(cleanUp);
}

function cleanUp(model) {
  try {
    if (typeof model.cleanup !== 'function') return;
    const result = model.cleanup();
    if (isObject(result) && typeof result.then === 'function') result.then(undefined, () => {});
  } catch {
    // What a model's cleanup throws is its own affair: the others must still be told.
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Structure: properties as a schema
// ---------------------------------------------------------------------------------------------------------------------
//
// A schema is parsed from JSON text in the grammar of LoopBack's definitions. What that grammar cannot say is said by
// names that begin with "~"; a name of the host's that begins with one gets a tag as well, so that none is taken for
// another. Equal structures give equal schemas, whatever the order of their keys, because the library sorts.

/** Why properties have no structure. */
class NoStructure extends Error {}

// What the library takes is less: these bound the work before it is asked.
const TEXT_LIMIT = 1 << 24;
const PIECES_LIMIT = 1 << 22;
const DEPTH_LIMIT = 200;

/** Objects that count by identity, and their numbers, which are never given twice. */
const identities = new WeakMap();
let lastIdentity = 0;

function identity(value) {
  let number = identities.get(value);
  if (number === undefined) {
    number = ++lastIdentity;
    identities.set(value, number);
  }
  return `"~i${number}"`;
}

// A text is put together from pieces: keys and strings of definitions as JSON, which are few and come again and again, and
// what stands between them. Every piece has a number. A structure that was met before is found by the numbers of its
// pieces; its text is only made where it is new.

const PIECES = 1 << 13;
const PIECES_BYTES = 1 << 20;

/** The numbers of the pieces: of strings, of keys without a comma (with one it is the next number), of anything else. */
let stringPieces = new Map();
let keyPieces = new Map();
let otherPieces = new Map();
/** Piece n is the bytes from `pieceStarts[n]` to `pieceEnds[n]`; three bytes more can always be read. */
let pieceBytes = Buffer.alloc(1 << 14);
let pieceView = viewOf(pieceBytes);
let pieceStarts = [];
let pieceEnds = [];
/** Where the last piece ends. */
let pieceEnd = 0;

function viewOf(memory) {
  return new DataView(memory.buffer, memory.byteOffset, memory.length);
}

/** Whether a text is the same as JSON and as text of the library's: which is quick to find out, and so for nearly all. */
function isSimple(value) {
  if (value === '' || value.length > 64 || value.charCodeAt(0) === 126) return false;
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 32 || unit > 126 || unit === 34 || unit === 46 || unit === 92) return false;
  }
  return true;
}

function addPiece(json) {
  const start = pieceEnd;
  const most = start + 3 * json.length + 4;
  if (start + json.length > 4 * TEXT_LIMIT) throw new NoStructure('too-large');
  if (most > pieceBytes.length) {
    pieceBytes = Buffer.concat([pieceBytes], Math.max(2 * pieceBytes.length, most));
    pieceView = viewOf(pieceBytes);
  }
  for (let index = 0; index < json.length; index++) {
    const unit = json.charCodeAt(index);
    if (unit > 127) {
      pieceEnd = start + pieceBytes.write(json, start);
      break;
    }
    pieceBytes[pieceEnd++] = unit;
  }
  pieceStarts.push(start);
  return pieceEnds.push(pieceEnd) - 1;
}

// The first pieces, which are always there.
const FIXED = [
  '{"name":"M","base":"Model","properties":{', '}}', '{', '}', '{"type":', '[', ']', '[]', ',', 'null', 'true', 'false',
];
const [BEGIN, END, OPEN, CLOSE, TYPED, OPEN_ARRAY, CLOSE_ARRAY, ANY_ARRAY, COMMA, NULL, TRUE, FALSE] = FIXED.map(addPiece);

/** Forgets all pieces, and the schemas that are known by them. */
function forgetPieces() {
  forgetSchemas();
  stringPieces = new Map();
  keyPieces = new Map();
  otherPieces = new Map();
  if (pieceBytes.length > 2 * PIECES_BYTES) {
    pieceBytes = Buffer.alloc(1 << 14);
    pieceView = viewOf(pieceBytes);
  }
  pieceStarts = [];
  pieceEnds = [];
  pieceEnd = 0;
  FIXED.forEach(addPiece);
}

function escape(value) {
  return value.replace(/[~%.\ud800-\udfff]/g, unit => '%' + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

function stringPiece(value) {
  let piece = stringPieces.get(value);
  if (piece === undefined) {
    if (isSimple(value)) {
      piece = addPiece('"' + value + '"');
    } else {
      const odd = value === '' || value[0] === '~' || !value.isWellFormed();
      piece = addPiece(JSON.stringify(odd ? '~s' + escape(value) : value));
    }
    stringPieces.set(value, piece);
  }
  return piece;
}

function keyPiece(key) {
  let piece = keyPieces.get(key);
  if (piece === undefined) {
    if (isSimple(key)) {
      piece = addPiece(',"' + key + '":');
    } else {
      const odd = key === '' || key[0] === '~' || key.includes('.') || !key.isWellFormed();
      piece = addPiece(',' + JSON.stringify(odd ? '~k' + escape(key) : key) + ':');
    }
    pieceStarts.push(pieceStarts[piece]++);
    pieceEnds.push(pieceEnds[piece]);
    keyPieces.set(key, piece);
  }
  return piece;
}

function otherPiece(json) {
  let piece = otherPieces.get(json);
  if (piece === undefined) {
    piece = addPiece(json);
    otherPieces.set(json, piece);
  }
  return piece;
}

/** Whether an object counts by its members; of another realm, its prototype is another and looks the same. */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

// `for (key in object) if (hasOwn.call(object, key))` goes over the same keys as Object.keys, in half the time.
const hasOwn = Object.prototype.hasOwnProperty;

/** Writes one structure, as the numbers of its pieces. */
class Writer {
  constructor() {
    this.above = [];
    this.pieces = [];
    this.count = 0;
  }

  /** Parts that many others share are written many times: that has to end. */
  add(piece) {
    if (this.count >= PIECES_LIMIT) throw new NoStructure('too-large');
    this.pieces[this.count++] = piece;
  }

  enter(value) {
    const {above} = this;
    if (above.includes(value)) throw new NoStructure('circular');
    if (above.length >= DEPTH_LIMIT) throw new NoStructure('too-deep');
    above.push(value);
  }

  leave() {
    this.above.pop();
  }

  /** The schema of properties; throws where they have no structure. Nothing is written where they have no members. */
  structure(properties) {
    this.above.length = 0;
    this.count = 0;
    this.add(BEGIN);
    if (!Array.isArray(properties)) this.members(properties);
    else if (properties.length > 0) this.elements(properties);
    if (this.count === 1) this.count = 0;
    else this.add(END);
  }

  /** The members of an object as properties. */
  members(object) {
    this.enter(object);
    let comma = 0;
    for (const key in object) {
      if (!hasOwn.call(object, key)) continue;
      const value = object[key];
      if (value === undefined) continue;
      this.add(keyPiece(key) + comma);
      comma = 1;
      this.property(value);
    }
    this.leave();
  }

  /** An array's elements as properties with numbers for names. */
  elements(array) {
    this.enter(array);
    this.add(otherPiece(`"~length":"~#${array.length}"`));
    for (let index = 0; index < array.length; index++) {
      this.add(otherPiece(`,"~${index}":`));
      this.property(array[index]);
    }
    this.leave();
  }

  property(value) {
    if (typeof value === 'string') return this.add(stringPiece(value));
    if (typeof value === 'function') return this.add(stringPiece(functionName(value)));
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && isPlain(value)) {
      const type = value.type;
      if (type) return this.typed(value, type);
    }
    this.add(TYPED);
    this.type(value);
    this.add(CLOSE);
  }

  /** A type, and what stands beside it. */
  typed(value, type) {
    this.enter(value);
    this.add(TYPED);
    this.type(type);
    for (const key in value) {
      if (key === 'type' || !hasOwn.call(value, key)) continue;
      const attribute = value[key];
      if (attribute === undefined) continue;
      this.add(keyPiece(key) + 1);
      this.attribute(attribute);
    }
    this.leave();
    this.add(CLOSE);
  }

  type(value) {
    switch (typeof value) {
      case 'string': return this.add(stringPiece(value));
      case 'function': return this.add(stringPiece(functionName(value)));
      case 'object':
        if (value === null) return this.add(otherPiece('"~null"'));
        if (Array.isArray(value)) return this.arrayType(value);
        if (!isPlain(value)) return this.add(otherPiece(identity(value)));
        this.add(OPEN);
        this.members(value);
        return this.add(CLOSE);
      default: return this.add(otherPiece(primitive(value)));
    }
  }

  /** Of an array, the grammar takes the first element's type alone: what is more than that is written member by member. */
  arrayType(array) {
    if (array.length === 0) return this.add(ANY_ARRAY);
    const element = array[0];
    if (array.length === 1 && (typeof element === 'string' || typeof element === 'function')) {
      this.enter(array);
      this.add(OPEN_ARRAY);
      this.type(element);
      this.add(CLOSE_ARRAY);
      return this.leave();
    }
    this.add(OPEN);
    this.elements(array);
    this.add(CLOSE);
  }

  /** What stands beside a type: any value. */
  attribute(value, key) {
    switch (typeof value) {
      case 'string': return this.add(stringPiece(value));
      case 'function': return this.add(key === 'type' ? stringPiece(functionName(value)) : otherPiece(identity(value)));
      case 'object': {
        if (value === null) return this.add(NULL);
        if (!Array.isArray(value) && !isPlain(value)) return this.add(otherPiece(identity(value)));
        this.enter(value);
        if (Array.isArray(value)) {
          this.add(OPEN_ARRAY);
          for (let index = 0; index < value.length; index++) {
            if (index > 0) this.add(COMMA);
            this.attribute(value[index]);
          }
          this.add(CLOSE_ARRAY);
          return this.leave();
        }
        this.add(OPEN);
        let comma = 0;
        for (const key in value) {
          if (!hasOwn.call(value, key)) continue;
          const member = value[key];
          if (member === undefined) continue;
          this.add(keyPiece(key) + comma);
          comma = 1;
          this.attribute(member, key);
        }
        this.add(CLOSE);
        return this.leave();
      }
      case 'number': return this.add(otherPiece(Number.isFinite(value) ? String(value) : `"~${value}"`));
      case 'boolean': return this.add(value ? TRUE : FALSE);
      default: return this.add(otherPiece(primitive(value)));
    }
  }

  /** How many bytes the text has. */
  length() {
    const {pieces, count} = this;
    let length = 0;
    for (let index = 0; index < count; index++) length += pieceEnds[pieces[index]] - pieceStarts[pieces[index]];
    return length;
  }

  /** The text, where the library reads it; up to three bytes behind it are written too. */
  write() {
    const {pieces, count} = this;
    const from = pieceView;
    const to = text.view;
    let end = 0;
    for (let index = 0; index < count; index++) {
      const piece = pieces[index];
      const start = pieceStarts[piece];
      const length = pieceEnds[piece] - start;
      // Four bytes at once; what is too much is written over by the next piece.
      for (let at = 0; at < length; at += 4) to.setUint32(end + at, from.getUint32(start + at));
      end += length;
    }
  }

  hash() {
    const {pieces, count} = this;
    let hash = count;
    for (let index = 0; index < count; index++) hash = Math.imul(hash ^ pieces[index], 0x9e3779b1);
    return hash ^ hash >>> 15;
  }
}

function primitive(value) {
  switch (typeof value) {
    case 'symbol': {
      const shared = Symbol.keyFor(value);
      return shared === undefined ? identity(value) : JSON.stringify('~y' + escape(shared));
    }
    case 'bigint': return `"~b${value}"`;
    case 'number': return `"~#${value}"`;
    default: return `"~${value}"`;
  }
}

// What is written belongs to the call at hand, and code of the host may run meanwhile that calls in turn: each has a writer
// of its own, and no piece is forgotten as long as there is one.
let spareWriter = new Writer();
let writing = 0;

function takeWriter() {
  if (writing === 0 && (pieceEnds.length > PIECES || pieceEnd > PIECES_BYTES)) forgetPieces();
  writing++;
  const writer = spareWriter || new Writer();
  spareWriter = null;
  return writer;
}

function giveBack(writer) {
  writing--;
  if (writer.pieces.length > LONG_TEXT) writer.pieces = [];
  spareWriter = writer;
}

/** Writes the structure of properties; nothing where they have none to be found by. */
function writeStructure(writer, properties) {
  writer.count = 0;
  if (typeof properties !== 'object' || properties === null) return;
  try {
    writer.structure(properties);
  } catch {
    writer.count = 0;
  }
}

// Parsed schemas by their pieces. These say everything, so that it does not matter whether an object with properties was
// changed since. Two generations bound how many are kept: the older one is let go when the younger one is full. Of two that
// have one hash, the later one is kept.
const SCHEMAS = 256;
const LONG_TEXT = 1 << 14;
let youngSchemas = new Map();
let oldSchemas = new Map();

/** A schema that is kept. */
class Known {
  constructor(pieces, handle) {
    this.pieces = pieces;
    this.handle = handle;
  }

  isOf(writer) {
    const {pieces} = this;
    if (pieces.length !== writer.count) return false;
    for (let index = 0; index < pieces.length; index++) if (pieces[index] !== writer.pieces[index]) return false;
    return true;
  }
}

function freeSchemas(schemas) {
  for (const known of schemas.values()) native.mreg_schema_free(known.handle, 0);
  schemas.clear();
}

/** A new handle of the schema that was written; 0 for none. */
function parseSchema(writer, length) {
  if (length > TEXT_LIMIT) return 0n;
  roomFor(length + 4);
  writer.write();
  // What the library finds too deep or too long has no structure.
  return answered(native.mreg_schema_parse(text.address, length, 0, at + OUT, at + FAILURE)) ? u64[OUT >> 3] : 0n;
}

/** The handle of a schema, which is good until the next call of this; 0 for none. */
let passing = 0n;

function schemaOf(writer) {
  if (writer.count === 0) return 0n;
  const hash = writer.hash();
  const young = youngSchemas.get(hash);
  if (young !== undefined && young.isOf(writer)) return young.handle;
  let known = oldSchemas.get(hash);
  if (known !== undefined && known.isOf(writer)) {
    oldSchemas.delete(hash);
  } else {
    const length = writer.length();
    const handle = parseSchema(writer, length);
    if (handle === 0n) return 0n;
    if (length > LONG_TEXT) {
      native.mreg_schema_free(passing, 0);
      passing = handle;
      return handle;
    }
    known = new Known(writer.pieces.slice(0, writer.count), handle);
  }
  if (young !== undefined) native.mreg_schema_free(young.handle, 0);
  else if (youngSchemas.size >= SCHEMAS) {
    freeSchemas(oldSchemas);
    [oldSchemas, youngSchemas] = [youngSchemas, oldSchemas];
  }
  youngSchemas.set(hash, known);
  return known.handle;
}

function forgetSchemas() {
  freeSchemas(youngSchemas);
  freeSchemas(oldSchemas);
  native.mreg_schema_free(passing, 0);
  passing = 0n;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tenants
// ---------------------------------------------------------------------------------------------------------------------

const CONTEXT_MODULE = '@perkd/multitenant-context';
const CONTEXT_MEMORY_MS = 1000;
const clock = performance.now.bind(performance);

let contextModule = null;
let contextRequire;
let contextAt = -Infinity;

/** The context module of the host; whether there is one is remembered for a second, since to search is slow. */
function findContextModule() {
  const now = clock();
  if (Module.prototype.require === contextRequire && now - contextAt < CONTEXT_MEMORY_MS) return contextModule;
  contextModule = null;
  try {
    contextModule = require(CONTEXT_MODULE);
  } catch {
    for (const folder of hostFolders()) {
      try {
        contextModule = Module.createRequire(path.join(folder, 'index.js'))(CONTEXT_MODULE);
        break;
      } catch {
        // It is not there either.
      }
    }
  }
  contextRequire = Module.prototype.require;
  contextAt = now;
  return contextModule;
}

function getCurrentTenant() {
  try {
    const context = findContextModule();
    if (context) return context.Context.tenant ?? null;
    const loopbackContext = global.loopbackContext;
    if (!loopbackContext) return null;
    const current = loopbackContext.getCurrentContext();
    return (current && current.tenant) ?? null;
  } catch {
    return null;
  }
}

/** As the library has it. */
function currentCode() {
  return libraryCode(plain(getCurrentTenant()));
}

/** Writes the code of a tenant, as the library has it, where the structs point to, and returns its length. */
function writeCode(code) {
  return code === '' ? 0 : bytes.write(code, CODE, CODE_BYTES);
}

// ---------------------------------------------------------------------------------------------------------------------
// Registering
// ---------------------------------------------------------------------------------------------------------------------

/** Whether a model with `parentRef` was ever registered: only then the environment is worth a look. */
let parentRefSeen = false;

/** The name a model is registered by; empty for none. */
function nameOf(model) {
  const name = read(model, 'modelName');
  if (typeof name === 'string') return name;
  try {
    return name ? String(name) : '';
  } catch {
    return '';
  }
}

function registerModel(model, properties) {
  return registerFor(undefined, model, properties);
}

/** Registers; of an app where one is given, else as the model says. */
function registerFor(givenApp, model, properties) {
  if (!isObject(model)) return model;
  const name = nameOf(model);
  if (name === '') return model;

  const definition = read(model, 'definition');
  const defined = isObject(definition) ? read(definition, 'properties') : undefined;
  const given = properties === undefined || properties === null ? defined : properties;
  const settings = read(model, 'settings');
  const builder = read(model, 'modelBuilder');
  const builderSettings = isObject(builder) ? read(builder, 'settings') : undefined;
  const dataSource = read(model, 'dataSource');
  const app = givenApp || read(model, 'app');

  const next = new Registration(model);
  next.name = name;
  next.properties = given;
  if (isObject(settings)) {
    next.anonymous = Boolean(read(settings, 'anonymous'));
    if (read(settings, 'strict') === true) next.flags = MODEL_STRICT;
  }
  if (isObject(builderSettings)) {
    if (read(builderSettings, 'strictEmbeddedModels') === true) next.flags = MODEL_STRICT;
    if (read(builderSettings, 'parentRef')) {
      next.marks |= MARK_PARENT_REF;
      parentRefSeen = true;
    }
  }
  if (given !== defined && !haveSameKeys(defined, given)) next.marks |= MARK_OTHER_KEYS;
  const writer = takeWriter();
  try {
    writeStructure(writer, given);
    if (isObject(dataSource)) next.dataSource = registeredOwner(dataSource, KIND_DATA_SOURCE);
    if (isObject(app)) next.app = registeredOwner(app, KIND_APP);
    // No tenant at all would be the one that the thread has for other users of the library.
    if (next.dataSource === null && next.app === null) next.tenant = currentCode() || 'global';

    put(next, schemaOf(writer));
  } finally {
    giveBack(writer);
  }
  drain();
  return model;
}

/** Registers, in the place of what the model object was registered as before. No code of the host runs here. */
function put(next, schema) {
  const named = libraryName(next.name);
  roomFor(named.length);
  u32[MODEL + 16 >> 2] = text.bytes.write(named, 0);
  u64[MODEL + 24 >> 3] = next.dataSource === null ? 0n : next.dataSource.handle;
  u64[MODEL + 32 >> 3] = next.app === null ? 0n : next.app.handle;
  u32[MODEL + 48 >> 2] = writeCode(next.tenant);
  u64[MODEL + 56 >> 3] = schema;
  u32[MODEL + 72 >> 2] = next.anonymous ? ANONYMOUS : 0;
  u32[MODEL + 96 >> 2] = next.flags;
  u32[MODEL + 100 >> 2] = next.marks;
  const status = native.mreg_model_register(registry, at + MODEL, at + OUT, at + FAILURE);
  if (status !== 0) {
    const error = new ModelRegistryError(status);
    // The `user_data` of the call that failed is in the queue.
    drain();
    throw error;
  }

  const key = keyAt(f64, u64, OUT >> 3);
  const before = registrations.get(next.model);
  if (before !== undefined) {
    // Out of the tables first: what the library lets go of now is no model that was dropped.
    const sameOwner = before.app === next.app && (next.app !== null || before.dataSource === next.dataSource);
    detach(before, before.key, before.dataSource, before.app, !sameOwner || before.name !== next.name);
    const handle = handleOf(before.key);
    if (native.mreg_model_is_valid(handle)) check(native.mreg_model_unregister(handle, at + FAILURE));
  }
  registrations.set(next.model, next);
  attach(next, key);
}

function registerModelForApp(app, model, properties) {
  if (!isObject(model)) return model;
  if (!isObject(app)) return registerModel(model, properties);
  assign(model, 'app', app);
  // Of a frozen model, the app is known nowhere else.
  return registerFor(app, model, properties);
}

/** Takes a model out of the registry; it is not told. For `delete` of a proxy. */
function unregister(model) {
  const registration = isObject(model) ? registrations.get(model) : undefined;
  if (registration === undefined) return false;
  detach(registration, registration.key, registration.dataSource, registration.app, true);
  registrations.delete(model);
  native.mreg_model_unregister(handleOf(registration.key), 0);
  drain();
  return true;
}

/** Whether a definition has exactly the keys of properties that have a value. Without a definition there is nothing else. */
function haveSameKeys(defined, given) {
  if (!isObject(defined)) return true;
  if (!isObject(given)) return keysOf(defined).length === 0;
  let more = 0;
  for (const key of keysOf(defined)) if (read(defined, key) !== undefined) more++;
  for (const key of keysOf(given)) {
    if (read(given, key) === undefined) continue;
    if (!hasKey(defined, key)) return false;
    more--;
  }
  return more === 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Asking
// ---------------------------------------------------------------------------------------------------------------------

function detectOwnerType(owner) {
  try {
    if (!isObject(owner)) return null;
    const constructorName = owner.constructor && owner.constructor.name;
    if (typeof owner === 'object' && (owner.connector || owner.modelBuilder || constructorName === 'DataSource')) {
      return 'dataSource';
    }
    if (owner.models || owner.registry || owner.dataSources || owner.middleware) return 'app';
    if (constructorName === 'LoopBackApplication' || constructorName === 'Application' || constructorName === 'App') {
      return 'app';
    }
    if (typeof owner.model === 'function') return 'app';
    if (typeof owner.use === 'function' && typeof owner.listen === 'function') return 'app';
  } catch {
    // An accessor that throws tells nothing.
  }
  return null;
}

function kindOf(ownerType) {
  return ownerType === 'dataSource' ? KIND_DATA_SOURCE : ownerType === 'app' ? KIND_APP : KIND_ANY;
}

/** The record of an owner, whose kind is told or found out; undefined for what is no owner. */
function ownerFor(object, ownerType) {
  const known = owners.get(object);
  if (ownerType !== undefined && ownerType !== null) {
    const kind = kindOf(ownerType);
    if (known !== undefined && known.kind === kind) return known;
    return isObject(object) && kind !== KIND_ANY ? ownerOf(object, kind) || makeOwner(object, kind) : undefined;
  }
  // What was found out stands as long as the answers do.
  if (known !== undefined && known.detected && known.isFresh()) return known;
  const kind = kindOf(detectOwnerType(object));
  if (kind === KIND_ANY) return undefined;
  const owner = ownerOf(object, kind) || makeOwner(object, kind);
  if (known !== owner || !owner.detected) {
    // The one that is found first is the one whose kind was found out.
    owner.detected = true;
    if (owner.twin !== undefined) owner.twin.detected = false;
    owners.set(object, owner);
  }
  return owner;
}

/** Fills `list` by a call that copies handles; returns how many there are. */
function copyHandles(call) {
  for (;;) {
    if (!answered(call(list.address, list.capacity))) return 0;
    const count = u32[COUNT >> 2];
    if (count <= list.capacity) return count;
    list = growList(Math.max(count, 2 * list.capacity));
  }
}

/** Builds an owner's list, or finds that it is the one that was built before. */
function refresh(owner) {
  if (owner.handle === 0n) {
    owner.low = owner.word[0];
    owner.high = owner.word[1];
    owner.registryLow = registryWord[0];
    owner.registryHigh = registryWord[1];
    owner.list = [];
    owner.members = NO_MEMBERS;
    owner.names = null;
    owner.byName = null;
    return;
  }
  const {handle} = owner;
  let count = 0;
  for (;;) {
    if (!answered(native.mreg_owner_models(
      handle, KIND_ANY, list.address, list.capacity, at + COUNT, at + STAMP, at + FAILURE,
    ))) {
      u32.fill(0, STAMP >> 2, STAMP + 24 >> 2);
      break;
    }
    count = u32[COUNT >> 2];
    if (count <= list.capacity) break;
    list = growList(Math.max(count, 2 * list.capacity));
  }
  const stampLow = u32[STAMP >> 2];
  const stampHigh = u32[(STAMP >> 2) + 1];
  owner.low = u32[STAMP + 8 >> 2];
  owner.high = u32[STAMP + 12 >> 2];
  owner.registryLow = u32[STAMP + 16 >> 2];
  owner.registryHigh = u32[STAMP + 20 >> 2];
  if (owner.list !== null && owner.stampLow === stampLow && owner.stampHigh === stampHigh) return;
  owner.stampLow = stampLow;
  owner.stampHigh = stampHigh;
  const models = [];
  const members = [];
  for (let index = 0; index < count; index++) {
    const registration = owner.models.get(keyAt(list.f64, list.u64, index));
    if (registration === undefined) continue;
    models.push(registration.model);
    members.push(registration);
  }
  owner.list = models;
  owner.members = members;
  owner.names = null;
  owner.byName = null;
}

function getModelsForOwner(object, ownerType) {
  if (ownerType === undefined) {
    const owner = owners.get(object);
    if (owner !== undefined && owner.detected && owner.isFresh()) return owner.list;
  }
  return modelsOf(ownerFor(object, ownerType));
}

function getModelsForOwnerWithType(object, ownerType) {
  return modelsOf(ownerFor(object, ownerType || 'none'));
}

function modelsOf(owner) {
  if (owner === undefined) return [];
  if (!owner.isFresh()) refresh(owner);
  return owner.list;
}

function getModelNamesForOwner(object, ownerType) {
  return namesOf(ownerFor(object, ownerType));
}

function getModelNamesForOwnerWithType(object, ownerType) {
  return namesOf(ownerFor(object, ownerType || 'none'));
}

function namesOf(owner) {
  if (owner === undefined) return [];
  if (!owner.isFresh()) refresh(owner);
  if (owner.names === null) owner.names = owner.members.map(registration => registration.name);
  return owner.names;
}

function hasModelForOwner(object, name, ownerType) {
  return findOf(ownerFor(object, ownerType), name) !== undefined;
}

function hasModelForOwnerWithType(object, name, ownerType) {
  return findOf(ownerFor(object, ownerType || 'none'), name) !== undefined;
}

function getModelForOwner(object, name, ownerType) {
  return findOf(ownerFor(object, ownerType), name);
}

function getModelForOwnerWithType(object, name, ownerType) {
  return findOf(ownerFor(object, ownerType || 'none'), name);
}

/** The model of a name that an owner has, or that is on a data source. */
function findOf(owner, name) {
  if (owner === undefined || typeof name !== 'string' || owner.handle === 0n) return undefined;
  const model = owner.byName !== null && owner.isFresh() ? owner.byName.get(name) : findOwn(owner, name);
  return model === undefined && owner.shared > 0 ? findOn(owner, name) : model;
}

/**
 * An index by name costs a list to build, and serves until the next change. It is built when there were as many questions
 * that the library had to answer as an eighth of the list's length: asking after each change stays cheap, asking
 * again and again gets cheap.
 */
function findOwn(owner, name) {
  if (++owner.asked <= owner.models.size >> 3) {
    const named = libraryName(name);
    roomFor(named.length);
    const length = text.bytes.write(named, 0);
    const status = native.mreg_owner_get(owner.handle, KIND_ANY, text.address, length, at + OUT, at + FAILURE);
    if (!answered(status)) return undefined;
    const registration = owner.models.get(keyAt(f64, u64, OUT >> 3));
    return registration === undefined ? undefined : registration.model;
  }
  owner.asked = 0;
  if (!owner.isFresh()) refresh(owner);
  if (owner.byName === null) {
    owner.byName = new Map();
    for (const {name: each, model} of owner.members) owner.byName.set(each, model);
  }
  return owner.byName.get(name);
}

/** Among the models on a data source that an app owns, the last one of a name. */
function findOn(owner, name) {
  if (!owner.isOnFresh()) {
    const count = copyHandles((address, capacity) => native.mreg_owner_models_on(
      owner.handle, KIND_ANY, address, capacity, at + COUNT, at + STAMP, at + FAILURE,
    ));
    owner.onLow = u32[STAMP + 8 >> 2];
    owner.onHigh = u32[STAMP + 12 >> 2];
    owner.onRegistryLow = u32[STAMP + 16 >> 2];
    owner.onRegistryHigh = u32[STAMP + 20 >> 2];
    owner.onByName = new Map();
    for (let index = 0; index < count; index++) {
      const registration = owner.models.get(keyAt(list.f64, list.u64, index));
      if (registration !== undefined && registration.app !== null) {
        owner.onByName.set(registration.name, registration.model);
      }
    }
  }
  return owner.onByName.get(name);
}

function findModelByName(name) {
  if (typeof name !== 'string' || name === '') return undefined;
  const named = libraryName(name);
  for (;;) {
    roomFor(named.length);
    const length = text.bytes.write(named, 0);
    const status = native.mreg_registry_find_model(registry, text.address, length, at + OUT, at + FAILURE);
    if (!answered(status)) return undefined;
    const key = keyAt(f64, u64, OUT >> 3);
    if (key === 0) return undefined;
    const registration = registrationOf(key);
    if (registration !== undefined) return registration.model;
    if (!releaseCollected(key)) return undefined;
  }
}

function findModelByStructure(properties, modelBuilder) {
  const writer = takeWriter();
  try {
    writeStructure(writer, properties);
    return writer.count === 0 ? null : findWritten(writer, properties, modelBuilder);
  } finally {
    giveBack(writer);
  }
}

function findWritten(writer, properties, modelBuilder) {
  const builder = isObject(modelBuilder) ? modelBuilder : getCurrentModelBuilder();
  const settings = isObject(builder) ? read(builder, 'settings') : undefined;
  const strict = isObject(settings) && read(settings, 'strictEmbeddedModels') === true;
  const tenant = currentCode();
  const passOver = parentRefSeen && process.env.NODE_ENV === 'test' ? MARK_PARENT_REF : 0;
  const outside = isEmbeddedModelStructure(properties) ? MARK_OTHER_KEYS : 0;

  for (;;) {
    const schema = schemaOf(writer);
    if (schema === 0n) return null;
    u64[FIND + 8 >> 3] = schema;
    writeNumber(FIND + 16, at + CODE);
    u32[FIND + 24 >> 2] = writeCode(tenant);
    u32[FIND + 32 >> 2] = strict ? FIND_STRICT : 0;
    u32[FIND + 36 >> 2] = passOver;
    u32[FIND + 40 >> 2] = outside;
    if (!answered(native.mreg_registry_find_structure(registry, at + FIND, at + OUT, at + FAILURE))) return null;
    const key = keyAt(f64, u64, OUT >> 3);
    if (key === 0) return null;
    const registration = registrationOf(key);
    if (registration === undefined) {
      if (releaseCollected(key)) continue;
      return null;
    }
    if (outside === 0 || agrees(registration, properties)) return registration.model;
    // Its definition got other keys after it was registered: it is marked, and the search goes on.
    markOtherKeys(registration);
  }
}

/** Whether the model's definition has the keys that are asked for, or lives in `global`, where that does not matter. */
function agrees(registration, properties) {
  const definition = read(registration.model, 'definition');
  const defined = isObject(definition) ? read(definition, 'properties') : undefined;
  return haveSameKeys(defined, properties) || tenantOf(registration.key) === 'global';
}

function markOtherKeys(registration) {
  check(native.mreg_model_schema(handleOf(registration.key), at + OUT, at + FAILURE));
  const schema = u64[OUT >> 3];
  const next = Object.assign(new Registration(registration.model), registration);
  next.marks |= MARK_OTHER_KEYS;
  try {
    put(next, schema);
  } finally {
    native.mreg_schema_free(schema, 0);
  }
  drain();
}

function tenantOf(key) {
  const handle = handleOf(key);
  if (!answered(native.mreg_model_tenant(handle, at + LABEL, LABEL_BYTES, at + LENGTH, at + FAILURE))) return '';
  return bytes.toString('utf8', LABEL, LABEL + Math.min(u32[LENGTH >> 2], LABEL_BYTES - 1));
}

/** The registrations behind the handles that a call copies. */
function registrationsBy(call) {
  const count = copyHandles(call);
  const result = [];
  for (let index = 0; index < count; index++) {
    const registration = registrationOf(keyAt(list.f64, list.u64, index));
    if (registration !== undefined) result.push(registration);
  }
  return result;
}

function getAllModels() {
  const all = new Map();
  const everywhere = registrationsBy((address, capacity) =>
    native.mreg_registry_models(registry, address, capacity, at + COUNT, at + FAILURE));
  for (const {name, key, model, properties} of everywhere) {
    const status = native.mreg_model_registered_at(handleOf(key), at + OUT, at + FAILURE);
    const registeredAt = new Date(answered(status) ? Number(u64[OUT >> 3]) : 0);
    all.set(name, {model, properties, registeredAt, tenant: hostCode(tenantOf(key))});
  }
  return all;
}

// ---------------------------------------------------------------------------------------------------------------------
// Counting
// ---------------------------------------------------------------------------------------------------------------------

const number = (offset) => Number(u64[offset >> 3]);

/** Every partition but `global`, in the order they came to be. */
function tenants() {
  const all = [];
  let last = 0n;
  for (;;) {
    check(native.mreg_tenant_next(registry, last, at + TENANT, at + FAILURE));
    if (u32[TENANT + 8 >> 2] === 0) return all;
    last = u64[TENANT + 16 >> 3];
    const from = TENANT + 80;
    const label = bytes.toString('utf8', from, bytes.indexOf(0, from));
    all.push({
      label,
      isDataSourceBased: u32[TENANT + 12 >> 2] === 1,
      owners: number(TENANT + 48),
      stats: {
        tenantCode: hostCode(label),
        modelCount: number(TENANT + 40),
        creationTime: number(TENANT + 56),
        lastAccessed: number(TENANT + 64),
        idleTime: number(TENANT + 72),
      },
    });
  }
}

function tenantNames(label) {
  const models = registrationsBy((address, capacity) => native.mreg_tenant_models(
    registry, at + CODE, writeCode(label), address, capacity, at + COUNT, at + FAILURE,
  ));
  return [...new Set(models.map(registration => registration.name))];
}

function getStats() {
  const tenantStats = tenants().map(tenant => tenant.stats);
  check(native.mreg_registry_get_stats(registry, at + STATS, at + FAILURE));
  return {
    totalModels: number(STATS + 8),
    reuseCount: number(STATS + 16),
    uniqueModels: number(STATS + 24),
    tenantRegistries: number(STATS + 32),
    tenantStats,
    totalTenantModels: tenantStats.reduce((sum, stats) => sum + stats.modelCount, 0),
  };
}

function getTenantRegistryInfo() {
  const all = tenants();
  const info = {
    activeDataSources: 0,
    activeTenants: all.length,
    tenants: {},
    globalModels: tenantNames(''),
  };
  for (const {label, stats, owners, isDataSourceBased} of all) {
    if (isDataSourceBased) info.activeDataSources += owners;
    // A tenant may have the code that is also the label of an owner's partition: the second one is shown as the library has it.
    const key = hasKey(info.tenants, stats.tenantCode) ? label : stats.tenantCode;
    define(info.tenants, key, {...stats, models: tenantNames(label), isDataSourceBased}, true);
  }
  return info;
}

// ---------------------------------------------------------------------------------------------------------------------
// Letting go
// ---------------------------------------------------------------------------------------------------------------------

const DEFAULT_INTERVAL_MS = 5 * 60 * 1000;
const DEFAULT_MAX_IDLE_MS = 30 * 60 * 1000;

function cleanupTenant(code, dataSource) {
  if (typeof code !== 'string' || code === '') return 0;
  let handle = 0n;
  if (dataSource !== undefined && dataSource !== null) {
    for (const kind of [KIND_APP, KIND_DATA_SOURCE]) {
      const owner = ownerOf(dataSource, kind);
      if (owner !== undefined && owner.handle !== 0n) handle = owner.handle;
    }
    if (handle === 0n) return 0;
  }
  let dropped = 0;
  // A tenant's code may be the label of an owner's partition as well.
  for (const label of OWNER_LABEL.test(code) ? [code, libraryCode(code)] : [libraryCode(code)]) {
    const length = writeCode(label);
    const status = native.mreg_tenant_drop(registry, at + CODE, length, handle, at + OUT, at + FAILURE);
    if (answered(status)) dropped += number(OUT);
  }
  drain();
  return dropped;
}

function cleanupInactiveTenants(maxIdleMs) {
  let idle = Number(plain(maxIdleMs ?? DEFAULT_MAX_IDLE_MS) || NaN);
  if (Number.isNaN(idle)) return 0;
  idle = Math.min(Math.max(Math.ceil(idle), 0), Number.MAX_SAFE_INTEGER);
  check(native.mreg_tenant_drop_idle(registry, idle, at + OUT, at + FAILURE));
  const dropped = number(OUT);
  drain();
  return dropped;
}

function clear() {
  forgetSchemas();
  check(native.mreg_registry_clear(registry, at + FAILURE));
  drain();
}

/** Bytes in use and reserved, after everything that was let go was taken back. For tests and for the curious. */
function memoryUsage() {
  forgetSchemas();
  check(native.mreg_registry_reclaim(registry, at + FAILURE));
  drain();
  check(native.mreg_registry_get_stats(registry, at + STATS, at + FAILURE));
  return {bytesInUse: number(STATS + 64), bytesReserved: number(STATS + 72), owners: number(STATS + 48)};
}

const registryManager = {
  cleanupInterval: DEFAULT_INTERVAL_MS,
  maxIdleTime: DEFAULT_MAX_IDLE_MS,
  timer: null,

  startPeriodicCleanup() {
    if (registryManager.timer !== null) return;
    const timer = setInterval(() => cleanupInactiveTenants(registryManager.maxIdleTime), registryManager.cleanupInterval);
    if (typeof timer.unref === 'function') timer.unref();
    registryManager.timer = timer;
  },

  stopPeriodicCleanup() {
    if (registryManager.timer === null) return;
    clearInterval(registryManager.timer);
    registryManager.timer = null;
  },

  /** Drops all tenants that are idle now; how many. */
  forceCleanup() {
    return cleanupInactiveTenants(0);
  },

  getStats() {
    return {
      cleanupInterval: registryManager.cleanupInterval,
      maxIdleTime: registryManager.maxIdleTime,
      isActive: registryManager.timer !== null,
      registryStats: getStats(),
    };
  },

  /** As when the module was loaded. */
  reset() {
    registryManager.stopPeriodicCleanup();
    registryManager.cleanupInterval = DEFAULT_INTERVAL_MS;
    registryManager.maxIdleTime = DEFAULT_MAX_IDLE_MS;
    clear();
    registryManager.startPeriodicCleanup();
  },
};

// ---------------------------------------------------------------------------------------------------------------------
// Helpers of the original that look at structures
// ---------------------------------------------------------------------------------------------------------------------

function generateFingerprint(properties) {
  if (typeof properties !== 'object' || properties === null) return 'invalid-properties';
  const writer = takeWriter();
  try {
    writer.structure(properties);
    if (writer.count === 0) {
      writer.add(BEGIN);
      writer.add(END);
    }
    const schema = parseSchema(writer, writer.length());
    if (schema === 0n) return 'error-no-structure';
    const status = native.mreg_schema_get_info(schema, at + INFO, at + FAILURE);
    const fingerprint = status === 0 ? bytes.toString('hex', INFO + 80, INFO + 96) : 'error-no-structure';
    native.mreg_schema_free(schema, 0);
    return fingerprint;
  } catch (error) {
    return `error-${error instanceof NoStructure ? error.message : 'no-structure'}`;
  } finally {
    giveBack(writer);
  }
}

/** What is nested deeper is looked at no further. */
const NESTING = 1000;

function looksPlain(value) {
  try {
    return isPlain(value);
  } catch {
    return false;
  }
}

function isEmbedded(value) {
  return typeof value === 'object' && value !== null && !isArray(value) && Boolean(read(value, 'type'));
}

function isEmbeddedModelStructure(properties) {
  if (!isObject(properties)) return false;
  return keysOf(properties).some(key => isEmbedded(read(properties, key)));
}

function normalizeProperties(properties, above = []) {
  if (typeof properties !== 'object' || properties === null) return properties;
  if (above.length >= NESTING || above.includes(properties)) return properties;
  const inside = [...above, properties];
  if (isArray(properties)) return Array.from(properties, element => normalizeProperties(element, inside));
  if (!looksPlain(properties)) return properties;
  const keys = keysOf(properties).sort();
  const normalized = {};
  for (const key of keys) {
    const value = read(properties, key);
    const copy = key === 'type' && typeof value === 'function' ? read(value, 'name') : normalizeProperties(value, inside);
    Object.defineProperty(normalized, key, {value: copy, writable: true, enumerable: true, configurable: true});
  }
  if (isEmbeddedModelStructure(properties)) normalized.__structureKeys = keys.join(',');
  return normalized;
}

function determineStructureType(properties) {
  if (typeof properties !== 'object' || properties === null) return 'invalid';
  if (isArray(properties)) return 'array';
  const nests = (value) => typeof value === 'object' && value !== null;
  return keysOf(properties).some(key => nests(read(properties, key))) ? 'complex' : 'simple';
}

function calculateStructureDepth(value, depth = 0, above = []) {
  if (typeof value !== 'object' || value === null || above.length >= NESTING || above.includes(value)) return depth;
  const inside = [...above, value];
  let deepest = depth;
  for (const key of keysOf(value)) {
    const member = read(value, key);
    if (typeof member !== 'object' || member === null) continue;
    deepest = Math.max(deepest, calculateStructureDepth(member, depth + 1, inside));
  }
  return deepest;
}

function areArraysEqual(a, b) {
  return isArray(a) && isArray(b) && arePropertiesEquivalent(a, b);
}

function arePropertiesEquivalent(a, b) {
  try {
    return areEquivalent(a, b, []);
  } catch {
    // An array whose elements cannot be read.
    return false;
  }
}

/** Pairs that are being compared further up count as equivalent: circular objects are when nothing else differs. */
function areEquivalent(a, b, above) {
  if (a === b) return true;
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return false;
  if (isArray(a) !== isArray(b)) return false;
  if (above.length >= NESTING) return false;
  if (above.some(([left, right]) => left === a && right === b)) return true;
  const inside = [...above, [a, b]];
  if (isArray(a)) {
    return a.length === b.length && a.every((element, index) => areEquivalent(element, b[index], inside));
  }
  // What is more than its members, as a date, is equivalent to itself alone.
  if (!looksPlain(a) || !looksPlain(b)) return false;
  const keys = keysOf(a);
  if (keys.length !== keysOf(b).length) return false;
  return keys.every((key) => {
    if (!hasKey(b, key)) return false;
    const [left, right] = [read(a, key), read(b, key)];
    if (key === 'type' && typeof left === 'function' && typeof right === 'function') return read(left, 'name') === read(right, 'name');
    return areEquivalent(left, right, inside);
  });
}

function findEquivalentAnonymousModel(modelBuilder, model) {
  const settings = isObject(model) ? read(model, 'settings') : undefined;
  if (!isObject(settings) || !read(settings, 'anonymous')) return null;
  const models = isObject(modelBuilder) ? read(modelBuilder, 'models') : undefined;
  const wanted = read(model, 'definition');
  if (!isObject(models) || !isObject(wanted)) return null;
  for (const name of keysOf(models)) {
    if (!name.startsWith('AnonymousModel_')) continue;
    const candidate = read(models, name);
    const definition = isObject(candidate) ? read(candidate, 'definition') : undefined;
    if (!isObject(definition)) continue;
    if (arePropertiesEquivalent(read(definition, 'properties'), read(wanted, 'properties'))) return candidate;
  }
  return null;
}

function createHash(input) {
  if (typeof input !== 'string' || input === '') return 'invalid-input';
  let hash = 0x811c9dc5;
  for (let index = 0; index < input.length; index++) hash = Math.imul(hash ^ input.charCodeAt(index), 0x01000193);
  return 'h' + (hash >>> 0).toString(16);
}

/** The builder that this is called on; no other can be known. */
function getCurrentModelBuilder() {
  const constructor = isObject(this) ? read(this, 'constructor') : undefined;
  return isObject(constructor) && read(constructor, 'name') === 'ModelBuilder' ? this : null;
}

// ---------------------------------------------------------------------------------------------------------------------
// The module
// ---------------------------------------------------------------------------------------------------------------------

const ModelRegistry = {
  registerModel,
  registerModelForApp,
  findModelByStructure,
  findModelByName,
  getModelsForOwner,
  getModelNamesForOwner,
  hasModelForOwner,
  getModelForOwner,
  getModelsForOwnerWithType,
  getModelNamesForOwnerWithType,
  hasModelForOwnerWithType,
  getModelForOwnerWithType,
  _detectOwnerType: detectOwnerType,
  getAllModels,
  getStats,
  getTenantRegistryInfo,
  cleanupTenant,
  cleanupInactiveTenants,
  clear,
  generateFingerprint,
  normalizeProperties(properties) {
    try {
      return normalizeProperties(properties);
    } catch {
      // An array whose elements cannot be read.
      return properties;
    }
  },
  isEmbeddedModelStructure,
  determineStructureType,
  calculateStructureDepth: (value, depth) => calculateStructureDepth(value, typeof depth === 'number' ? depth : 0),
  areArraysEqual,
  createHash,
  getCurrentModelBuilder,
  arePropertiesEquivalent,
  findEquivalentAnonymousModel,
  // Beyond the original.
  _unregister: unregister,
  _memoryUsage: memoryUsage,
  _library: library,
};

registryManager.startPeriodicCleanup();

module.exports = {
  ModelRegistry,
  registryManager,
  getCurrentTenant,
  arePropertiesEquivalent,
  findEquivalentAnonymousModel,
};
