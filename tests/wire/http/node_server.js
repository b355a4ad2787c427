// Node's own servers for peers_test.cpp: node node_server.js <http1|http2> <port> [<key> <certificate>]
// Answers a request's path and body, and every path that begins with /stream in pieces.
'use strict';
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const https = require('https');

const [version, port, key, cert] = process.argv.slice(2);
const identity = key && { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
const settings = { maxConcurrentStreams: 10 };

const answer = (request, response) => {
  response.on('error', () => {}); // a client may leave early
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    if (request.url.startsWith('/leave')) {
      if (version === 'http2') request.stream.session.goaway(0);
      else response.setHeader('Connection', 'close');
    }
    response.setHeader('x-peer', 'node');
    if (!request.url.startsWith('/stream')) {
      return response.end(request.url + ' ' + Buffer.concat(pieces).toString());
    }
    let count = 0;
    const next = () => {
      if (response.destroyed) return;
      if (count === 20) return response.end();
      response.write(`data: ${count++}\n\n`);
      setImmediate(next);
    };
    next();
  });
};

const make = {
  http1: () => (identity ? https.createServer(identity, answer) : http.createServer(answer)),
  http2: () => (identity ? http2.createSecureServer({ ...identity, settings }, answer)
                         : http2.createServer({ settings }, answer)),
};
make[version]().listen(Number(port), '127.0.0.1');
