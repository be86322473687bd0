// Exits 0 while the service in this container is alive. Uses only what the image holds.
const defaults = { messages: 3101, media: 3102, push: 3103, gateway: 3111 }
const port = process.env.INTERNAL_PORT || defaults[process.env.SERVICE]
const response = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(3_000) })
process.exit(response.ok ? 0 : 1)
