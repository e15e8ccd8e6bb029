// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const Module = require('node:module');
const {afterEach, beforeEach, describe, test} = require('node:test');
const {ModelRegistry, getCurrentTenant} = require('../model-registry');
const {dataSource, app, model} = require('./support');

const CONTEXT = '@perkd/multitenant-context';
const original = Module.prototype.require;

/** Replaces `require` as hosts do; counts how often the context module was asked for. */
function withContext(context) {
  let asked = 0;
  Module.prototype.require = function(id) {
    if (id !== CONTEXT) return original.apply(this, arguments);
    asked++;
    if (context === undefined) throw Object.assign(new Error('not found'), {code: 'MODULE_NOT_FOUND'});
    return context;
  };
  return () => asked;
}

const inTenant = (tenant) => withContext({Context: {tenant}});
const register = (name, more) => ModelRegistry.registerModel(model(name, more));

beforeEach(() => ModelRegistry.clear());
afterEach(() => {
  Module.prototype.require = original;
  delete global.loopbackContext;
});

describe('getCurrentTenant', () => {
  test('is null where there is no context', () => {
    assert.strictEqual(getCurrentTenant(), null);
  });

  test('is Context.tenant of the context module, read at each call', () => {
    const Context = {tenant: 'one'};
    withContext({Context});
    assert.strictEqual(getCurrentTenant(), 'one');
    Context.tenant = 'two';
    assert.strictEqual(getCurrentTenant(), 'two');
    Context.tenant = undefined;
    assert.strictEqual(getCurrentTenant(), null);
  });

  test('is else the tenant of the LoopBack context', () => {
    global.loopbackContext = {getCurrentContext: () => ({tenant: 'lb'})};
    assert.strictEqual(getCurrentTenant(), 'lb');
    global.loopbackContext = {getCurrentContext: () => null};
    assert.strictEqual(getCurrentTenant(), null);
    global.loopbackContext = {getCurrentContext: () => ({tenant: 'lb'})};
    inTenant('context');
    assert.strictEqual(getCurrentTenant(), 'context');
  });

  test('is null where a lookup throws', () => {
    global.loopbackContext = {getCurrentContext() {
      throw new Error('no');
    }};
    assert.strictEqual(getCurrentTenant(), null);
    global.loopbackContext = {};
    assert.strictEqual(getCurrentTenant(), null);
    withContext({Context: {get tenant() {
      throw new Error('no');
    }}});
    assert.strictEqual(getCurrentTenant(), null);
    withContext({});
    assert.strictEqual(getCurrentTenant(), null);
  });

  test('remembers for at most a second that there is no module', async () => {
    const asked = withContext(undefined);
    const begin = Date.now();
    getCurrentTenant();
    const once = asked();
    assert.ok(once > 0);
    for (let index = 0; index < 50; index++) getCurrentTenant();
    if (Date.now() - begin < 900) assert.strictEqual(asked(), once);
    await new Promise(resolve => setTimeout(resolve, 1050));
    getCurrentTenant();
    assert.ok(asked() > once);
  });

  test('remembers it only while Module.prototype.require is the same function', () => {
    withContext(undefined);
    assert.strictEqual(getCurrentTenant(), null);
    inTenant('now');
    assert.strictEqual(getCurrentTenant(), 'now');
    Module.prototype.require = original;
    assert.strictEqual(getCurrentTenant(), null);
  });
});

describe('the current tenant', () => {
  test('is the partition of a model without owner', () => {
    inTenant('shop');
    const user = register('User');
    assert.strictEqual(ModelRegistry.getAllModels().get('User').tenant, 'shop');
    inTenant('other');
    register('User');
    assert.strictEqual(user.cleanups, 0);
    assert.deepStrictEqual(Object.keys(ModelRegistry.getTenantRegistryInfo().tenants), ['shop', 'other']);
    assert.strictEqual(ModelRegistry.getTenantRegistryInfo().tenants.shop.isDataSourceBased, false);
    assert.strictEqual(ModelRegistry.cleanupTenant('shop'), 1);
    assert.strictEqual(user.cleanups, 1);
  });

  test('means global where it is none, empty, or the reserved code trap', () => {
    for (const [index, tenant] of [undefined, null, '', 'trap', 'global'].entries()) {
      inTenant(tenant);
      register(`M${index}`);
    }
    assert.strictEqual(ModelRegistry.getTenantRegistryInfo().globalModels.length, 5);
    assert.strictEqual(ModelRegistry.getStats().tenantRegistries, 0);
  });

  test('is ignored beside a data source or an app', () => {
    inTenant('shop');
    register('A', {dataSource: dataSource()});
    ModelRegistry.registerModelForApp(app(), model('B'));
    const tenants = [...ModelRegistry.getAllModels().values()].map(each => each.tenant.split('_')[0]);
    assert.deepStrictEqual(tenants, ['ds', 'app']);
  });

  test('is apart from an owner\'s partition, also where it has the label of one', () => {
    const source = dataSource();
    const onSource = register('A', {dataSource: source});
    const code = `ds_${source._dsId}`;
    inTenant(code);
    const inIt = register('B', {definition: {properties: {b: 'number'}}});
    assert.strictEqual(ModelRegistry.findModelByStructure({b: 'number'}), inIt);
    assert.strictEqual(ModelRegistry.findModelByStructure({name: 'string'}), null);
    assert.strictEqual(ModelRegistry.getAllModels().get('B').tenant, code);
    const {tenants} = ModelRegistry.getTenantRegistryInfo();
    assert.deepStrictEqual(Object.values(tenants).map(each => each.models), [['A'], ['B']]);
    assert.deepStrictEqual(tenants[code].models, ['A']);
    assert.strictEqual(ModelRegistry.cleanupTenant(code), 2);
    assert.deepStrictEqual([onSource.cleanups, inIt.cleanups], [1, 1]);
    assert.strictEqual(ModelRegistry.getStats().tenantRegistries, 0);
  });

  test('may be any text', () => {
    const codes = ['app_shop', 'ds_x', 'a\tb', '\u0000', '~', '~sa%0009b', 'a%0009b', '\ud800', '\ud801', '__proto__', '店🙂'];
    const models = codes.map((code, index) => {
      inTenant(code);
      return register('User', {definition: {properties: {[`p${index}`]: 'string'}}});
    });
    codes.forEach((code, index) => {
      inTenant(code);
      assert.strictEqual(ModelRegistry.findModelByStructure({[`p${index}`]: 'string'}), models[index]);
      assert.strictEqual(ModelRegistry.findModelByStructure({[`p${(index + 1) % codes.length}`]: 'string'}), null);
    });
    assert.deepStrictEqual(ModelRegistry.getStats().tenantStats.map(each => each.tenantCode), codes);
    const info = ModelRegistry.getTenantRegistryInfo();
    assert.deepStrictEqual(Object.keys(info.tenants), codes);
    assert.strictEqual(Object.getPrototypeOf(info.tenants), Object.prototype);
    codes.forEach((code, index) => {
      assert.strictEqual(ModelRegistry.cleanupTenant(code), 1, code);
      assert.deepStrictEqual(models.map(each => each.cleanups), codes.map((_, each) => each <= index ? 1 : 0));
    });
  });

  test('may be a very long text, and is shown as a digest then', () => {
    for (const code of ['x'.repeat(256), '店'.repeat(100), '\t'.repeat(100), 'y'.repeat(100000)]) {
      inTenant(code);
      const user = register('User');
      const shown = ModelRegistry.getAllModels().get('User').tenant;
      assert.match(shown, /^~h[0-9a-f]{64}$/);
      assert.strictEqual(ModelRegistry.cleanupTenant(code), 1);
      register('User');
      assert.strictEqual(ModelRegistry.cleanupTenant(shown), 1);
      assert.strictEqual(user.cleanups, 1);
      assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
    }
  });

  test('may be a number', () => {
    inTenant(42);
    register('A');
    assert.strictEqual(ModelRegistry.getAllModels().get('A').tenant, '42');
  });

  test('a model object that is registered in another one moves there', () => {
    inTenant('one');
    const user = register('User');
    inTenant('two');
    ModelRegistry.registerModel(user);
    assert.strictEqual(ModelRegistry.getAllModels().get('User').tenant, 'two');
    assert.strictEqual(ModelRegistry.getAllModels().size, 1);
    assert.strictEqual(user.cleanups, 0);
  });

  test('finding by structure looks in global, then in it alone', () => {
    const given = {name: 'string'};
    inTenant('one');
    const one = register('One');
    inTenant('two');
    const two = register('Two');
    assert.strictEqual(ModelRegistry.findModelByStructure(given), two);
    inTenant('three');
    assert.strictEqual(ModelRegistry.findModelByStructure(given), null);
    inTenant('trap');
    assert.strictEqual(ModelRegistry.findModelByStructure(given), null);
    for (const none of [undefined, '']) {
      inTenant(none);
      assert.strictEqual(ModelRegistry.findModelByStructure(given), one);
    }
    const global = register('Global');
    for (const tenant of ['one', 'two', 'three', 'trap']) {
      inTenant(tenant);
      assert.strictEqual(ModelRegistry.findModelByStructure(given), global);
    }
  });

  test('different tenants never share an anonymous model', () => {
    const anonymous = {settings: {anonymous: true}};
    inTenant('one');
    const first = register('AnonymousModel_0', anonymous);
    assert.strictEqual(ModelRegistry.findModelByStructure({name: String}), first);
    inTenant('two');
    assert.strictEqual(ModelRegistry.findModelByStructure({name: String}), null);
  });
});
