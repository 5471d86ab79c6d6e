#!/usr/bin/env node
'use strict';
// The command `promptd`. This file speaks to every Node since 12, so it is CommonJS in old syntax: a Node that is too
// old for promptd must get as far as the sentence that says so.
var fs = require('fs');
var os = require('os');
var path = require('path');

var OLDEST_NODE = [24, 15];

var main = path.join(__dirname, '..', 'src', 'app', 'main.ts');
// A published package has no src/: Node strips no types inside node_modules.
var inCheckout = fs.existsSync(main);
if (!inCheckout) main = path.join(__dirname, '..', 'dist', 'app', 'main.js');

function isTooOld(version) {
  var parts = version.split('.').map(Number);
  return parts[0] < OLDEST_NODE[0] || (parts[0] === OLDEST_NODE[0] && parts[1] < OLDEST_NODE[1]);
}

/** Where this user's caches go, or nothing for a user without a home. The default of Node is a folder that all users of
 * the machine share. */
function cacheFolder() {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME;
  if (process.platform === 'win32' && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA;
  try {
    return path.join(os.homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  } catch {
    return undefined;
  }
}

if (isTooOld(process.versions.node)) {
  console.error(
    'promptd needs Node ' +
      OLDEST_NODE.join('.') +
      ' or newer and this is Node ' +
      process.versions.node +
      ': use ' +
      (inCheckout ? 'npm run promptd -- …' : 'npx -y -p node@24 -p promptd promptd …'),
  );
  process.exit(1);
} else {
  // Compiled code, and source with its types stripped, is kept between runs, so that a command starts sooner. Where the
  // folder cannot be written, Node goes on without a cache.
  var cache = cacheFolder();
  if (cache !== undefined && path.isAbsolute(cache)) {
    var compiled = path.join(cache, 'promptd', 'compile');
    require('module').enableCompileCache(compiled);
    // The threads of a server, and its instance, look for it here.
    if (process.env.NODE_COMPILE_CACHE === undefined) process.env.NODE_COMPILE_CACHE = compiled;
  }
  // A server has many files under way at a time, and each fsync of them holds a thread; libuv's four would be in its way.
  // It reads this when it starts the first one.
  if (process.argv.indexOf('serve') !== -1 && process.env.UV_THREADPOOL_SIZE === undefined) {
    process.env.UV_THREADPOOL_SIZE = '16';
  }
  void import(require('url').pathToFileURL(main).href);
}
