// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Long histories of random changes, compared after each step with the same rules written down plainly.
// MODELREG_CHANGES is how many changes; MODELREG_SEED begins one that failed again.

'use strict';

const assert = require('node:assert');
const {test} = require('node:test');
const {ModelRegistry, registryManager} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {dataSource, app, model, collect} = require('./support');

const CHANGES = Number(process.env.MODELREG_CHANGES || 20000);
const SEED = Number(process.env.MODELREG_SEED || Date.now() % 1e9);

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed) {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 4294967296 * below);
  };
}

/** What the registry must be, as plainly as it can be written. */
class Shadow {
  constructor() {
    this.lists = new Map();
    this.places = new Map();
    this.counting = new Map();
    this.cleanups = new Map();
  }

  list(owner) {
    if (!this.lists.has(owner)) this.lists.set(owner, []);
    return this.lists.get(owner);
  }

  partition({dataSource, app}) {
    return dataSource ? dataSource.settings.database : app || 'global';
  }

  take(model) {
    const place = this.places.get(model);
    if (!place) return;
    const list = this.list(place.owner);
    list.splice(list.indexOf(model), 1);
    this.places.delete(model);
  }

  drop(model) {
    this.take(model);
    this.cleanups.set(model, (this.cleanups.get(model) || 0) + 1);
  }

  register(model) {
    const {dataSource, app, modelName} = model;
    const owner = app || dataSource || 'global';
    const list = this.list(owner);
    const before = this.places.get(model);
    let at = list.findIndex(other => this.places.get(other).name === modelName);
    if (at >= 0) {
      const other = list[at];
      const place = {owner, name: modelName, dataSource, app};
      list[at] = null;
      if (other !== model) {
        this.places.delete(other);
        this.cleanups.set(other, (this.cleanups.get(other) || 0) + 1);
        if (before) this.take(model);
        at = list.indexOf(null);
      }
      list[at] = model;
      this.places.set(model, place);
    } else {
      if (before) this.take(model);
      list.push(model);
      this.places.set(model, {owner, name: modelName, dataSource, app});
    }
    if (dataSource) {
      const key = dataSource.settings.database;
      if (!this.counting.has(key)) this.counting.set(key, new Set());
      this.counting.get(key).add(dataSource);
    }
  }

  in(partition) {
    return [...this.places].filter(([, place]) => this.partition(place) === partition).map(([model]) => model);
  }

  dropPartition(partition) {
    const models = this.in(partition);
    const names = new Set(models.map(model => this.places.get(model).name));
    models.forEach(model => this.drop(model));
    this.counting.delete(partition);
    return names.size;
  }

  leave(dataSource) {
    const key = dataSource.settings.database;
    const counting = this.counting.get(key);
    if (!counting || !counting.has(dataSource)) return 0;
    if (counting.size === 1) return this.dropPartition(key);
    for (const model of this.in(key)) if (this.places.get(model).dataSource === dataSource) this.drop(model);
    counting.delete(dataSource);
    return 0;
  }

  clear() {
    [...this.places.keys()].forEach(model => this.drop(model));
    this.counting.clear();
  }
}

test(`${CHANGES} random changes from seed ${SEED}`, () => {
  const random = randomFrom(SEED);
  const one = (list) => list[random(list.length)];
  const shadow = new Shadow();
  const sources = ['a', 'a', 'a', 'b', 'b', 'c'].map(database => dataSource({database}));
  const apps = [app(), app(), app()];
  const names = ['A', 'B', 'C', 'D', 'E'];
  const structures = [{a: String}, {b: Number}, {c: {d: Date}}, undefined];
  const models = Array.from({length: 40}, () => model(one(names)));
  const held = new Map();
  ModelRegistry.clear();

  const steps = [
    [60, () => {
      const changed = one(models);
      changed.modelName = one(names);
      changed.dataSource = random(3) ? one(sources) : null;
      changed.app = random(3) ? null : one(apps);
      ModelRegistry.registerModel(changed, one(structures));
      shadow.register(changed);
    }],
    [4, () => {
      const source = one(sources);
      const code = `ds_${source._dsId}`;
      assert.strictEqual(ModelRegistry.cleanupTenant(code, source), source._dsId ? shadow.leave(source) : 0);
    }],
    [2, () => {
      const source = one(sources);
      if (!source._dsId) return;
      assert.strictEqual(ModelRegistry.cleanupTenant(`ds_${source._dsId}`), shadow.dropPartition(source.settings.database));
    }],
    [2, () => {
      const owner = one(apps);
      if (!owner._appId) return;
      assert.strictEqual(ModelRegistry.cleanupTenant(`app_${owner._appId}`), shadow.dropPartition(owner));
    }],
    [1, () => assert.strictEqual(ModelRegistry.cleanupTenant('global'), shadow.dropPartition('global'))],
    [1, () => {
      ModelRegistry.cleanupInactiveTenants(0);
      for (const partition of [...apps, 'a', 'b', 'c']) shadow.dropPartition(partition);
    }],
    [1, () => {
      ModelRegistry.clear();
      shadow.clear();
    }],
    [2, () => {
      const source = one(sources);
      const name = one(names);
      const its = new ModelRegistryProxy(source, 'dataSource');
      const gone = shadow.list(source).find(each => shadow.places.get(each).name === name);
      if (!gone) return;
      delete its[name];
      shadow.take(gone);
    }],
  ];
  const wheel = steps.flatMap(([weight, step]) => Array(weight).fill(step));

  for (let change = 0; change < CHANGES; change++) {
    one(wheel)();
    // Some owners after each change, so that others are asked after several.
    for (let asked = 0; asked < 3; asked++) {
      const owner = one([...sources, ...apps]);
      const list = shadow.list(owner);
      const given = ModelRegistry.getModelsForOwner(owner);
      const context = `seed ${SEED}, change ${change}`;
      assert.deepStrictEqual(given.map(each => models.indexOf(each)), list.map(each => models.indexOf(each)), context);
      const ownNames = list.map(each => shadow.places.get(each).name);
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(owner), ownNames, context);
      assert.strictEqual(ModelRegistry.getModelsForOwner(owner), given, context);
      // What was given before is given again only if it is the answer, and is never changed.
      const before = held.get(owner);
      if (before) assert.ok(given !== before.list || before.copy.every((each, index) => each === list[index]), context);
      if (before) assert.deepStrictEqual(before.list.length, before.copy.length, context);
      held.set(owner, {list: given, copy: [...given]});
      const name = one(names);
      let wanted = list[ownNames.indexOf(name)];
      if (!wanted && sources.includes(owner)) {
        const on = [...shadow.places].filter(([, place]) => place.dataSource === owner && place.app && place.name === name);
        const got = ModelRegistry.getModelForOwner(owner, name);
        assert.strictEqual(Boolean(got), on.length > 0, context);
        if (got) assert.ok(on.some(([each]) => each === got), context);
      } else {
        assert.strictEqual(ModelRegistry.getModelForOwner(owner, name), wanted, context);
      }
    }
    if (change % 100 === 0) {
      for (const each of models) assert.strictEqual(each.cleanups, shadow.cleanups.get(each) || 0);
    }
  }
});

test(`${CHANGES * 5} changes with cleaning up at full speed leave nothing behind`, async () => {
  const random = randomFrom(SEED + 1);
  registryManager.stopPeriodicCleanup();
  Object.assign(registryManager, {cleanupInterval: 1, maxIdleTime: 0});
  registryManager.startPeriodicCleanup();
  const run = (changes) => {
    const sources = Array.from({length: 20}, (_, index) => dataSource({database: `db${index % 7}`}));
    const owners = [app(), app()];
    for (let change = 0; change < changes; change++) {
      const added = model(`M${random(50)}`, {dataSource: sources[random(20)]});
      added.definition.properties[`p${random(500)}`] = Number;
      if (random(4) === 0) added.app = owners[random(2)];
      ModelRegistry.registerModel(added);
      if (change % 5 === 0) ModelRegistry.getModelsForOwner(sources[random(20)]);
      if (change % 7 === 0) ModelRegistry.findModelByStructure(added.definition.properties);
      if (change % 10007 === 0) ModelRegistry.clear();
    }
  };
  for (let round = 0; round < 50; round++) {
    run(CHANGES / 10);
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  registryManager.reset();
  if (!global.gc) return;
  await collect();
  const {bytesInUse, owners} = ModelRegistry._memoryUsage();
  assert.deepStrictEqual({bytesInUse, owners}, {bytesInUse: 0, owners: 0});
});
