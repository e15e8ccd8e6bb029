// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One owner's models as an object that looks like {name: model}. It keeps no model: each question goes to the registry,
// which answers from what it has kept for the owner while nothing changed.

'use strict';

const {ModelRegistry} = require('./model-registry');

const DATA_SOURCE = 'dataSource';
const APP = 'app';

function isObject(value) {
  return typeof value === 'object' ? value !== null : typeof value === 'function';
}

/** A model is a class, or an object with something that models have. */
const MARKS = ['modelName', 'definition', 'modelBuilder', 'settings'];

function isModel(value) {
  if (typeof value === 'function') return true;
  return isObject(value) && !Array.isArray(value) && MARKS.some(mark => Boolean(read(value, mark)));
}

/** What an accessor gives; nothing where it throws. */
function read(object, key) {
  try {
    return object[key];
  } catch {
    return undefined;
  }
}

function assign(object, key, value) {
  try {
    object[key] = value;
    if (object[key] === value) return;
  } catch {
    // It is read-only.
  }
  Object.defineProperty(object, key, {value, writable: true, configurable: true, enumerable: false});
}

/** Owner and type of a proxy, by its target: not among what can be seen of it. */
const targets = new WeakMap();
const proxied = new WeakMap();

const models = ({owner, type}) => ModelRegistry.getModelsForOwnerWithType(owner, type);
const names = ({owner, type}) => ModelRegistry.getModelNamesForOwnerWithType(owner, type);
const get = ({owner, type}, name) => ModelRegistry.getModelForOwnerWithType(owner, name, type);
/** A number is a name as it is a key of an object. */
const keyOf = (name) => typeof name === 'number' ? String(name) : name;

function set({owner, type}, name, model) {
  if (typeof name !== 'string' || !isModel(model)) return false;
  if (read(model, type) !== owner) assign(model, type, owner);
  if (!read(model, 'modelName')) assign(model, 'modelName', name);
  ModelRegistry.registerModel(model);
  return true;
}

/** The state behind `this` of a method: a proxy, or something made of one. */
function stateOf(self) {
  const state = proxied.get(self) || targets.get(self);
  if (state === undefined) throw new TypeError('not a ModelRegistryProxy');
  return state;
}

/**
 * The models of `owner`, which is a 'dataSource' or an 'app'; with or without `new`.
 */
function ModelRegistryProxy(owner, ownerType) {
  if (!isObject(owner)) throw new Error('ModelRegistryProxy requires an owner object');
  if (ownerType !== DATA_SOURCE && ownerType !== APP) {
    throw new Error('ModelRegistryProxy requires ownerType to be "dataSource" or "app"');
  }
  const target = Object.create(ModelRegistryProxy.prototype);
  const state = {owner, type: ownerType};
  targets.set(target, state);
  const proxy = new Proxy(target, handler);
  proxied.set(proxy, state);
  return proxy;
}

const handler = {
  get(target, key, receiver) {
    if (typeof key === 'string') {
      const model = get(targets.get(target), key);
      if (model !== undefined) return model;
    }
    return Reflect.get(target, key, receiver);
  },

  set(target, key, value) {
    return set(targets.get(target), key, value);
  },

  has(target, key) {
    return typeof key === 'string' && get(targets.get(target), key) !== undefined || key in target;
  },

  deleteProperty(target, key) {
    const model = typeof key === 'string' ? get(targets.get(target), key) : undefined;
    if (model !== undefined) ModelRegistry._unregister(model);
    return true;
  },

  ownKeys(target) {
    return [...names(targets.get(target))];
  },

  getOwnPropertyDescriptor(target, key) {
    const value = typeof key === 'string' ? get(targets.get(target), key) : undefined;
    return value === undefined ? undefined : {value, writable: true, enumerable: true, configurable: true};
  },

  defineProperty(target, key, descriptor) {
    return 'value' in descriptor && set(targets.get(target), key, descriptor.value);
  },

  preventExtensions() {
    return false;
  },
};

const methods = {
  getModel(name) {
    return get(stateOf(this), keyOf(name));
  },

  setModel(name, model) {
    if (!set(stateOf(this), keyOf(name), model)) throw new TypeError(`${String(name)} is set to something that is no model`);
    return model;
  },

  hasModel(name) {
    return get(stateOf(this), keyOf(name)) !== undefined;
  },

  getModelNames() {
    return names(stateOf(this));
  },

  hasOwnProperty(name) {
    return get(stateOf(this), keyOf(name)) !== undefined;
  },

  forEach(callback, self) {
    entries(this).forEach(([name, model]) => callback.call(self, model, name, this));
  },

  map(callback, self) {
    return entries(this).map(([name, model]) => callback.call(self, model, name, this));
  },

  filter(callback, self) {
    return entries(this).filter(([name, model]) => callback.call(self, model, name, this)).map(([, model]) => model);
  },

  keys() {
    return [...names(stateOf(this))];
  },

  values() {
    return [...models(stateOf(this))];
  },

  entries() {
    return entries(this);
  },

  toString() {
    return `[ModelRegistryProxy:${stateOf(this).type}]`;
  },

  valueOf() {
    return [...names(stateOf(this))];
  },

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    return Object.fromEntries(entries(this));
  },
};

function entries(proxy) {
  const state = stateOf(proxy);
  return names(state).map(name => [name, get(state, name)]);
}

for (const name of Reflect.ownKeys(methods)) {
  Object.defineProperty(ModelRegistryProxy.prototype, name, {
    value: methods[name], writable: true, configurable: true, enumerable: false,
  });
}

Object.defineProperty(ModelRegistryProxy.prototype, 'length', {
  get() {
    return models(stateOf(this)).length;
  },
  configurable: true,
  enumerable: false,
});

module.exports = ModelRegistryProxy;
module.exports.ModelRegistryProxy = ModelRegistryProxy;
