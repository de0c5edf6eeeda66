// cluster.js: Node.js cluster, as its manual shows it. node cluster.js JOB WORKERS
'use strict';

const cluster = require('node:cluster');
const net = require('node:net');

const [job, workers] = process.argv.slice(2);

// serve answers one line and closes, or line after line until the client has
// no more.
function serve(sock) {
  let pending = '';
  sock.setEncoding('utf8');
  sock.on('error', () => sock.destroy());
  sock.on('data', (text) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop();
    for (const line of lines) {
      const reply = `${process.pid} ${line}\n`;
      if (job === 'line') {
        sock.end(reply);
        return;
      }
      sock.write(reply);
    }
  });
}

if (cluster.isPrimary) {
  let missing = Number(workers);
  cluster.on('listening', (worker, address) => {
    missing -= 1;
    if (missing === 0) {
      console.log(`port ${address.port}`);
    }
  });
  for (let i = 0; i < Number(workers); i++) {
    cluster.fork();
  }
} else {
  net.createServer(serve).listen(0, '127.0.0.1');
}
