// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the registry costs from JavaScript: nanoseconds for each operation, the best and the median of several rounds.
// `node bench.js`

'use strict';

const {ModelRegistry} = require('./model-registry');
const ModelRegistryProxy = require('./model-registry-proxy');

// Short rounds, and many: on a machine that does other things as well, some of them are left alone.
const SLICES = 40;

function report(what, nanoseconds, target) {
  nanoseconds.sort((a, b) => a - b);
  const show = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} us` : `${value.toFixed(1)} ns`).padStart(10);
  const median = nanoseconds[nanoseconds.length >> 1];
  console.log(`${what.padEnd(64)}${show(nanoseconds[0])}${show(median)}   ${target}`);
}

/** Runs `body(i)` for i below n, some rounds in slices of `slice`; `prepare` makes what a round uses up. */
function measure(what, target, n, body, prepare = () => {}, slice = Math.max(1, Math.floor(n / SLICES)), rounds = 9) {
  const results = [];
  for (let round = 0; round < rounds; round++) {
    prepare();
    for (let from = 0; from + slice <= n; from += slice) {
      const begin = process.hrtime.bigint();
      for (let i = from; i < from + slice; i++) body(i);
      // The first round is for the compiler.
      if (round > 0) results.push(Number(process.hrtime.bigint() - begin) / slice);
    }
  }
  report(what, results, target);
}

let serial = 0;
const dataSource = (database) => ({connector: {name: 'memory'}, settings: {database}, name: 'db'});
const properties = () => ({
  id: {type: Number, id: true, generated: true},
  name: {type: String, required: true},
  email: {type: String, index: true},
  born: Date,
  active: {type: Boolean, default: false},
  address: {street: String, city: String},
  tags: ['string'],
  score: {type: 'number', default: 1},
  note: 'text',
  role: {type: 'string', length: 32},
});
const modelOn = (owner, name = `M${serial++}`) => {
  const given = properties();
  return {modelName: name, dataSource: owner, definition: {properties: given}, settings: {strict: false}};
};

console.log(`node ${process.version}, ${ModelRegistry._library}`);
console.log(`${''.padEnd(64)}${'best'.padStart(10)}${'median'.padStart(10)}   target (the original)`);

{
  const sources = Array.from({length: 100}, (_, index) => dataSource(`db${index}`));
  for (const source of sources) for (let i = 0; i < 10; i++) ModelRegistry.registerModel(modelOn(source, `Model${i}`));
  const proxies = sources.map(source => new ModelRegistryProxy(source, 'dataSource'));
  let sum = 0;
  measure('list of an owner again', '20 ns (50-80)', 8e5, () => {
    sum += ModelRegistry.getModelsForOwner(sources[7]).length;
  });
  measure('list of an owner again, 100 owners in turn', '20 ns', 8e5, (i) => {
    sum += ModelRegistry.getModelsForOwner(sources[i % 100]).length;
  });
  measure('list of an owner again, kind told', '', 8e5, () => {
    sum += ModelRegistry.getModelsForOwnerWithType(sources[7], 'dataSource').length;
  });
  measure('names of an owner again', '', 4e5, () => {
    sum += ModelRegistry.getModelNamesForOwner(sources[7]).length;
  });
  measure('model of an owner by name', '(210)', 4e5, () => {
    if (ModelRegistry.getModelForOwner(sources[7], 'Model3')) sum++;
  });
  measure('name that an owner does not have', '', 4e5, () => {
    if (ModelRegistry.hasModelForOwner(sources[7], 'Nothing')) sum++;
  });
  measure('proxy.Model3', '', 4e5, () => {
    if (proxies[7].Model3) sum++;
  });

  let fresh = [];
  measure('first list of an owner with 10 models', '0.5-2.3 us (5-23 us)', 1000, (i) => {
    sum += ModelRegistry.getModelsForOwner(fresh[i]).length;
  }, () => {
    fresh = Array.from({length: 1000}, () => dataSource('first'));
    for (const source of fresh) for (let i = 0; i < 10; i++) ModelRegistry.registerModel(modelOn(source, `Model${i}`));
  });
  fresh = [];

  const wanted = {...properties(), unlike: 'string'};
  const match = modelOn(sources[50]);
  match.definition.properties = {...properties(), unlike: 'string'};
  ModelRegistry.registerModel(match);
  measure('find by structure, 10 properties, found', '4-13 us (40-130 us)', 1e4, () => {
    if (ModelRegistry.findModelByStructure(wanted) !== match) throw new Error('not found');
  });
  const unknown = {...properties(), unknown: 'string'};
  measure('find by structure, 10 properties, not found', '4-13 us', 1e4, () => {
    if (ModelRegistry.findModelByStructure(unknown) !== null) throw new Error('found');
  });
  const small = {street: 'string', city: 'string'};
  measure('find by structure, 2 properties, not found', '4-13 us', 1e4, () => {
    if (ModelRegistry.findModelByStructure(small) !== null) throw new Error('found');
  });
  measure('find by name', '', 1e5, () => {
    if (!ModelRegistry.findModelByName('Model3')) throw new Error('not found');
  });
  ModelRegistry.clear();
}

{
  let models = [];
  const prepare = (unlike) => () => {
    ModelRegistry.clear();
    const sources = Array.from({length: 100}, (_, index) => dataSource(`db${index}`));
    models = Array.from({length: 1000}, (_, index) => modelOn(sources[index % 100]));
    if (unlike) for (const model of models) model.definition.properties[`p${serial++}`] = 'string';
    sources.forEach(source => ModelRegistry.registerModel(modelOn(source)));
  };
  const register = (i) => ModelRegistry.registerModel(models[i]);
  measure('register, 10 properties, structure known', '9 us (9 us)', 1000, register, prepare(false));
  measure('register, 10 properties, every structure new', '9 us (9 us)', 1000, register, prepare(true));
  measure('register, 3 properties, every structure new', '9 us (9 us)', 1000, register, () => {
    prepare(false)();
    for (const model of models) {
      model.definition.properties = {id: {type: Number, id: true}, name: String, [`p${serial++}`]: 'string'};
    }
  });
  measure('register again', '9 us', 1000, register);
  measure('register without a data source (current tenant looked up)', '9 us (57 us)', 1000, register, () => {
    prepare(false)();
    for (const model of models) model.dataSource = null;
  });
  measure('register on a new data source', '', 1000, register, () => {
    prepare(false)();
    for (const model of models) model.dataSource = dataSource('one');
  });
}

{
  const results = [];
  for (let round = 0; round < 5; round++) {
    ModelRegistry.clear();
    const app = {models() {}, use() {}, listen() {}};
    const source = dataSource('one');
    const models = Array.from({length: 1000}, () => modelOn(source));
    const begin = process.hrtime.bigint();
    for (const model of models) {
      ModelRegistry.registerModelForApp(app, model);
      ModelRegistry.getModelsForOwner(app);
      ModelRegistry.hasModelForOwner(source, 'Nothing');
      ModelRegistry.getModelForOwner(app, model.modelName);
    }
    results.push(Number(process.hrtime.bigint() - begin));
  }
  report('1,000 models added to one app, asked after each: all of it', results, '1 s (23 s with the framework)');
}

{
  const source = dataSource('one');
  let models = [];
  measure('clear, 1,000 models: all of it', '', 1, () => ModelRegistry.clear(), () => {
    models = Array.from({length: 1000}, () => modelOn(source));
    models.forEach(model => ModelRegistry.registerModel(model));
  });
}
