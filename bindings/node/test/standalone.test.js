// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The two files copied alone into other projects, and what they say when something is missing.

'use strict';

const assert = require('node:assert');
const {spawnSync} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {after, describe, test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const {BINDING} = require('./support');

const library = ModelRegistry._library;
const koffi = path.join(BINDING, 'node_modules', 'koffi');
const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'modelreg-node-')));
after(() => fs.rmSync(root, {recursive: true, force: true}));

let serial = 0;

/** A project whose `lib` has the two files and nothing else. */
function project() {
  const folder = path.join(root, `project${++serial}`);
  fs.mkdirSync(path.join(folder, 'lib'), {recursive: true});
  fs.writeFileSync(path.join(folder, 'package.json'), '{"name": "host"}');
  for (const file of ['model-registry.js', 'model-registry-proxy.js']) {
    fs.copyFileSync(path.join(BINDING, file), path.join(folder, 'lib', file));
  }
  fs.writeFileSync(path.join(folder, 'program.js'), `
    const {ModelRegistry} = require('./lib/model-registry');
    const ModelRegistryProxy = require('./lib/model-registry-proxy');
    const source = {connector: {name: 'memory'}, settings: {}};
    new ModelRegistryProxy(source, 'dataSource').User = {modelName: 'User', definition: {properties: {a: String}}};
    console.log(ModelRegistry.getModelNamesForOwner(source).join(), ModelRegistry._library);
  `);
  return folder;
}

function linkKoffi(folder) {
  fs.mkdirSync(path.join(folder, 'node_modules'), {recursive: true});
  fs.symlinkSync(koffi, path.join(folder, 'node_modules', 'koffi'), 'dir');
}

function fakeKoffi(folder, source) {
  const at = path.join(folder, 'node_modules', 'koffi');
  fs.mkdirSync(at, {recursive: true});
  fs.writeFileSync(path.join(at, 'index.js'), source);
}

function run(program, {cwd = path.dirname(program), ...environment} = {}) {
  const {MODELREG_LIBRARY, NODE_PATH, ...rest} = process.env;
  const ended = spawnSync(process.execPath, [program], {
    cwd, env: {...rest, ...environment}, encoding: 'utf8', timeout: 60000,
  });
  return {status: ended.status, out: ended.stdout.trim(), err: ended.stderr};
}

describe('the two files, copied', () => {
  test('work with the library by MODELREG_LIBRARY', () => {
    const folder = project();
    linkKoffi(folder);
    const {out, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: library});
    assert.strictEqual(out, `User ${library}`, err);
  });

  test('work with the library beside them', () => {
    const folder = project();
    linkKoffi(folder);
    const beside = path.join(folder, 'lib', path.basename(library));
    fs.copyFileSync(library, beside);
    // The folder comes before the variable.
    const {out, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: library});
    assert.strictEqual(out, `User ${beside}`, err);
  });

  test('work with the library in the project\'s folder', () => {
    const folder = project();
    linkKoffi(folder);
    const beside = path.join(folder, path.basename(library));
    fs.copyFileSync(library, beside);
    const {out, err} = run(path.join(folder, 'program.js'), {cwd: root});
    assert.strictEqual(out, `User ${beside}`, err);
  });

  test('find koffi and the library in the host project', () => {
    const folder = project();
    const host = path.join(root, `host${serial}`);
    linkKoffi(host);
    fs.writeFileSync(path.join(host, 'package.json'), '{"name": "host"}');
    fs.copyFileSync(library, path.join(host, path.basename(library)));
    fs.writeFileSync(path.join(host, 'main.js'), `require(${JSON.stringify(path.join(folder, 'program.js'))});`);
    // By the program that runs, and by the folder that it was started in.
    for (const [program, cwd] of [[path.join(host, 'main.js'), root], [path.join(folder, 'program.js'), host]]) {
      const {out, err} = run(program, {cwd});
      assert.strictEqual(out, `User ${path.join(host, path.basename(library))}`, err);
    }
  });
});

describe('it is said clearly', () => {
  test('that koffi is missing', () => {
    const folder = project();
    const {status, err} = run(path.join(folder, 'program.js'), {cwd: folder});
    assert.strictEqual(status, 1);
    assert.match(err, /the package koffi is needed.*npm install koffi/);
  });

  test('that there is no library, and where it was looked for', () => {
    const folder = project();
    linkKoffi(folder);
    const missing = path.join(folder, 'nowhere', 'libmodelreg.so');
    const {status, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: missing});
    assert.strictEqual(status, 1);
    assert.match(err, /found no library modelreg 0\.1.*cargo build --release.*MODELREG_LIBRARY/);
    assert.ok(err.includes(`${missing}: no such file`), err);
    assert.ok(err.includes(path.join(folder, 'lib', path.basename(library))), err);
  });

  test('that what was found is no library', () => {
    const folder = project();
    linkKoffi(folder);
    const broken = path.join(folder, 'lib', path.basename(library));
    fs.writeFileSync(broken, 'this is no library');
    const {status, err} = run(path.join(folder, 'program.js'));
    assert.strictEqual(status, 1);
    assert.ok(err.includes(`${broken}: `) && !err.includes(`${broken}: no such file`), err);
  });

  test('that the version does not fit', () => {
    const folder = project();
    fakeKoffi(folder, 'exports.load = () => ({func: () => () => 0 << 16 | 2 << 8 | 3});');
    const {status, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: library});
    assert.strictEqual(status, 1);
    assert.ok(err.includes(`${library}: it is version 0.2.3, and 0.1 is needed`), err);
  });

  test('that a function is missing', () => {
    const folder = project();
    fakeKoffi(folder, `exports.load = () => ({func(name) {
      if (name !== 'mreg_version') throw new Error('Cannot find function ' + name);
      return () => 1 << 8;
    }});`);
    const {status, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: library});
    assert.strictEqual(status, 1);
    assert.match(err, /Cannot find function mreg_/);
  });
});

test('a library that does not fit is passed over for one that does', () => {
  const folder = project();
  linkKoffi(folder);
  fs.writeFileSync(path.join(folder, 'lib', path.basename(library)), 'this is no library');
  const {out, err} = run(path.join(folder, 'program.js'), {MODELREG_LIBRARY: library});
  assert.strictEqual(out, `User ${library}`, err);
});

test('the module can be loaded anew, and has a registry of its own', () => {
  const file = require.resolve('../model-registry');
  const kept = require.cache[file];
  delete require.cache[file];
  const again = require('../model-registry');
  require.cache[file] = kept;
  const source = {connector: {name: 'memory'}, settings: {}};
  again.ModelRegistry.registerModel({modelName: 'User', dataSource: source});
  assert.strictEqual(again.ModelRegistry.getModelsForOwner(source).length, 1);
  assert.strictEqual(ModelRegistry.getModelsForOwner(source).length, 0);
  again.registryManager.stopPeriodicCleanup();
});

test('a worker has a registry of its own, and ends', async () => {
  const {Worker} = require('node:worker_threads');
  const worker = new Worker(`
    const {parentPort} = require('worker_threads');
    const {ModelRegistry} = require(${JSON.stringify(require.resolve('../model-registry'))});
    const source = {connector: {name: 'memory'}, settings: {}};
    ModelRegistry.registerModel({modelName: 'User', dataSource: source});
    parentPort.postMessage(ModelRegistry.getModelNamesForOwner(source));
  `, {eval: true});
  const names = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.deepStrictEqual(names, ['User']);
  assert.strictEqual(await new Promise(resolve => worker.once('exit', resolve)), 0);
  assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
});
