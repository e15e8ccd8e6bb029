// SPDX-License-Identifier: MIT OR Apache-2.0

'use strict';

const path = require('path');

const BINDING = path.join(__dirname, '..');

class DataSource {
  constructor(name, connector, settings = {}) {
    this.name = name;
    this.connector = connector && {name: connector};
    this.settings = settings;
  }
}

class ModelBuilder {
  constructor(settings = {}) {
    this.models = {};
    this.definitions = {};
    this.settings = settings;
  }
}

let serial = 0;

/** A data source with a configuration of its own, unless settings are given. */
function dataSource(settings = {database: `db${++serial}`}, connector = 'memory') {
  return new DataSource('db', connector, settings);
}

function app() {
  return {models: () => [], use() {}, listen() {}};
}

/** A model as ModelBuilder makes one, that counts how often it was told that it is dropped. */
function model(modelName, more = {}) {
  return {
    modelName,
    definition: {name: modelName, properties: {name: {type: 'string'}}},
    settings: {},
    cleanups: 0,
    cleanup() {
      this.cleanups++;
    },
    ...more,
  };
}

/** Lets the garbage be collected, and those who wait for it be told. */
async function collect(rounds = 3) {
  for (let round = 0; round < rounds; round++) {
    global.gc();
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

module.exports = {BINDING, DataSource, ModelBuilder, dataSource, app, model, collect};
