// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {beforeEach, describe, test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {DataSource, dataSource, app, model} = require('./support');

const register = (name, owner, more) => ModelRegistry.registerModel(model(name, {dataSource: owner, ...more}));
const nothings = [undefined, null, 0, 7, '', 'text', true, Symbol('s'), {}, [], () => {}];

beforeEach(() => ModelRegistry.clear());

describe('the owner queries', () => {
  test('find out the owner\'s kind themselves', () => {
    const [source, owner] = [dataSource(), app()];
    const user = register('User', source);
    const order = ModelRegistry.registerModelForApp(owner, model('Order'));
    for (const [each, its, name] of [[source, user, 'User'], [owner, order, 'Order']]) {
      assert.deepStrictEqual(ModelRegistry.getModelsForOwner(each), [its]);
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(each), [name]);
      assert.strictEqual(ModelRegistry.hasModelForOwner(each, name), true);
      assert.strictEqual(ModelRegistry.getModelForOwner(each, name), its);
      assert.strictEqual(ModelRegistry.hasModelForOwner(each, 'Other'), false);
      assert.strictEqual(ModelRegistry.getModelForOwner(each, 'Other'), undefined);
    }
  });

  test('...WithType are told; asked as another kind, an owner has nothing', () => {
    const source = dataSource();
    const user = register('User', source);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(source, 'dataSource'), [user]);
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwnerWithType(source, 'dataSource'), ['User']);
    assert.strictEqual(ModelRegistry.hasModelForOwnerWithType(source, 'User', 'dataSource'), true);
    assert.strictEqual(ModelRegistry.getModelForOwnerWithType(source, 'User', 'dataSource'), user);
    for (const other of ['app', 'other', '', null, undefined, 7]) {
      assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(source, other), []);
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwnerWithType(source, other), []);
      assert.strictEqual(ModelRegistry.hasModelForOwnerWithType(source, 'User', other), false);
      assert.strictEqual(ModelRegistry.getModelForOwnerWithType(source, 'User', other), undefined);
    }
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [user]);
  });

  test('take a trailing owner type too', () => {
    const source = dataSource();
    const user = register('User', source);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source, 'dataSource'), [user]);
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(source, 'dataSource'), ['User']);
    assert.strictEqual(ModelRegistry.hasModelForOwner(source, 'User', 'dataSource'), true);
    assert.strictEqual(ModelRegistry.getModelForOwner(source, 'User', 'dataSource'), user);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source, 'app'), []);
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(source, 'app'), []);
    assert.strictEqual(ModelRegistry.hasModelForOwner(source, 'User', 'app'), false);
    assert.strictEqual(ModelRegistry.getModelForOwner(source, 'User', 'app'), undefined);
  });

  test('one object may be an owner of both kinds', () => {
    const both = dataSource();
    const user = register('User', both);
    const order = ModelRegistry.registerModelForApp(both, model('Order'));
    assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(both, 'dataSource'), [user]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(both, 'app'), [order]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(both), [user]);
    assert.strictEqual(ModelRegistry.getModelsForOwner(both), ModelRegistry.getModelsForOwner(both));
  });

  test('of a data source have and get also what an app owns on it; the lists do not', () => {
    const [source, owner] = [dataSource(), app()];
    const own = register('Own', source);
    const shared = ModelRegistry.registerModelForApp(owner, model('Shared', {dataSource: source}));
    assert.strictEqual(ModelRegistry.hasModelForOwnerWithType(source, 'Shared', 'dataSource'), true);
    assert.strictEqual(ModelRegistry.getModelForOwnerWithType(source, 'Shared', 'dataSource'), shared);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(source, 'dataSource'), [own]);
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwnerWithType(source, 'dataSource'), ['Own']);
    // One of its own comes first.
    const newer = register('Shared', source);
    assert.strictEqual(ModelRegistry.getModelForOwnerWithType(source, 'Shared', 'dataSource'), newer);
    ModelRegistry.cleanupTenant(`ds_${source._dsId}`);
    assert.strictEqual(ModelRegistry.hasModelForOwnerWithType(source, 'Shared', 'dataSource'), false);
  });

  test('answer wrong input without throwing', () => {
    const source = dataSource();
    register('User', source);
    for (const wrong of nothings) {
      assert.deepStrictEqual(ModelRegistry.getModelsForOwner(wrong), []);
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(wrong), []);
      assert.strictEqual(ModelRegistry.hasModelForOwner(wrong, 'User'), false);
      assert.strictEqual(ModelRegistry.getModelForOwner(wrong, 'User'), undefined);
      assert.deepStrictEqual(ModelRegistry.getModelsForOwnerWithType(wrong, 'dataSource'), []);
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwnerWithType(wrong, 'app'), []);
      assert.strictEqual(ModelRegistry.hasModelForOwnerWithType(wrong, 'User', 'dataSource'), false);
      assert.strictEqual(ModelRegistry.getModelForOwnerWithType(wrong, 'User', 'app'), undefined);
      assert.strictEqual(ModelRegistry.hasModelForOwner(source, wrong), false);
      assert.strictEqual(ModelRegistry.getModelForOwner(source, wrong), undefined);
      assert.strictEqual(ModelRegistry.findModelByName(wrong), undefined);
    }
    for (const name of ['a\u0000b', 'x'.repeat(100000), '\ud800']) {
      assert.strictEqual(ModelRegistry.findModelByName(name), undefined);
      assert.strictEqual(ModelRegistry.getModelForOwner(source, name), undefined);
    }
  });

  test('answer in the order of registration', () => {
    const source = dataSource();
    const wanted = Array.from({length: 2000}, (_, index) => `M${index * 7919 % 2000}`);
    wanted.forEach(name => register(name, source));
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(source), wanted);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source).map(each => each.modelName), wanted);
    for (const name of wanted) assert.strictEqual(ModelRegistry.getModelForOwner(source, name).modelName, name);
  });
});

describe('arrays', () => {
  test('come back identical while nothing changed, and different after a change', () => {
    const source = dataSource();
    const user = register('User', source);
    const ask = [
      () => ModelRegistry.getModelsForOwner(source), () => ModelRegistry.getModelNamesForOwner(source),
      () => ModelRegistry.getModelsForOwnerWithType(source, 'dataSource'),
      () => ModelRegistry.getModelNamesForOwnerWithType(source, 'dataSource'),
    ];
    const changes = [
      () => register('Order', source),
      () => register('Order', source),
      () => ModelRegistry.registerModel(user),
      () => ModelRegistry.cleanupTenant(`ds_${source._dsId}`),
      () => register('Order', source),
      () => ModelRegistry.cleanupInactiveTenants(0),
      () => register('Order', source),
      () => ModelRegistry.clear(),
    ];
    for (const change of changes) {
      const before = ask.map(question => question());
      ask.forEach((question, index) => assert.strictEqual(question(), before[index]));
      change();
      ask.forEach((question, index) => assert.notStrictEqual(question(), before[index], `${change}`));
    }
  });

  test('of an owner stay while others change', () => {
    const [one, two] = [dataSource(), dataSource()];
    register('User', one);
    const before = ModelRegistry.getModelsForOwner(one);
    register('User', two);
    assert.strictEqual(ModelRegistry.getModelsForOwner(one), before);
  });

  test('of a data source stay while an app takes what is on it and loses it', () => {
    const [source, owner] = [dataSource(), app()];
    register('User', source);
    const before = ModelRegistry.getModelsForOwner(source);
    ModelRegistry.registerModelForApp(owner, model('Order', {dataSource: source}));
    assert.strictEqual(ModelRegistry.getModelForOwner(source, 'Order').modelName, 'Order');
    assert.strictEqual(ModelRegistry.getModelsForOwner(source), before);
    ModelRegistry.registerModelForApp(owner, model('Order', {dataSource: source}));
    assert.strictEqual(ModelRegistry.getModelsForOwner(source), before);
  });

  test('of an owner without models are identical too, until something is registered', () => {
    const source = dataSource();
    const empty = ModelRegistry.getModelsForOwner(source);
    assert.deepStrictEqual(empty, []);
    assert.strictEqual(ModelRegistry.getModelsForOwner(source), empty);
    assert.strictEqual(ModelRegistry.getModelsForOwnerWithType(source, 'dataSource'), empty);
    assert.strictEqual(source._dsId, undefined);
    register('User', source);
    assert.notStrictEqual(ModelRegistry.getModelsForOwner(source), empty);
  });

  test('that a host changed keep no model from being found', () => {
    for (const change of [list => list.push(null, {}), list => list.splice(0), list => list.reverse()]) {
      const source = dataSource();
      const models = ['A', 'B'].map(name => ModelRegistry.registerModel(model(name, {dataSource: source})));
      change(ModelRegistry.getModelsForOwner(source));
      for (let round = 0; round < 3; round++) {
        assert.strictEqual(ModelRegistry.getModelForOwner(source, 'A'), models[0]);
        assert.strictEqual(ModelRegistry.hasModelForOwner(source, 'B'), true);
      }
      assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(source), ['A', 'B']);
      assert.deepStrictEqual(new ModelRegistryProxy(source, 'dataSource').entries(), [['A', models[0]], ['B', models[1]]]);
    }
  });

  test('that a host holds stay unchanged', () => {
    const source = dataSource();
    const user = register('User', source);
    const held = ModelRegistry.getModelsForOwner(source);
    register('Order', source);
    ModelRegistry.getModelsForOwner(source);
    ModelRegistry.clear();
    assert.deepStrictEqual(held, [user]);
  });
});

test('_detectOwnerType', () => {
  const detect = ModelRegistry._detectOwnerType;
  class LoopBackApplication {}
  class Application {}
  class App {}
  const func = (more) => Object.assign(() => {}, more);
  for (const source of [
    {connector: {}}, {modelBuilder: {}}, new DataSource('db'), {connector: {}, models: {}, use() {}, listen() {}},
  ]) assert.strictEqual(detect(source), 'dataSource');
  for (const owner of [
    {models: {}}, {registry: {}}, {dataSources: {}}, {middleware: []}, new LoopBackApplication(), new Application(),
    new App(), {model() {}}, {use() {}, listen() {}}, func({models: {}}), func({use() {}, listen() {}}), func({model() {}}),
    func({connector: {}, models: {}}),
  ]) assert.strictEqual(detect(owner), 'app');
  for (const neither of [
    ...nothings, {model: {}}, {use() {}}, {listen() {}}, {connector: null}, func({connector: {}}), new Map(),
    Object.create(null), new Proxy({}, {get() {
      throw new Error('no');
    }}),
  ]) assert.strictEqual(detect(neither), null);
});

test('a kind that is found out may change with the owner', () => {
  const owner = {models: {}};
  const user = ModelRegistry.registerModelForApp(owner, model('User'));
  assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [user]);
  owner.connector = {name: 'memory'};
  const order = ModelRegistry.registerModel(model('Order', {dataSource: owner}));
  ModelRegistry.registerModelForApp(owner, model('More'));
  assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [order]);
});

describe('findModelByName', () => {
  test('looks in global first, then in partitions in the order they came to be', () => {
    assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
    const [one, two] = [dataSource(), dataSource()];
    const second = register('User', one);
    register('User', two);
    assert.strictEqual(ModelRegistry.findModelByName('User'), second);
    const first = register('User', undefined);
    assert.strictEqual(ModelRegistry.findModelByName('User'), first);
  });

  test('gives the most recent of a partition', () => {
    const settings = {database: 'shared'};
    register('User', dataSource(settings));
    const recent = register('User', dataSource(settings));
    assert.strictEqual(ModelRegistry.findModelByName('User'), recent);
  });
});

test('getAllModels: name to model, properties, time and tenant, without global', () => {
  const [source, owner] = [dataSource(), app()];
  const given = {a: String};
  const before = Date.now();
  const user = ModelRegistry.registerModel(model('User', {dataSource: source}), given);
  const order = ModelRegistry.registerModelForApp(owner, model('Order'));
  register('Global', undefined);
  const all = ModelRegistry.getAllModels();
  assert.ok(all instanceof Map);
  assert.deepStrictEqual([...all.keys()], ['User', 'Order']);
  assert.strictEqual(all.get('User').model, user);
  assert.strictEqual(all.get('User').properties, given);
  assert.strictEqual(all.get('Order').properties, order.definition.properties);
  assert.strictEqual(all.get('User').tenant, `ds_${source._dsId}`);
  assert.ok(all.get('User').registeredAt instanceof Date);
  assert.ok(Math.abs(all.get('User').registeredAt - before) < 60000);
});
