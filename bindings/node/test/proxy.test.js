// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {beforeEach, describe, test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {dataSource, app, model} = require('./support');

let source, models, user, order;

beforeEach(() => {
  ModelRegistry.clear();
  source = dataSource();
  models = new ModelRegistryProxy(source, 'dataSource');
  user = ModelRegistry.registerModel(model('User', {dataSource: source}));
  order = ModelRegistry.registerModel(model('Order', {dataSource: source}));
});

test('is exported under its name too, and needs no new', () => {
  assert.strictEqual(ModelRegistryProxy.ModelRegistryProxy, ModelRegistryProxy);
  assert.strictEqual(ModelRegistryProxy(source, 'dataSource').User, user);
  assert.ok(models instanceof ModelRegistryProxy);
});

test('refuses a missing owner and another type', () => {
  for (const wrong of [undefined, null, 7, '', 'owner']) {
    assert.throws(() => new ModelRegistryProxy(wrong, 'app'), {message: 'ModelRegistryProxy requires an owner object'});
  }
  for (const wrong of [undefined, null, '', 'other', 'App']) {
    assert.throws(() => new ModelRegistryProxy(source, wrong), {
      message: 'ModelRegistryProxy requires ownerType to be "dataSource" or "app"',
    });
  }
});

test('property read', () => {
  assert.strictEqual(models.User, user);
  assert.strictEqual(models['Order'], order);
  assert.strictEqual(models.Nothing, undefined);
  assert.strictEqual(models[Symbol('s')], undefined);
});

describe('property write', () => {
  test('registers, with the owner as data source and the key as name', () => {
    const product = {definition: {properties: {}}};
    models.Product = product;
    assert.strictEqual(product.modelName, 'Product');
    assert.strictEqual(product.dataSource, source);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [user, order, product]);
    class Class {}
    models.Class = Class;
    assert.strictEqual(models.Class, Class);
  });

  test('leaves a name that the model has', () => {
    models.Alias = model('Product');
    assert.deepStrictEqual(Object.keys(models), ['User', 'Order', 'Product']);
  });

  test('gives an app\'s model its app', () => {
    const owner = app();
    const its = new ModelRegistryProxy(owner, 'app');
    const product = model('Product');
    its.Product = product;
    assert.strictEqual(product.app, owner);
    assert.strictEqual(its.Product, product);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [product]);
  });

  test('writes over read-only owners', () => {
    const product = model('Product');
    Object.defineProperty(product, 'dataSource', {get: () => null, configurable: true});
    models.Product = product;
    assert.strictEqual(models.Product, product);
  });

  test('refuses a value that is no model', () => {
    for (const wrong of [7, 'text', null, undefined, true, [], {}]) {
      assert.throws(() => {
        models.Wrong = wrong;
      }, TypeError);
      assert.throws(() => models.setModel('Wrong', wrong), TypeError);
      assert.strictEqual(Reflect.set(models, 'Wrong', wrong), false);
    }
    assert.throws(() => {
      models[Symbol('s')] = model('S');
    }, TypeError);
    assert.deepStrictEqual(Object.keys(models), ['User', 'Order']);
  });

  test('by defineProperty and Object.assign', () => {
    const [a, b] = [model('A'), model('B')];
    Object.defineProperty(models, 'A', {value: a});
    Object.assign(models, {B: b});
    assert.deepStrictEqual(models.values(), [user, order, a, b]);
  });
});

test('in, hasOwnProperty, Object.keys, for...in, spread', () => {
  assert.ok('User' in models);
  assert.ok(!('Nothing' in models));
  assert.ok('forEach' in models);
  assert.strictEqual(models.hasOwnProperty('User'), true);
  assert.strictEqual(models.hasOwnProperty('Nothing'), false);
  assert.strictEqual(Object.prototype.hasOwnProperty.call(models, 'Order'), true);
  assert.strictEqual(Object.prototype.hasOwnProperty.call(models, 'forEach'), false);
  assert.deepStrictEqual(Object.keys(models), ['User', 'Order']);
  assert.deepStrictEqual(Object.values(models), [user, order]);
  assert.deepStrictEqual(Object.entries(models), [['User', user], ['Order', order]]);
  const seen = [];
  for (const name in models) seen.push(name);
  assert.deepStrictEqual(seen, ['User', 'Order']);
  assert.deepStrictEqual({...models}, {User: user, Order: order});
});

test('forEach, map, filter', () => {
  const seen = [];
  models.forEach((each, name, all) => seen.push([each, name, all === models]));
  assert.deepStrictEqual(seen, [[user, 'User', true], [order, 'Order', true]]);
  assert.deepStrictEqual(models.map((each, name) => name), ['User', 'Order']);
  assert.deepStrictEqual(models.filter(each => each !== user), [order]);
  assert.deepStrictEqual(models.map(function() {
    return this.x;
  }, {x: 7}), [7, 7]);
});

test('keys, values, entries, length', () => {
  assert.deepStrictEqual(models.keys(), ['User', 'Order']);
  assert.deepStrictEqual(models.values(), [user, order]);
  assert.deepStrictEqual(models.entries(), [['User', user], ['Order', order]]);
  assert.strictEqual(models.length, 2);
});

test('getModel, setModel, hasModel, getModelNames', () => {
  assert.strictEqual(models.getModel('User'), user);
  assert.strictEqual(models.getModel('Nothing'), undefined);
  assert.strictEqual(models.hasModel('User'), true);
  assert.strictEqual(models.hasModel('Nothing'), false);
  const product = model('Product');
  models.setModel('Product', product);
  assert.strictEqual(models.Product, product);
  assert.deepStrictEqual(models.getModelNames(), ['User', 'Order', 'Product']);
});

test('String and valueOf', () => {
  assert.strictEqual(String(models), '[ModelRegistryProxy:dataSource]');
  assert.strictEqual(String(new ModelRegistryProxy(app(), 'app')), '[ModelRegistryProxy:app]');
  assert.deepStrictEqual(models.valueOf(), ['User', 'Order']);
  assert.match(require('node:util').inspect(models, {depth: 0}), /User/);
});

test('shows what was dropped no more', () => {
  ModelRegistry.clear();
  assert.strictEqual(models.User, undefined);
  assert.deepStrictEqual(Object.keys(models), []);
  assert.strictEqual(models.length, 0);
});

test('delete takes a model out, and does not tell it', () => {
  delete models.User;
  assert.deepStrictEqual(Object.keys(models), ['Order']);
  assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
  assert.strictEqual(user.cleanups, 0);
  assert.ok(delete models.Nothing);
});

test('a name that is a method\'s is the model', () => {
  const keys = ModelRegistry.registerModel(model('keys', {dataSource: source}));
  assert.strictEqual(models.keys, keys);
  assert.deepStrictEqual(Object.keys(models), ['User', 'Order', 'keys']);
});

test('a number is a name, as it is a key of an object', () => {
  const five = models.setModel(5, model(undefined));
  assert.strictEqual(five.modelName, '5');
  assert.strictEqual(models[5], five);
  assert.strictEqual(models.getModel(5), five);
  assert.ok(5 in models && models.hasOwnProperty(5) && models.hasModel(5));
  assert.ok(!models.hasOwnProperty(6));
});
