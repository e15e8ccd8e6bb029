// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const {dataSource, model} = require('./support');

test('the scene: what was cached before a clear is never seen after it', () => {
  const source = dataSource();
  const user = ModelRegistry.registerModel(model('User', {dataSource: source}));
  const before = ModelRegistry.getModelsForOwner(source);
  assert.deepStrictEqual(before, [user]);

  ModelRegistry.clear();
  const after = ModelRegistry.getModelsForOwner(source);
  assert.deepStrictEqual(after, []);
  assert.notStrictEqual(after, before);

  const product = ModelRegistry.registerModel(model('Product', {dataSource: source}));
  const again = ModelRegistry.getModelsForOwner(source);
  assert.deepStrictEqual(again, [product]);
  assert.strictEqual(ModelRegistry.getModelsForOwner(source), again);
});
