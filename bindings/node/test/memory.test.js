// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Run with --expose-gc: what was let go of is gone.

'use strict';

const assert = require('node:assert');
const {test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {dataSource, app, model, collect} = require('./support');

const skip = global.gc ? false : 'node was started without --expose-gc';

test('an owner is not kept alive, though its models refer to it and are registered', {skip}, async () => {
  let source = dataSource();
  let user = model('User', {dataSource: source});
  ModelRegistry.registerModel(user);
  assert.strictEqual(ModelRegistry.getModelsForOwner(source)[0], user);
  const gone = [new WeakRef(source), new WeakRef(user)];
  source = user = null;
  await collect();
  assert.deepStrictEqual(gone.map(reference => reference.deref()), [undefined, undefined]);
  assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
  assert.strictEqual(ModelRegistry.getStats().tenantRegistries, 0);
});

test('a model lives while one of its owners lives', {skip}, async () => {
  const application = app();
  let source = dataSource();
  ModelRegistry.registerModelForApp(application, model('User', {dataSource: source}));
  source = null;
  await collect();
  // The model refers to its data source, and the app's list has the model.
  assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(application), ['User']);
  ModelRegistry.clear();
});

test('a proxy keeps its owner\'s models not alive once they were dropped', {skip}, async () => {
  const source = dataSource();
  const proxy = new ModelRegistryProxy(source, 'dataSource');
  const gone = [];
  for (const name of ['A', 'B', 'C']) {
    proxy[name] = model(name);
    gone.push(new WeakRef(proxy[name]));
  }
  assert.strictEqual(proxy.values().length, 3);
  assert.strictEqual(ModelRegistry.getModelsForOwner(source).length, 3);
  await collect();
  assert.ok(gone.every(reference => reference.deref() !== undefined));
  ModelRegistry.cleanupTenant(`ds_${source._dsId}`);
  await collect();
  assert.ok(gone.every(reference => reference.deref() === undefined));
});

test('models that were replaced, moved and cleared are let go of by everything that was cached', {skip}, async () => {
  const [source, other] = [dataSource(), dataSource()];
  const gone = [];
  const add = (name, owner) => {
    const added = ModelRegistry.registerModel(model(name, {dataSource: owner}));
    gone.push(new WeakRef(added));
    return added;
  };
  add('A', source);
  ModelRegistry.getModelsForOwner(source);
  add('A', source);
  ModelRegistry.getModelForOwner(source, 'A');
  let moved = add('B', source);
  ModelRegistry.getModelsForOwner(source);
  moved.dataSource = other;
  ModelRegistry.registerModel(moved);
  moved = null;
  ModelRegistry.cleanupTenant(`ds_${other._dsId}`);
  await collect();
  assert.deepStrictEqual(gone.map(reference => reference.deref() === undefined), [true, false, true]);
  ModelRegistry.clear();
  await collect();
  assert.deepStrictEqual(gone.map(reference => reference.deref() === undefined), [true, true, true]);
});

test('an owner that was collected and not yet released is not found', {skip}, async () => {
  const gone = [];
  (() => {
    const source = dataSource();
    ModelRegistry.registerModel(model('Gone', {dataSource: source}));
    gone.push(new WeakRef(source));
  })();
  const stays = dataSource();
  const second = ModelRegistry.registerModel(model('Gone', {dataSource: stays}));
  await new Promise(resolve => setTimeout(resolve, 5));
  global.gc();
  assert.strictEqual(ModelRegistry.findModelByName('Gone'), second);
  ModelRegistry.clear();
});

test('a hundred thousand data sources are opened, filled, asked and dropped, and nothing is left', {skip}, async () => {
  const BATCH = 5000;
  const heap = () => process.memoryUsage().heapUsed;
  ModelRegistry.clear();
  await collect();

  // In a function of its own, which leaves nothing on the stack.
  const fill = (batch) => {
    for (let index = 0; index < BATCH; index++) {
      // Half of them have one and the same configuration.
      const source = dataSource({database: index % 2 ? 'same' : `db${batch * BATCH + index}`});
      for (const name of ['User', 'Order']) ModelRegistry.registerModel(model(name, {dataSource: source}));
      const list = ModelRegistry.getModelsForOwner(source);
      assert.strictEqual(list.length, 2);
      assert.strictEqual(ModelRegistry.getModelsForOwner(source), list);
      assert.strictEqual(ModelRegistry.getModelForOwner(source, 'Order'), list[1]);
    }
  };
  const round = async () => {
    for (let batch = 0; batch < 10; batch++) {
      fill(batch);
      await collect();
    }
    await collect();
    return {...ModelRegistry._memoryUsage(), heap: heap()};
  };
  await collect();
  const first = await round();
  const second = await round();
  assert.strictEqual(first.owners, 0);
  assert.strictEqual(second.owners, 0);
  assert.strictEqual(first.bytesInUse, 0);
  assert.strictEqual(second.bytesInUse, 0);
  assert.ok(second.bytesReserved <= first.bytesReserved * 1.05, `${first.bytesReserved}, then ${second.bytesReserved}`);
  assert.ok(second.heap < first.heap + 4e6, `${first.heap} bytes of heap, then ${second.heap}`);
});
