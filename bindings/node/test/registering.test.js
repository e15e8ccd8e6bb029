// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {beforeEach, describe, test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {DataSource, ModelBuilder, dataSource, app, model} = require('./support');

const names = (owner) => ModelRegistry.getModelNamesForOwner(owner);
const tenantCodes = () => ModelRegistry.getStats().tenantStats.map(stats => stats.tenantCode);
const tenantOf = (name) => ModelRegistry.getAllModels().get(name)?.tenant;

beforeEach(() => ModelRegistry.clear());

describe('registerModel', () => {
  test('returns the model', () => {
    const user = model('User');
    assert.strictEqual(ModelRegistry.registerModel(user), user);
  });

  test('does nothing where there is no modelName', () => {
    for (const nameless of [{}, {modelName: ''}, {modelName: undefined}, null, undefined, 'User', 7]) {
      assert.strictEqual(ModelRegistry.registerModel(nameless), nameless);
    }
    assert.strictEqual(ModelRegistry.getStats().totalModels, 0);
  });

  test('takes the properties of the definition where none are given', () => {
    const user = ModelRegistry.registerModel(model('User', {definition: {properties: {a: String}}}));
    assert.strictEqual(ModelRegistry.findModelByStructure({a: String}), user);
    ModelRegistry.registerModel(user, {b: String});
    assert.strictEqual(ModelRegistry.findModelByStructure({a: String}), null);
    assert.strictEqual(ModelRegistry.findModelByStructure({b: String}), user);
  });

  test('takes a model without definition, settings and builder', () => {
    const bare = ModelRegistry.registerModel({modelName: 'Bare'});
    assert.strictEqual(ModelRegistry.findModelByName('Bare'), bare);
  });

  test('takes classes', () => {
    class User {}
    User.modelName = 'User';
    const source = dataSource();
    User.dataSource = source;
    ModelRegistry.registerModel(User);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [User]);
  });

  test('reads the accessors at each registration, not earlier and not between', () => {
    const [first, second] = [dataSource(), dataSource()];
    let current = first;
    let reads = 0;
    const user = model('User');
    Object.defineProperty(user, 'dataSource', {
      get() {
        reads++;
        return current;
      },
    });
    assert.strictEqual(reads, 0);
    ModelRegistry.registerModel(user);
    const readsOfOne = reads;
    assert.ok(readsOfOne > 0);
    current = second;
    assert.deepStrictEqual(names(first), ['User']);
    assert.deepStrictEqual(names(second), []);
    assert.strictEqual(reads, readsOfOne);
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual(names(first), []);
    assert.deepStrictEqual(names(second), ['User']);
  });

  test('accessors that throw give nothing', () => {
    const user = model('User');
    Object.defineProperty(user, 'app', {
      get() {
        throw new Error('not attached');
      },
    });
    ModelRegistry.registerModel(user);
    assert.strictEqual(ModelRegistry.findModelByName('User'), user);
  });

  test('counts each registration, also one that replaces', () => {
    const source = dataSource();
    const user = model('User', {dataSource: source});
    ModelRegistry.registerModel(user);
    ModelRegistry.registerModel(user);
    ModelRegistry.registerModel(model('User', {dataSource: source}));
    assert.strictEqual(ModelRegistry.getStats().totalModels, 3);
  });

  test('takes names that the library does not', () => {
    const long = 'x'.repeat(5000);
    const odd = [
      'Grand\tchild', 'a\u0000b', '\u0000', '\u007f', 'a\u0085b', long, long + 'y', '模'.repeat(4000), 'a\n'.repeat(3000),
      '\ud800', '\ud801', 'x\udc00', '~', '~s', '~sGrand%0009child', '~a', '🙂\t', '%', '%0009',
    ];
    for (const owner of [{dataSource: dataSource()}, {app: app()}, {}]) {
      ModelRegistry.clear();
      const models = odd.map(name => ModelRegistry.registerModel(model(name, owner)));
      const object = owner.dataSource || owner.app;
      odd.forEach((name, index) => {
        assert.strictEqual(ModelRegistry.findModelByName(name), models[index], JSON.stringify(name).slice(0, 40));
        assert.strictEqual(ModelRegistry.getAllModels().has(name), object !== undefined);
        if (object) assert.strictEqual(ModelRegistry.getModelForOwner(object, name), models[index]);
      });
      const info = ModelRegistry.getTenantRegistryInfo();
      if (object) {
        assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(object), odd);
        assert.deepStrictEqual(Object.values(info.tenants)[0].models, odd);
        const proxy = new ModelRegistryProxy(object, owner.app ? 'app' : 'dataSource');
        assert.deepStrictEqual(Object.keys(proxy), odd);
        assert.strictEqual(proxy['Grand\tchild'], models[0]);
      } else {
        assert.deepStrictEqual(info.globalModels, odd);
      }
      ModelRegistry.registerModel(model('Grand\tchild', owner));
      assert.strictEqual(models[0].cleanups, 1);
      ModelRegistry.clear();
      assert.ok(models.every(each => each.cleanups === 1));
      assert.strictEqual(ModelRegistry.findModelByName('Grand\tchild'), undefined);
    }
  });

  test('does nothing with a model whose name is no text', () => {
    for (const modelName of [Object.create(null), [], {toString() {
      throw new Error('no');
    }}]) {
      const odd = model(modelName);
      assert.strictEqual(ModelRegistry.registerModel(odd), odd);
    }
    assert.strictEqual(ModelRegistry.getStats().totalModels, 0);
    ModelRegistry.registerModel(model(Symbol('s')));
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo().globalModels, ['Symbol(s)']);
  });

  test('takes models whose accessors throw, also in their settings', () => {
    const settings = {get anonymous() {
      throw new Error('no');
    }, get strict() {
      throw new Error('no');
    }};
    const properties = new Proxy({}, {ownKeys() {
      throw new Error('no');
    }});
    const user = model('User', {settings, modelBuilder: {settings: {get parentRef() {
      throw new Error('no');
    }}}, definition: {properties}});
    assert.strictEqual(ModelRegistry.registerModel(user, {name: String}), user);
    assert.strictEqual(ModelRegistry.findModelByName('User'), user);
  });

  test('registers a frozen model for an app', () => {
    const owner = app();
    const user = Object.freeze(model('User'));
    assert.strictEqual(ModelRegistry.registerModelForApp(owner, user), user);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [user]);
  });

  test('takes names of every alphabet', () => {
    const source = dataSource();
    for (const name of ['Größe', '模型', 'a b', '🙂', '__proto__', 'constructor', 'x'.repeat(4000)]) {
      const added = ModelRegistry.registerModel(model(name, {dataSource: source}));
      assert.strictEqual(ModelRegistry.getModelForOwner(source, name), added);
      assert.strictEqual(ModelRegistry.findModelByName(name), added);
    }
    assert.strictEqual(names(source).length, 7);
  });
});

describe('a name that its owner already has', () => {
  test('makes a new model in the old one\'s place', () => {
    const source = dataSource();
    const [a, b, c] = ['A', 'B', 'C'].map(name => ModelRegistry.registerModel(model(name, {dataSource: source})));
    const newer = ModelRegistry.registerModel(model('B', {dataSource: source}));
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [a, newer, c]);
    assert.deepStrictEqual([a.cleanups, b.cleanups, c.cleanups, newer.cleanups], [0, 1, 0, 0]);
  });

  test('is another one on a data source of equal configuration', () => {
    const [one, two] = [dataSource({database: 'equal'}), dataSource({database: 'equal'})];
    const [first, second] = [one, two].map(source => ModelRegistry.registerModel(model('User', {dataSource: source})));
    assert.strictEqual(one._dsId, two._dsId);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(one), [first]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [second]);
    assert.strictEqual(first.cleanups, 0);
  });

  test('of models without an owner is one in a partition', () => {
    const first = ModelRegistry.registerModel(model('User'));
    const second = ModelRegistry.registerModel(model('User'));
    assert.strictEqual(ModelRegistry.findModelByName('User'), second);
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo().globalModels, ['User']);
    assert.strictEqual(first.cleanups, 1);
  });
});

describe('a model object that is registered again', () => {
  test('keeps its place and is not dropped', () => {
    const source = dataSource();
    const [a, b] = ['A', 'B'].map(name => ModelRegistry.registerModel(model(name, {dataSource: source})));
    ModelRegistry.registerModel(a, {other: Number});
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [a, b]);
    assert.strictEqual(ModelRegistry.findModelByStructure({other: Number}), a);
    assert.strictEqual(a.cleanups, 0);
  });

  test('moves to another data source, to an app and back', () => {
    const [one, two] = [dataSource(), dataSource()];
    const owner = app();
    const user = model('User', {dataSource: one});
    ModelRegistry.registerModel(user);
    user.dataSource = two;
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual([names(one), names(two)], [[], ['User']]);
    ModelRegistry.registerModelForApp(owner, user);
    assert.deepStrictEqual([names(two), names(owner)], [[], ['User']]);
    user.app = null;
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual([names(two), names(owner)], [['User'], []]);
    user.dataSource = null;
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual([names(one), names(two), names(owner)], [[], [], []]);
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo().globalModels, ['User']);
    assert.strictEqual(user.cleanups, 0);
  });

  test('goes to the end of the new owner\'s list', () => {
    const [one, two] = [dataSource(), dataSource()];
    const moved = ModelRegistry.registerModel(model('M', {dataSource: one}));
    const there = ModelRegistry.registerModel(model('T', {dataSource: two}));
    moved.dataSource = two;
    ModelRegistry.registerModel(moved);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [there, moved]);
  });

  test('takes its name from another object there, which is dropped', () => {
    const [one, two] = [dataSource(), dataSource()];
    const moved = ModelRegistry.registerModel(model('User', {dataSource: one}));
    const there = ModelRegistry.registerModel(model('User', {dataSource: two}));
    moved.dataSource = two;
    ModelRegistry.registerModel(moved);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [moved]);
    assert.deepStrictEqual([moved.cleanups, there.cleanups], [0, 1]);
  });

  test('may have another name', () => {
    const source = dataSource();
    const user = ModelRegistry.registerModel(model('User', {dataSource: source}));
    user.modelName = 'Person';
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual(names(source), ['Person']);
    assert.strictEqual(ModelRegistry.findModelByName('User'), undefined);
    assert.strictEqual(user.cleanups, 0);
  });

  test('stays where it is when it has no name any more', () => {
    const source = dataSource();
    const user = ModelRegistry.registerModel(model('User', {dataSource: source}));
    user.modelName = '';
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [user]);
    assert.strictEqual(user.cleanups, 0);
  });

  test('is new after it was dropped', () => {
    const source = dataSource();
    const user = ModelRegistry.registerModel(model('User', {dataSource: source}));
    ModelRegistry.clear();
    ModelRegistry.registerModel(user);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [user]);
    assert.strictEqual(user.cleanups, 1);
    ModelRegistry.clear();
    assert.strictEqual(user.cleanups, 2);
  });
});

describe('registerModelForApp', () => {
  test('sets model.app and registers', () => {
    const owner = app();
    const user = model('User');
    assert.strictEqual(ModelRegistry.registerModelForApp(owner, user, {a: String}), user);
    assert.strictEqual(user.app, owner);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [user]);
    assert.strictEqual(ModelRegistry.findModelByStructure({a: String}), user);
    assert.strictEqual(tenantOf('User'), `app_${owner._appId}`);
  });

  test('also where app is read-only or has no setter', () => {
    const owner = app();
    const one = model('One');
    Object.defineProperty(one, 'app', {value: null, configurable: true});
    const two = model('Two');
    Object.defineProperty(two, 'app', {get: () => null, configurable: true});
    [one, two].forEach(each => ModelRegistry.registerModelForApp(owner, each));
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [one, two]);
  });
});

describe('the partition of a model', () => {
  test('is its data source\'s, whose id is in _dsId without ds_', () => {
    const source = new DataSource('db', 'mysql', {host: 'h', port: 3306, database: 'd'});
    ModelRegistry.registerModel(model('User', {dataSource: source}));
    const digits = require('crypto').createHash('md5').update('mysql:h:3306:d').digest('hex').slice(0, 8);
    assert.strictEqual(source._dsId, `mysql_${digits}`);
    assert.strictEqual(tenantOf('User'), `ds_${source._dsId}`);
  });

  test('is found from what the configuration says or leaves out', () => {
    const id = (connector, settings) => {
      const source = {connector, settings};
      ModelRegistry.registerModel(model('User', {dataSource: source}));
      return source._dsId;
    };
    const label = (text) => `${text.split(':')[0]}_${require('crypto').createHash('md5').update(text).digest('hex').slice(0, 8)}`;
    assert.strictEqual(id({name: 'memory'}, {}), label('memory:localhost::default'));
    assert.strictEqual(id({name: 'mongodb'}, {url: 'mongodb://u:p@h:1/shop?x=1'}), label('mongodb:localhost::shop'));
    assert.strictEqual(id({}, {}), label('unknown:localhost::default'));
    assert.strictEqual(id(undefined, {}), label('none:localhost::default'));
    assert.strictEqual(id(undefined, undefined), label('none:localhost::default'));
    assert.strictEqual(id(undefined, {connector: 'mysql'}), label('mysql:localhost::default'));
    assert.match(id({name: 'x'.repeat(9000)}, {database: 'y\nz', url: 'u'.repeat(20000)}), /^.{1,250}$/);
    const source = {adapter: {name: 'oracle'}};
    ModelRegistry.registerModel(model('User', {dataSource: source}));
    assert.strictEqual(source._dsId, label('oracle:localhost::default'));
  });

  test('is one for equal configurations, however often they come', () => {
    for (let round = 0; round < 100; round++) {
      ModelRegistry.registerModel(model('User', {dataSource: dataSource({database: 'again'})}));
    }
    assert.strictEqual(tenantCodes().length, 1);
  });

  test('is its app\'s, whose id is in _appId', () => {
    const [one, two] = [app(), app()];
    ModelRegistry.registerModelForApp(one, model('A'));
    ModelRegistry.registerModelForApp(two, model('B'));
    assert.strictEqual(tenantOf('A'), `app_${one._appId}`);
    assert.strictEqual(tenantOf('B'), `app_${two._appId}`);
    assert.notStrictEqual(one._appId, two._appId);
  });

  test('is the data source\'s where it has both; the app owns it', () => {
    const [source, owner] = [dataSource(), app()];
    const user = model('User', {dataSource: source});
    ModelRegistry.registerModelForApp(owner, user);
    assert.strictEqual(tenantOf('User'), `ds_${source._dsId}`);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(owner), [user]);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), []);
  });

  test('ids are not among an owner\'s visible members', () => {
    const [source, owner] = [dataSource(), app()];
    ModelRegistry.registerModelForApp(owner, model('User', {dataSource: source}));
    assert.deepStrictEqual(Object.keys(source), ['name', 'connector', 'settings']);
    assert.deepStrictEqual(Object.keys(owner), ['models', 'use', 'listen']);
    const frozen = Object.freeze(dataSource());
    ModelRegistry.registerModel(model('Frozen', {dataSource: frozen}));
    assert.deepStrictEqual(names(frozen), ['Frozen']);
  });
});

describe('strictness and anonymity', () => {
  const given = {a: String};
  test('a model is strict when its strict is exactly true, or its builder\'s strictEmbeddedModels is', () => {
    const strictly = new ModelBuilder({strictEmbeddedModels: true});
    const found = (more) => {
      ModelRegistry.clear();
      const added = ModelRegistry.registerModel(model('X', more), given);
      const [lax, strict] = [undefined, strictly].map(asker => ModelRegistry.findModelByStructure(given, asker));
      assert.ok([lax, strict].filter(result => result === added).length === 1);
      return strict === added ? 'strict' : 'lax';
    };
    assert.strictEqual(found({}), 'lax');
    assert.strictEqual(found({settings: {strict: true}}), 'strict');
    assert.strictEqual(found({settings: {strict: 'filter'}}), 'lax');
    assert.strictEqual(found({settings: {strict: false}}), 'lax');
    assert.strictEqual(found({modelBuilder: strictly}), 'strict');
    assert.strictEqual(found({modelBuilder: new ModelBuilder({strictEmbeddedModels: false})}), 'lax');
    assert.strictEqual(found({modelBuilder: new ModelBuilder(), settings: {anonymous: true}}), 'lax');
  });

  test('a model whose strictness differs is passed over, and the search goes on', () => {
    const strict = model('S', {settings: {strict: true}, dataSource: dataSource()});
    const lax = model('L', {dataSource: dataSource()});
    [strict, lax].forEach(each => ModelRegistry.registerModel(each, given));
    assert.strictEqual(ModelRegistry.findModelByStructure(given), lax);
    assert.strictEqual(
      ModelRegistry.findModelByStructure(given, new ModelBuilder({strictEmbeddedModels: true})), strict,
    );
  });
});
