// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const assert = require('node:assert');
const {beforeEach, describe, test} = require('node:test');
const {inspect} = require('node:util');
const {ModelRegistry, arePropertiesEquivalent, findEquivalentAnonymousModel} = require('../model-registry');
const {ModelBuilder, dataSource, model} = require('./support');

const fingerprint = ModelRegistry.generateFingerprint;

beforeEach(() => ModelRegistry.clear());

const circular = {a: String};
circular.self = circular;
const circularArray = [String];
circularArray.push(circularArray);
const circularAttribute = {a: {type: String, more: {}}};
circularAttribute.a.more.back = circularAttribute.a;
const deep = Array.from({length: 200}).reduce(inner => ({inner}), {a: String});
const shared = Array.from({length: 40}).reduce(inner => ({left: inner, right: inner}), {a: String});
const throwing = {get a() {
  throw new Error('no');
}};
const shapeless = [circular, {list: circularArray}, circularAttribute, deep, shared, throwing];

describe('equal structures', () => {
  class Order {}
  const when = new Date(0);
  const fallback = () => 1;
  const pairs = {
    'in any order of keys': [{a: String, b: {type: Number, id: true, min: 1}}, {b: {min: 1, id: true, type: Number}, a: String}],
    'in short and in long form': [{name: 'string'}, {name: {type: 'string'}}],
    'with a function and its name': [{name: String, order: Order}, {name: 'String', order: 'Order'}],
    'with built-in names in any case': [{name: 'STRING', at: 'geoPoint'}, {name: String, at: 'GeoPoint'}],
    'with undefined members': [{a: String, b: undefined}, {a: String}],
    'with undefined attributes': [{a: {type: String, id: undefined}}, {a: {type: String}}],
    'nested': [{a: {b: String, c: {d: Number}}}, {a: {c: {d: 'number'}, b: 'string'}}],
    'of arrays': [{a: [String]}, {a: ['string']}],
    'of arrays of objects': [{a: [{b: String}]}, {a: [{b: 'string'}]}],
    'of arrays of several elements': [{a: [String, Number]}, {a: ['string', 'number']}],
    'with the same objects': [{a: {type: String, default: when, fn: fallback}}, {a: {type: String, default: when, fn: fallback}}],
    'with attributes of any value': [{a: {type: String, x: [1, null, {y: 'z'}]}}, {a: {type: String, x: [1, null, {y: 'z'}]}}],
    'without a prototype': [Object.assign(Object.create(null), {a: String}), {a: String}],
    'that are arrays': [[String, {a: Number}], ['string', {a: 'number'}]],
    'with names that LoopBack refuses': [{'a.b': String, '': Number, '~x': Date}, {'': Number, '~x': Date, 'a.b': String}],
  };
  for (const [how, [left, right]] of Object.entries(pairs)) {
    test(how, () => {
      assert.strictEqual(fingerprint(left), fingerprint(right));
      const added = ModelRegistry.registerModel(model('X'), left);
      assert.strictEqual(ModelRegistry.findModelByStructure(right), added);
    });
  }
});

test('different structures never find one another', () => {
  class Order {}
  const [one, two] = [new Date(0), new Date(0)];
  const structures = [
    {name: String}, {name: Number}, {name: 'order'}, {name: Order}, {name: 'Buffer'}, {name: [String]}, {name: [Number]},
    {name: []}, {name: [String, String]}, {name: [String, Number]}, {name: [Number, String]}, {name: [[String]]},
    {name: [[]]}, {name: {}}, {name: [{}]}, {name: {a: String}}, {name: {a: Number}}, {name: {b: String}},
    {name: [{a: String}]}, {name: {type: [String], a: 1}}, {name: [{type: String, a: 1}]}, {name: [{type: String}, 1]},
    {name: {type: String, id: true}}, {name: {type: String, id: false}}, {name: {type: String, id: 1}},
    {name: {type: String, id: '1'}}, {name: {type: String, id: null}}, {name: {type: String, id: 'true'}},
    {name: {type: String, x: [1, 2]}}, {name: {type: String, x: [2, 1]}}, {name: {type: String, x: {0: 1, 1: 2}}},
    {name: {type: String, x: NaN}}, {name: {type: String, x: 'NaN'}}, {name: {type: String, x: Infinity}},
    {name: {type: String, x: 1n}}, {name: {type: String, x: '~b1'}}, {name: {type: String, x: Symbol.for('s')}},
    {name: {type: String, x: Symbol('s')}}, {name: {type: String, x: Symbol('s')}},
    {name: {type: String, default: () => 1}}, {name: {type: String, default: () => 1}},
    {name: {type: String, default: one}}, {name: {type: String, default: two}}, {name: {type: String, x: /a/}},
    {name: {type: String, x: undefined, y: [undefined]}}, {name: {type: String, y: [null]}}, {name: {type: String, y: []}},
    {name: null}, {name: false}, {name: true}, {name: 0}, {name: 1}, {name: ''}, {name: 'null'}, {name: '~null'},
    {name: 1n}, {name: NaN}, {name: one}, {name: two}, {name: {type: '', a: String}}, {name: {type: null}},
    {name: {type: {type: String}}}, {name: {type: {type: String, a: Number}}},
    {name: String, other: String}, {other: String}, {Name: String}, {'name.x': String}, {'~kname%002ex': String},
    {'~0': String, '~length': String}, {name: {'~length': '~#2', '~0': String, '~1': Number}},
    {'\ud800': String}, {'\ud801': String}, {'\ufffd': String}, {'%d800': String}, {a: '\ud800'}, {a: '\ufffd'},
    [String], ['number'], [String, Number], {0: String}, [[String]], [{}], [null],
    {name: {type: String, mysql: {type: String}}}, {name: {type: String, mysql: {type: Number}}},
  ];
  const seen = new Map();
  for (const structure of structures) {
    const text = fingerprint(structure);
    assert.match(text, /^[0-9a-f]{32}$/);
    assert.ok(!seen.has(text), `${inspect(structure)} and ${inspect(seen.get(text))}`);
    seen.set(text, structure);
  }
  const models = structures.map((structure, index) => ModelRegistry.registerModel(model(`M${index}`), structure));
  structures.forEach((structure, index) => {
    assert.strictEqual(ModelRegistry.findModelByStructure(structure), models[index], inspect(structure));
  });
});

test('properties may be changed between two questions', () => {
  const given = {a: {type: String}};
  const first = ModelRegistry.registerModel(model('First'), given);
  given.a.id = true;
  assert.strictEqual(ModelRegistry.findModelByStructure(given), null);
  const second = ModelRegistry.registerModel(model('Second'), given);
  assert.strictEqual(ModelRegistry.findModelByStructure(given), second);
  delete given.a.id;
  assert.strictEqual(ModelRegistry.findModelByStructure(given), first);
});

describe('findModelByStructure', () => {
  test('is null for what has no structure, and for what is none', () => {
    for (const [index, given] of [...shapeless, {}, [], {a: undefined}].entries()) {
      ModelRegistry.registerModel(model(`M${index}`), given);
      assert.strictEqual(ModelRegistry.findModelByStructure(given), null);
    }
    for (const wrong of [undefined, null, 7, 'text', true, () => {}, Symbol('s')]) {
      assert.strictEqual(ModelRegistry.findModelByStructure(wrong), null);
      assert.strictEqual(ModelRegistry.findModelByStructure(wrong, wrong), null);
    }
    assert.strictEqual(ModelRegistry.getStats().totalModels, shapeless.length + 3);
    assert.strictEqual(ModelRegistry.getStats().uniqueModels, 1);
    assert.strictEqual(ModelRegistry.getStats().reuseCount, 0);
  });

  test('finds the most recently registered of a partition, and global first', () => {
    const given = {a: String};
    const source = dataSource();
    const [, second] = ['A', 'B'].map(name => ModelRegistry.registerModel(model(name, {dataSource: source}), given));
    assert.strictEqual(ModelRegistry.findModelByStructure(given), second);
    const global = ModelRegistry.registerModel(model('C'), given);
    assert.strictEqual(ModelRegistry.findModelByStructure(given), global);
  });

  test('counts each success', () => {
    ModelRegistry.registerModel(model('A'), {a: String});
    ModelRegistry.findModelByStructure({a: String});
    ModelRegistry.findModelByStructure({a: String});
    ModelRegistry.findModelByStructure({b: String});
    assert.strictEqual(ModelRegistry.getStats().reuseCount, 2);
  });

  test('passes over a model whose builder has parentRef while NODE_ENV is test', () => {
    const given = {a: String};
    const environment = process.env.NODE_ENV;
    const added = ModelRegistry.registerModel(
      model('A', {modelBuilder: new ModelBuilder({parentRef: true})}), given,
    );
    try {
      process.env.NODE_ENV = 'test';
      assert.strictEqual(ModelRegistry.findModelByStructure(given), null);
      const other = ModelRegistry.registerModel(model('B', {dataSource: dataSource()}), given);
      assert.strictEqual(ModelRegistry.findModelByStructure(given), other);
      process.env.NODE_ENV = 'production';
      assert.strictEqual(ModelRegistry.findModelByStructure(given), added);
    } finally {
      if (environment === undefined) delete process.env.NODE_ENV;
      else process.env.NODE_ENV = environment;
    }
  });

  test('outside global, passes over a match whose definition has other keys, where an asked value has a type', () => {
    const long = {a: {type: String}};
    const short = {a: String};
    const injected = () => ({definition: {properties: {a: {type: String}, id: {type: Number}}}});
    const outside = ModelRegistry.registerModel(model('A', {dataSource: dataSource(), ...injected()}), long);
    assert.strictEqual(ModelRegistry.findModelByStructure(long), null);
    assert.strictEqual(ModelRegistry.findModelByStructure(short), outside);
    const fitting = ModelRegistry.registerModel(model('B', {dataSource: dataSource()}), long);
    fitting.definition = {properties: long};
    ModelRegistry.registerModel(fitting, long);
    assert.strictEqual(ModelRegistry.findModelByStructure(long), fitting);
    const global = ModelRegistry.registerModel(model('C', injected()), long);
    assert.strictEqual(ModelRegistry.findModelByStructure(long), global);
  });

  test('also when the keys came after it was registered', () => {
    const long = {a: {type: String}};
    const source = dataSource();
    const late = model('A', {dataSource: source, definition: {properties: {...long}}});
    ModelRegistry.registerModel(late);
    assert.strictEqual(ModelRegistry.findModelByStructure(long), late);
    late.definition.properties.id = {type: Number};
    assert.strictEqual(ModelRegistry.findModelByStructure(long), null);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(source), [late]);
    assert.strictEqual(late.cleanups, 0);
  });
});

describe('generateFingerprint', () => {
  test('is a text of its own for a non-object', () => {
    for (const wrong of [undefined, null, 7, 'text', true, () => {}, Symbol('s'), 1n]) {
      assert.strictEqual(fingerprint(wrong), 'invalid-properties');
    }
  });

  test('begins with error- for what has no structure', () => {
    for (const given of shapeless) assert.match(fingerprint(given), /^error-/);
  });

  test('is one for no properties', () => {
    assert.match(fingerprint({}), /^[0-9a-f]{32}$/);
    assert.strictEqual(fingerprint({a: undefined}), fingerprint({}));
  });
});

test('normalizeProperties', () => {
  const normalize = ModelRegistry.normalizeProperties;
  const given = {b: {type: String, z: 1, a: [2, {d: 1, c: 2}]}, a: Number};
  const normalized = normalize(given);
  assert.deepStrictEqual(normalized, {
    a: Number, b: {a: [2, {c: 2, d: 1}], type: 'String', z: 1}, __structureKeys: 'a,b',
  });
  assert.deepStrictEqual(Object.keys(normalized), ['a', 'b', '__structureKeys']);
  assert.deepStrictEqual(Object.keys(normalized.b), ['a', 'type', 'z']);
  assert.notStrictEqual(normalized, given);
  assert.deepStrictEqual(given, {b: {type: String, z: 1, a: [2, {d: 1, c: 2}]}, a: Number});
  assert.deepStrictEqual(normalize({b: 'string', a: ['x']}), {a: ['x'], b: 'string'});
  for (const plain of [undefined, null, 7, 'text']) assert.strictEqual(normalize(plain), plain);
  assert.doesNotThrow(() => normalize(circular));
});

test('isEmbeddedModelStructure', () => {
  const embedded = ModelRegistry.isEmbeddedModelStructure;
  assert.strictEqual(embedded({a: 'string', b: {type: String}}), true);
  for (const not of [{}, {a: 'string'}, {a: [{type: String}]}, {a: {type: ''}}, {a: {b: {type: String}}}, null, 7, undefined]) {
    assert.strictEqual(embedded(not), false);
  }
});

test('determineStructureType', () => {
  const type = ModelRegistry.determineStructureType;
  assert.strictEqual(type({a: 'string', b: String, c: null}), 'simple');
  assert.strictEqual(type({}), 'simple');
  assert.strictEqual(type({a: {b: String}}), 'complex');
  assert.strictEqual(type({a: [String]}), 'complex');
  assert.strictEqual(type([]), 'array');
  for (const wrong of [null, undefined, 7, 'text']) assert.strictEqual(type(wrong), 'invalid');
});

test('calculateStructureDepth', () => {
  const depth = ModelRegistry.calculateStructureDepth;
  assert.strictEqual(depth({a: String}), 0);
  assert.strictEqual(depth({}), 0);
  assert.strictEqual(depth({a: {b: 1}, c: {d: {e: 1}}}), 2);
  assert.strictEqual(depth({a: [1]}), 1);
  assert.strictEqual(depth({a: {b: 1}}, 3), 4);
  assert.strictEqual(depth(7), 0);
  assert.strictEqual(depth(null, 5), 5);
  assert.doesNotThrow(() => depth(circular));
});

test('areArraysEqual', () => {
  const equal = ModelRegistry.areArraysEqual;
  assert.strictEqual(equal([], []), true);
  assert.strictEqual(equal([1, {a: 1}, [2]], [1, {a: 1}, [2]]), true);
  assert.strictEqual(equal([1, 2], [2, 1]), false);
  assert.strictEqual(equal([1], [1, 2]), false);
  assert.strictEqual(equal([1], 1), false);
  assert.strictEqual(equal(undefined, []), false);
});

test('createHash: h and the hex of FNV-1a over UTF-16 units', () => {
  assert.strictEqual(ModelRegistry.createHash('a'), 'he40c292c');
  assert.strictEqual(ModelRegistry.createHash('foobar'), 'hbf9cf968');
  for (const wrong of ['', undefined, null, 7, {}]) assert.strictEqual(ModelRegistry.createHash(wrong), 'invalid-input');
});

test('getCurrentModelBuilder is null outside a ModelBuilder', () => {
  assert.strictEqual(ModelRegistry.getCurrentModelBuilder(), null);
  const {getCurrentModelBuilder} = ModelRegistry;
  assert.strictEqual(getCurrentModelBuilder(), null);
});

test('arePropertiesEquivalent', () => {
  const named = (name) => Object.defineProperty(() => {}, 'name', {value: name});
  const fn = () => {};
  const same = [
    [7, 7], [fn, fn], [{}, {}], [{a: 1, b: [1, {c: 2}]}, {b: [1, {c: 2}], a: 1}],
    [{a: {type: named('T')}}, {a: {type: named('T')}}], [{a: {b: {type: String}}}, {a: {b: {type: String}}}],
  ];
  const different = [
    [7, 8], [7, '7'], [{}, null], [undefined, {}], [{a: 1}, {b: 1}], [{a: 1}, {a: 1, b: 2}], [{a: [1, 2]}, {a: [2, 1]}],
    [{a: named('T')}, {a: named('T')}], [{a: {type: String}}, {a: {type: 'String'}}], [{a: [1]}, {a: {0: 1}}],
    [{a: {type: named('T')}}, {a: {type: named('U')}}], [{a: new Date(0)}, {a: new Date(1)}], [{a: undefined}, {}],
  ];
  for (const [a, b] of same) assert.strictEqual(arePropertiesEquivalent(a, b), true);
  for (const [a, b] of different) {
    assert.strictEqual(arePropertiesEquivalent(a, b), false);
    assert.strictEqual(arePropertiesEquivalent(b, a), false);
  }
  assert.doesNotThrow(() => arePropertiesEquivalent(circular, {...circular}));
});

test('findEquivalentAnonymousModel', () => {
  const anonymous = (properties) => ({settings: {anonymous: true}, definition: {properties}});
  const [one, two, three] = [{a: String}, {b: {type: String}}, {b: {type: String}}].map(anonymous);
  const builder = {models: {
    User: anonymous({b: {type: String}}), AnonymousModel_0: {modelName: 'no definition'}, AnonymousModel_1: one,
    AnonymousModel_2: two, AnonymousModel_3: three,
  }};
  assert.strictEqual(findEquivalentAnonymousModel(builder, anonymous({b: {type: String}})), two);
  assert.strictEqual(findEquivalentAnonymousModel(builder, anonymous({c: String})), null);
  assert.strictEqual(findEquivalentAnonymousModel(builder, {...anonymous({a: String}), settings: {}}), null);
  for (const wrong of [undefined, null, 7, {}]) {
    assert.strictEqual(findEquivalentAnonymousModel(wrong, anonymous({a: String})), null);
    assert.strictEqual(findEquivalentAnonymousModel(builder, wrong), null);
  }
});

describe('what cannot be read', () => {
  const no = () => {
    throw new Error('no');
  };
  const traps = () => new Proxy({}, {
    get: no, has: no, ownKeys: no, getPrototypeOf: no, getOwnPropertyDescriptor: no,
  });
  const revoked = () => {
    const {proxy, revoke} = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  const odd = () => [
    traps(), revoked(), [traps()], {a: traps()}, {a: revoked()}, {a: {type: revoked()}}, [revoked()],
    new Proxy([1], {get: no}), {a: new Proxy([1], {get: no})}, {get a() {
      throw new Error('no');
    }}, Object.freeze({a: Object.freeze([1])}), deep(20000), 'text', 7, 7n, Symbol('s'), null, undefined, true, () => 1,
  ];
  function deep(levels) {
    let value = {};
    for (let level = 0; level < levels; level++) value = {a: value};
    return value;
  }

  test('throws from no question', () => {
    const builder = new ModelBuilder();
    ModelRegistry.registerModel(model('Odd', {definition: {properties: traps()}, dataSource: dataSource()}), {a: {type: 'string'}});
    assert.strictEqual(ModelRegistry.findModelByStructure({a: {type: 'string'}}), null);
    for (const value of odd()) {
      for (const question of [
        'generateFingerprint', 'normalizeProperties', 'isEmbeddedModelStructure', 'determineStructureType',
        'calculateStructureDepth', 'findModelByStructure', 'findModelByName', 'getModelsForOwner', 'getModelNamesForOwner',
        'hasModelForOwner', 'getModelForOwner', '_detectOwnerType', 'cleanupTenant', 'createHash', 'getModelsForOwnerWithType',
      ]) {
        ModelRegistry[question](value);
        ModelRegistry[question](value, value);
        ModelRegistry[question](value, value, value);
      }
      assert.strictEqual(typeof ModelRegistry.generateFingerprint(value), 'string');
      assert.strictEqual(ModelRegistry.getCurrentModelBuilder.call(value), null);
      for (const other of odd()) {
        ModelRegistry.areArraysEqual(value, other);
        ModelRegistry.areArraysEqual([value], [other]);
        ModelRegistry.arePropertiesEquivalent(value, other);
        ModelRegistry.arePropertiesEquivalent({a: value}, {a: other});
        ModelRegistry.findEquivalentAnonymousModel({models: value}, {settings: {anonymous: true}, definition: {properties: other}});
      }
      builder.models.AnonymousModel_0 = value;
      assert.strictEqual(ModelRegistry.findEquivalentAnonymousModel(builder, {settings: value}), null);
      ModelRegistry.registerModel(value, value);
      ModelRegistry.registerModelForApp(value, model('App'), value);
      ModelRegistry.registerModel(model('All', {dataSource: value, settings: value, modelBuilder: value, definition: value}));
    }
  });

  test('a class whose name is no text counts as one structure, bare and under a type', () => {
    class Odd {
      static name() {}
    }
    assert.strictEqual(ModelRegistry.generateFingerprint({a: Odd}), ModelRegistry.generateFingerprint({a: {type: Odd}}));
    assert.doesNotMatch(ModelRegistry.generateFingerprint({a: Odd}), /^error/);
  });
});
