/** Node's HTTP module without its `WebSocket`: an `import` of `node:http` reads every export, which loads all of undici (14 MB, 50 ms of CPU with Node 24.21). */

export const { Agent, STATUS_CODES, ServerResponse, createServer, request } = process.getBuiltinModule("node:http");
