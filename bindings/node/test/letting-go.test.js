// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {beforeEach, describe, test} = require('node:test');
const {ModelRegistry, registryManager} = require('../model-registry');
const {dataSource, app, model} = require('./support');

const register = (name, owner, more) => ModelRegistry.registerModel(model(name, {dataSource: owner, ...more}));
const code = (owner) => owner._dsId ? `ds_${owner._dsId}` : `app_${owner._appId}`;

beforeEach(() => ModelRegistry.clear());

describe('clear', () => {
  test('leaves no model, no tenant and no count', () => {
    const source = dataSource();
    register('User', source);
    register('Global', undefined);
    ModelRegistry.findModelByStructure({name: 'string'});
    ModelRegistry.clear();
    assert.deepStrictEqual(ModelRegistry.getStats(), {
      totalModels: 0, reuseCount: 0, uniqueModels: 0, tenantRegistries: 0, tenantStats: [], totalTenantModels: 0,
    });
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo(), {
      activeDataSources: 0, activeTenants: 0, tenants: {}, globalModels: [],
    });
    assert.strictEqual(ModelRegistry.getAllModels().size, 0);
    assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
    assert.strictEqual(ModelRegistry.findModelByName('Global'), undefined);
    assert.strictEqual(ModelRegistry.findModelByStructure({name: 'string'}), null);
    assert.strictEqual(ModelRegistry.hasModelForOwner(source, 'User'), false);
  });

  test('tells every model once, before it returns', () => {
    const source = dataSource();
    const models = ['A', 'B', 'C'].map(name => register(name, name === 'C' ? undefined : source));
    ModelRegistry.clear();
    assert.deepStrictEqual(models.map(each => each.cleanups), [1, 1, 1]);
    ModelRegistry.clear();
    assert.deepStrictEqual(models.map(each => each.cleanups), [1, 1, 1]);
  });

  test('twice does no harm, and owners can be used again', () => {
    const source = dataSource();
    register('User', source);
    const id = source._dsId;
    ModelRegistry.clear();
    ModelRegistry.clear();
    const order = register('Order', source);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [order]);
    assert.strictEqual(source._dsId, id);
  });
});

describe('a model\'s cleanup', () => {
  test('may throw, or reject: it is swallowed, and the others are told', async () => {
    const source = dataSource();
    let told = 0;
    register('A', source, {cleanup() {
      told++;
      throw new Error('no');
    }});
    register('B', source, {async cleanup() {
      told++;
      throw new Error('no');
    }});
    register('C', source, {cleanup: 'no function'});
    register('D', source, {cleanup: undefined});
    const last = register('E', source);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(source)), 5);
    assert.strictEqual(told, 2);
    assert.strictEqual(last.cleanups, 1);
    await new Promise(resolve => setImmediate(resolve));
  });

  test('is called when all that goes is gone; what is asked then stands', () => {
    const source = dataSource();
    const seen = [];
    for (const name of ['A', 'B', 'C']) {
      register(name, source, {cleanup: () => seen.push(ModelRegistry.getModelsForOwner(source))});
    }
    ModelRegistry.clear();
    assert.deepStrictEqual(seen, [[], [], []]);
    assert.ok(seen.every(list => list === ModelRegistry.getModelsForOwner(source)));
  });

  test('sees a registry that no longer has the model, and may use it', () => {
    const source = dataSource();
    const seen = [];
    register('A', source, {cleanup() {
      seen.push(ModelRegistry.findModelByName('A'), ModelRegistry.getModelsForOwner(source).length);
      register('B', source);
      ModelRegistry.clear();
    }});
    ModelRegistry.clear();
    assert.deepStrictEqual(seen, [undefined, 0]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), []);
  });
});

describe('cleanupTenant', () => {
  test('drops the partition and returns how many names it held', () => {
    const [one, two] = [dataSource(), dataSource()];
    const models = ['A', 'B'].map(name => register(name, one));
    const other = register('A', two);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(one)), 2);
    assert.deepStrictEqual(models.map(each => each.cleanups), [1, 1]);
    assert.strictEqual(other.cleanups, 0);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(one), []);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [other]);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(one)), 0);
  });

  test('an app\'s too', () => {
    const owner = app();
    ModelRegistry.registerModelForApp(owner, model('User'));
    assert.strictEqual(ModelRegistry.cleanupTenant(code(owner)), 1);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), []);
  });

  test('is 0 for an unknown, empty or reserved tenant and for what is none; global is emptied and counted', () => {
    const global = register('Global', undefined);
    for (const wrong of ['unknown', '', 'trap', undefined, null, 7, {}, 'x'.repeat(3000), 'a\u0000']) {
      assert.strictEqual(ModelRegistry.cleanupTenant(wrong), 0);
    }
    assert.strictEqual(global.cleanups, 0);
    assert.strictEqual(ModelRegistry.cleanupTenant('global'), 1);
    assert.strictEqual(global.cleanups, 1);
  });

  test('with a data source: it leaves with its models, and the partition goes with the last', () => {
    const [one, two] = ['a', 'b'].map(() => dataSource({database: 'both'}));
    const [first, second] = [register('A', one), register('B', two)];
    assert.strictEqual(ModelRegistry.cleanupTenant(code(one), one), 0);
    assert.deepStrictEqual([first.cleanups, second.cleanups], [1, 0]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(one), []);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [second]);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(one), dataSource()), 0);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(one), 'no owner'), 0);
    assert.strictEqual(ModelRegistry.cleanupTenant(code(two), two), 1);
    assert.strictEqual(second.cleanups, 1);
    assert.strictEqual(ModelRegistry.getStats().tenantRegistries, 0);
  });
});

describe('cleanupInactiveTenants', () => {
  test('drops what was idle for so long; 0 drops all but global', () => {
    const [source, owner] = [dataSource(), app()];
    const user = register('User', source);
    ModelRegistry.registerModelForApp(owner, model('Order'));
    const global = register('Global', undefined);
    assert.strictEqual(ModelRegistry.cleanupInactiveTenants(), 0);
    assert.strictEqual(ModelRegistry.cleanupInactiveTenants(60000), 0);
    assert.strictEqual(ModelRegistry.cleanupInactiveTenants(Infinity), 0);
    for (const wrong of [NaN, Symbol('s'), {}, 'soon', true, null, undefined]) {
      assert.strictEqual(ModelRegistry.cleanupInactiveTenants(wrong), 0);
    }
    assert.strictEqual(ModelRegistry.cleanupInactiveTenants(0), 2);
    assert.deepStrictEqual([user.cleanups, global.cleanups], [1, 0]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), []);
    assert.strictEqual(ModelRegistry.cleanupInactiveTenants(0), 0);
  });
});

describe('what is counted', () => {
  test('getStats', () => {
    const [source, owner] = [dataSource(), app()];
    const now = Date.now();
    register('A', source);
    register('B', source);
    register('C', source, {definition: {properties: {other: Number}}});
    register('C', source, {definition: {properties: {other: Number}}});
    ModelRegistry.registerModelForApp(owner, model('D'));
    register('E', undefined);
    const stats = ModelRegistry.getStats();
    assert.deepStrictEqual(Object.keys(stats).sort(), [
      'reuseCount', 'tenantRegistries', 'tenantStats', 'totalModels', 'totalTenantModels', 'uniqueModels',
    ]);
    assert.strictEqual(stats.totalModels, 6);
    assert.strictEqual(stats.uniqueModels, 4);
    assert.strictEqual(stats.tenantRegistries, 2);
    assert.strictEqual(stats.totalTenantModels, 3);
    assert.deepStrictEqual(stats.tenantStats.map(({tenantCode, modelCount}) => [tenantCode, modelCount]), [
      [code(source), 2], [code(owner), 1],
    ]);
    for (const {creationTime, lastAccessed, idleTime} of stats.tenantStats) {
      assert.ok(Math.abs(creationTime - now) < 60000);
      assert.ok(Math.abs(lastAccessed - now) < 60000);
      assert.ok(idleTime >= 0 && idleTime < 60000);
    }
  });

  test('getTenantRegistryInfo', () => {
    const [one, two] = ['a', 'b'].map(() => dataSource({database: 'both'}));
    const owner = app();
    register('A', one);
    register('B', one);
    register('A', two);
    ModelRegistry.registerModelForApp(owner, model('D'));
    register('E', undefined);
    const info = ModelRegistry.getTenantRegistryInfo();
    assert.strictEqual(info.activeDataSources, 2);
    assert.strictEqual(info.activeTenants, 2);
    assert.deepStrictEqual(info.globalModels, ['E']);
    assert.deepStrictEqual(Object.keys(info.tenants), [code(one), code(owner)]);
    const tenant = info.tenants[code(one)];
    assert.deepStrictEqual(tenant.models, ['A', 'B']);
    assert.strictEqual(tenant.isDataSourceBased, true);
    assert.strictEqual(tenant.modelCount, 1);
    assert.strictEqual(tenant.tenantCode, code(one));
    assert.strictEqual(info.tenants[code(owner)].isDataSourceBased, false);
    for (const key of ['creationTime', 'lastAccessed', 'idleTime']) assert.strictEqual(typeof tenant[key], 'number');
  });
});

describe('registryManager', () => {
  test('runs since the module was loaded', () => {
    assert.deepStrictEqual(registryManager.getStats(), {
      cleanupInterval: 300000, maxIdleTime: 1800000, isActive: true, registryStats: ModelRegistry.getStats(),
    });
  });

  test('is stopped and started', () => {
    registryManager.stopPeriodicCleanup();
    registryManager.stopPeriodicCleanup();
    assert.strictEqual(registryManager.getStats().isActive, false);
    registryManager.startPeriodicCleanup();
    registryManager.startPeriodicCleanup();
    assert.strictEqual(registryManager.getStats().isActive, true);
  });

  test('forceCleanup drops all idle tenants now, and says how many', () => {
    const source = dataSource();
    const user = register('User', source);
    assert.strictEqual(registryManager.forceCleanup(), 1);
    assert.strictEqual(user.cleanups, 1);
    assert.strictEqual(registryManager.forceCleanup(), 0);
  });

  test('cleans up periodically, on this thread', async () => {
    const source = dataSource();
    const told = new Promise(resolve => register('User', source, {cleanup: resolve}));
    registryManager.stopPeriodicCleanup();
    Object.assign(registryManager, {cleanupInterval: 5, maxIdleTime: 0});
    registryManager.startPeriodicCleanup();
    // The timer alone would not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    await told;
    clearInterval(alive);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), []);
    registryManager.reset();
  });

  test('reset makes everything as it was at first', () => {
    register('User', dataSource());
    registryManager.stopPeriodicCleanup();
    registryManager.cleanupInterval = 7;
    registryManager.reset();
    const {cleanupInterval, isActive, registryStats} = registryManager.getStats();
    assert.deepStrictEqual([cleanupInterval, isActive, registryStats.totalModels], [300000, true, 0]);
  });

  test('never keeps a process alive', () => {
    const {spawnSync} = require('node:child_process');
    const file = require.resolve('../model-registry');
    const ended = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(file)})`], {timeout: 60000});
    assert.strictEqual(ended.status, 0, String(ended.stderr));
  });
});
