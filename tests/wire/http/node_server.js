// Node's HTTP/2 server for peers_test.cpp: node node_server.js <port> [<key> <certificate>]
// Answers a request's path and body, and every path that begins with /stream in pieces.
'use strict';
const fs = require('fs');
const http2 = require('http2');

const [port, key, cert] = process.argv.slice(2);
const settings = { maxConcurrentStreams: 10 };
const server = key
  ? http2.createSecureServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert), settings })
  : http2.createServer({ settings });

server.on('stream', (stream, headers) => {
  stream.on('error', () => {}); // a client may leave early
  const path = headers[':path'];
  const pieces = [];
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('end', () => {
    if (path.startsWith('/goaway')) stream.session.goaway(0);
    stream.respond({ ':status': 200, 'x-peer': 'node' });
    if (!path.startsWith('/stream')) return stream.end(path + ' ' + Buffer.concat(pieces).toString());
    let count = 0;
    const next = () => {
      if (stream.destroyed) return;
      if (count === 20) return stream.end();
      stream.write(`data: ${count++}\n\n`);
      setImmediate(next);
    };
    next();
  });
});
server.listen(Number(port), '127.0.0.1');
