// A whole Bluesky network in one process: PLC directory, PDS, AppView, moderation service.
// Started by tests/servers/bluesky.py with one JSON argument; prints one JSON line when ready.
'use strict'

const http = require('node:http')
const net = require('node:net')
const { createRequire } = require('node:module')

// The package listens on all addresses; a call with a port alone gets loopback here.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  const [first] = args
  if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) {
    if (typeof args[1] === 'string') args[1] = '127.0.0.1'
    else args.splice(1, 0, '127.0.0.1')
  } else if (first && typeof first === 'object' && first.port !== undefined) {
    args[0] = { ...first, host: '127.0.0.1' }
  }
  return listen.apply(this, args)
}

const order = JSON.parse(process.argv[2])
const { TestNetwork } = createRequire(`${order.modules}/from.js`)('@atproto/dev-env')

async function main() {
  const network = await TestNetwork.create({
    dbPostgresUrl: order.database,
    dbPostgresSchema: 'tests',
    plc: { port: order.plc },
    pds: {
      port: order.pds,
      hostname: 'localhost',
      enableDidDocWithSession: true,
      rateLimitsEnabled: order.rateLimits,
      rateLimitBypassKey: order.bypassKey,
    },
    bsky: { port: order.appview, publicUrl: `http://localhost:${order.appview}` },
    ozone: { port: order.ozone },
  })
  // Every request here is answered once the AppView has taken in all that the PDS wrote.
  http
    .createServer((_request, response) => {
      network.processAll(10_000).then(
        () => response.end('settled'),
        (error) => response.writeHead(500).end(String(error)),
      )
    })
    .listen(order.control)
  process.on('SIGTERM', () => process.exit(0)) // all data is thrown away: no need to close in good order
  console.log(JSON.stringify({ ready: true }))
}

process.on('unhandledRejection', (error) => console.error('unhandled', error))
main().catch((error) => {
  console.error(error)
  process.exit(1)
})
