// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With loopback-datasource-juggler itself, whose ModelBuilder and DataSource are made to use the registry as the
// original's do: each model that is defined is registered, anonymous structures are looked for before they are defined,
// and the models of a data source are a proxy.

'use strict';

const assert = require('node:assert');
const {after, beforeEach, describe, test} = require('node:test');
const {ModelRegistry} = require('../model-registry');
const ModelRegistryProxy = require('../model-registry-proxy');
const {collect} = require('./support');

let juggler;
try {
  juggler = require('loopback-datasource-juggler');
} catch {
  juggler = null;
}
const skip = juggler ? false : 'loopback-datasource-juggler is not installed';
const undo = [];

function patch(object, name, make) {
  const original = object[name];
  object[name] = make(original);
  undo.push(() => {
    object[name] = original;
  });
}

if (juggler) {
  const {ModelBuilder, DataSource} = juggler;
  patch(ModelBuilder.prototype, 'define', define => function(name, properties, settings, parent) {
    const asked = settings && settings.anonymous ? properties : undefined;
    const shared = asked && ModelRegistry.findModelByStructure(asked, this);
    if (shared) return shared;
    const model = define.apply(this, arguments);
    return settings && settings.unresolved ? model : ModelRegistry.registerModel(model, asked && {...asked});
  });
  patch(DataSource.prototype, 'define', define => function(name, properties, settings) {
    const model = define.apply(this, arguments);
    return settings && settings.unresolved ? model : ModelRegistry.registerModel(model);
  });
  patch(DataSource.prototype, 'createModel', () => DataSource.prototype.define);
  patch(DataSource.prototype, 'attach', attach => function() {
    return ModelRegistry.registerModel(attach.apply(this, arguments));
  });
  const proxies = new WeakMap();
  Object.defineProperty(DataSource.prototype, 'models', {
    get() {
      if (!proxies.has(this)) proxies.set(this, new ModelRegistryProxy(this, 'dataSource'));
      return proxies.get(this);
    },
    set() {},
    configurable: true,
  });
  undo.push(() => {
    delete DataSource.prototype.models;
  });
}

after(() => undo.reverse().forEach(each => each()));
beforeEach(() => ModelRegistry.clear());

const open = () => new juggler.DataSource('db', {connector: 'memory'});

describe('a framework over the registry', {skip}, () => {
  test('defines models that its data source lists', () => {
    const db = open();
    const User = db.define('User', {name: String, email: {type: String, index: true}});
    const Order = db.define('Order', {total: Number});
    assert.deepStrictEqual(Object.keys(db.models), ['User', 'Order']);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(db), [User, Order]);
    assert.strictEqual(db.models.User, User);
    assert.strictEqual(ModelRegistry.getAllModels().get('User').tenant, `ds_${db._dsId}`);
    assert.deepStrictEqual(Object.keys(ModelRegistry.getAllModels().get('User').properties), ['name', 'email', 'id']);
  });

  test('keeps the models of two data sources of one configuration apart', () => {
    const [one, two] = [open(), open()];
    const models = [one, two].map(db => db.define('User', {name: String}));
    assert.strictEqual(one._dsId, two._dsId);
    assert.strictEqual(one.models.User, models[0]);
    assert.strictEqual(two.models.User, models[1]);
  });

  test('defines a model anew in the old one\'s place', () => {
    const db = open();
    const first = db.define('User', {name: String});
    db.define('Order', {total: Number});
    const second = db.define('User', {name: String, age: Number});
    assert.notStrictEqual(first, second);
    assert.deepStrictEqual(Object.values(db.models), [second, db.models.Order]);
  });

  test('relates, creates and finds', async () => {
    const db = open();
    const Customer = db.define('Customer', {name: String});
    const Order = db.define('Order', {total: Number});
    Customer.hasMany(Order);
    Order.belongsTo(Customer);
    const customer = await db.models.Customer.create({name: 'Ann'});
    await customer.orders.create({total: 7});
    const [found] = await db.models.Order.find({include: 'customer'});
    assert.strictEqual(found.customer().name, 'Ann');
    assert.strictEqual(found.total, 7);
  });

  test('shares anonymous models of one structure', () => {
    const builder = new juggler.ModelBuilder();
    const address = () => ({street: {type: 'string'}, city: 'string'});
    const User = builder.define('User', {address: address()});
    const Shop = builder.define('Shop', {address: address(), other: {street: {type: 'number'}, city: 'string'}});
    const shared = User.definition.properties.address.type;
    assert.match(shared.modelName, /^AnonymousModel_/);
    assert.strictEqual(Shop.definition.properties.address.type, shared);
    assert.notStrictEqual(Shop.definition.properties.other.type, shared);
    assert.ok(ModelRegistry.getStats().reuseCount >= 1);
  });

  test('attaches a model of a builder to a data source, and to another one', () => {
    const [one, two] = [open(), open()];
    const User = new juggler.ModelBuilder().define('User', {name: String});
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo().globalModels, ['User']);
    one.attach(User);
    assert.deepStrictEqual(ModelRegistry.getTenantRegistryInfo().globalModels, []);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(one), [User]);
    two.attach(User);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(one), []);
    assert.deepStrictEqual(ModelRegistry.getModelsForOwner(two), [User]);
  });

  test('extends models', () => {
    const db = open();
    const Person = db.define('Person', {name: String});
    const Employee = db.define('Employee', {salary: Number}, {base: 'Person'});
    assert.ok(Employee.prototype instanceof Person);
    assert.deepStrictEqual(ModelRegistry.getModelNamesForOwner(db), ['Person', 'Employee']);
  });

  test('discovers models', async () => {
    const db = open();
    db.connector.discoverSchemas = undefined;
    db.discoverSchemas = (name, options, done) => done(null, {
      'shop.CUSTOMER': {name: 'Customer', options: {}, properties: {name: {type: 'String'}}},
    });
    const models = await new Promise((resolve, reject) => {
      db.discoverAndBuildModels('CUSTOMER', {}, (error, built) => error ? reject(error) : resolve(built));
    });
    assert.strictEqual(db.models.Customer, models.Customer);
    const fromInstance = db.buildModelFromInstance('Thing', {name: 'x', size: 7, inner: {deep: true}}, {});
    assert.strictEqual(db.models.Thing, fromInstance);
  });

  test('lets its data sources be collected', {skip: skip || (global.gc ? false : 'no --expose-gc')}, async () => {
    let db = open();
    const gone = [db, db.define('User', {name: String})].map(each => new WeakRef(each));
    assert.deepStrictEqual(Object.keys(db.models), ['User']);
    db = null;
    await collect(6);
    assert.deepStrictEqual(gone.map(reference => reference.deref() === undefined), [true, true]);
    assert.strictEqual(ModelRegistry.getStats().tenantRegistries, 0);
  });
});
