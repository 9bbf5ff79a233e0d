// Loaded into Azurite's tables before they start (node --require): whatever was acknowledged is on
// disk, and a group of operations is there whole or not at all, as in Azure. By itself Azurite
// writes every five seconds, so that being killed takes back what it had promised.
"use strict";

const fs = require("fs");
const http = require("http");
const path = require("path");
const near = { paths: [path.dirname(process.argv[1])] };
const Loki = require(require.resolve("lokijs", near));

const databases = [];
let last = Promise.resolve();

Loki.prototype.autosaveEnable = function () {
  databases.push(this);
};

// One request at a time: none is half done while another one's answer has everything written.
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (type, request, response) {
  if (type !== "request") return emit.apply(this, arguments);
  last = last.then(() => new Promise((over) => {
    response.once("close", over);
    if (request.destroyed) return over();
    emit.call(this, type, request, response);
  }));
  return true;
};

const writeHead = http.ServerResponse.prototype.writeHead;
http.ServerResponse.prototype.writeHead = function () {
  if (this.req.method !== "GET") databases.forEach(save);
  return writeHead.apply(this, arguments);
};

function save(database) {
  const beside = `${database.filename}.new`;
  fs.writeFileSync(beside, database.serialize());
  fs.renameSync(beside, database.filename);
}
