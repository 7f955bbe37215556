// Servers that others wrote, each on a loopback port that the system chooses, in front of each what it lacks to be the
// service of cpp. Prints one line of JSON, from names to URLs, and ends when its standard input ends.
//
//   node servers.mjs        in a directory with node_modules (see run)

import { randomUUID } from "node:crypto";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// What is installed is below the working directory.
const require = createRequire(path.resolve("package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const file = (name) => path.resolve("node_modules", name);

const listen = (handler) => new Promise((resolve) => {
  const server = http.createServer(handler).listen(0, "127.0.0.1", () => resolve(server));
});
const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;

// What the start of some operations wants to be sent, beside the path.
const WANTED = {
  "/azure/core/lro/rpc/generations:submit": { body: { prompt: "text" } },
  "/azure/core/lro/standard/users/madge": { body: { role: "contributor" } },
  "/azure/core/lro/standard/users/madge:export": { query: "&format=json" },
};

// Makes a request of cpp one that starts an operation: POST /start/PUT/lro/x/api/publishers/... becomes PUT /lro/x.
// Azure-AsyncOperation gets the name that this API has for it, Operation-Location. The cookies, which some operations
// need to get on, are kept until another operation is started. GET /requests tells what was requested since then.
function front(application) {
  let cookies = new Map(), requests = [], last;
  return (request, response) => {
    if (request.url === "/requests") return response.end(JSON.stringify(requests));
    const start = /^\/start\/([A-Z]+)(\/.*)\/api\/publishers\/[^?]*(.*)$/.exec(request.url);
    if (start && request.method === "POST") {
      if (last !== start[0]) [cookies, requests, last] = [new Map(), [], start[0]];
      const wanted = WANTED[start[2]] ?? {};
      request.method = start[1];
      request.url = start[2] + start[3] + (wanted.query ?? "");
      request.resume();
      request.headers["content-type"] = "application/x-read"; // which no parser of bodies takes
      request.body = wanted.body ?? {};
    }
    requests.push(`${request.method} ${request.url.replace(/\?.*/, "")}`);
    request.headers.cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    const writeHead = response.writeHead;
    response.writeHead = (...words) => {
      for (const cookie of [response.getHeader("set-cookie") ?? []].flat()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (value === "") cookies.delete(name);
        else cookies.set(name, value);
      }
      response.removeHeader("set-cookie");
      const location = response.getHeader("azure-asyncoperation");
      if (location) response.setHeader("operation-location", location);
      return writeHead.apply(response, words);
    };
    application(request, response);
  };
}

async function autorest() {
  const { ApiMockApp } = await import(pathToFileURL(file("@microsoft.azure/autorest.testserver/dist/app/app.js")));
  const mock = new ApiMockApp({ coverageDirectory: path.resolve("coverage"), appendCoverage: false });
  mock.server.start = () => {}; // it listens on a port of its own otherwise
  await mock.start();
  return { url: urlOf(await listen(front(mock.server.app))) };
}

async function spector() {
  const inside = (name) => import(pathToFileURL(file(`@typespec/spector/dist/src/${name}.js`)));
  const { MockApiApp } = await inside("app/app");
  const { loadScenarioMockApis } = await inside("scenarios-resolver");
  const mock = new MockApiApp({ port: 0, coverageFile: path.resolve("coverage.json") });
  const server = await listen(front(mock.server.app));
  mock.resolverConfig = { baseUrl: urlOf(server) };
  const scenarios = await loadScenarioMockApis(file("@azure-tools/azure-http-specs/specs"));
  for (const [name, scenario] of Object.entries(scenarios)) mock.registerScenario(name, scenario);
  mock.server.use("/", mock.router);
  return { url: urlOf(server) };
}

const TENANT = "contoso.test";
const AUDIENCE = "https://cloudpartner.azure.com";
const CREDENTIALS = { client_id: "publisher", client_secret: "a secret & more" };

// A service of cpp that accepts the tokens of an issuer if they are for it: every cancel is accepted.
async function resourceOf(issuer, keys) {
  const { createRemoteJWKSet, jwtVerify } = await load("jose");
  const known = createRemoteJWKSet(new URL(keys));
  const seen = [];
  return listen(async (request, response) => {
    request.resume();
    if (request.url === "/requests") return response.end(JSON.stringify(seen));
    try {
      const token = /^Bearer (.*)$/.exec(request.headers.authorization)[1];
      await jwtVerify(token, known, { issuer, audience: AUDIENCE });
      seen.push(token);
    } catch (failure) {
      console.error(failure);
      return response.writeHead(401).end();
    }
    if (request.method === "GET") return response.end('{"status": "canceled"}');
    response.writeHead(202, { "Operation-Location": "/api/operations/1" }).end();
  });
}

// A client that has no secret, and signs what it is: a workload. GET /assertion of what is returned tells an assertion,
// each time another one, for they are taken once.
async function workload(issuer) {
  const { exportJWK, generateKeyPair, SignJWT } = await load("jose");
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const sign = () => new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: "RS256" }).setIssuer("workload")
    .setSubject("workload").setAudience(issuer).setIssuedAt().setExpirationTime("5m").sign(privateKey);
  const server = await listen(async (_, response) => response.end(await sign()));
  const client = { client_id: "workload", token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: "RS256", use: "sig" }] } };
  return { client, assertions: urlOf(server) };
}

async function oidc() {
  const { Provider } = await load("oidc-provider");
  let application;
  const server = await listen((request, response) => {
    request.url = request.url.replace("/oauth2/v2.0/", "/oauth2/");
    application(request, response);
  });
  const issuer = urlOf(server);
  const { client, assertions } = await workload(issuer);
  const common = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };
  const provider = new Provider(issuer, {
    clients: [{ ...CREDENTIALS, ...common, token_endpoint_auth_method: "client_secret_post" }, { ...client, ...common }],
    routes: { token: `/${TENANT}/oauth2/token` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE, // by scope no resource is named
        getResourceServerInfo: (_, audience) => ({ audience, scope: `${AUDIENCE}/.default`, accessTokenFormat: "jwt",
          accessTokenTTL: 3600 }),
      },
    },
  });
  application = provider.callback();
  return { authority: issuer, assertions, resource: urlOf(await resourceOf(issuer, `${issuer}/jwks`)) };
}

async function oauth2() {
  const { OAuth2Server } = await load("oauth2-mock-server");
  const server = new OAuth2Server(undefined, undefined, { endpoints: { token: `/${TENANT}/oauth2/token` } });
  await server.issuer.keys.generate("RS256");
  await server.start(0, "127.0.0.1");
  const issuer = server.issuer.url = `http://127.0.0.1:${server.address().port}`;
  // It asks for no secret and knows no resources.
  server.service.on("beforeTokenSigning", ({ payload }, { body }) => {
    Object.assign(payload, { aud: body.resource, jti: randomUUID() });
  });
  server.service.on("beforeResponse", (response, request) => {
    if (request.body.client_secret === CREDENTIALS.client_secret) return;
    response.statusCode = 401;
    response.body = { error: "invalid_client", error_description: "wrong secret" };
  });
  return { authority: issuer, resource: urlOf(await resourceOf(issuer, `${issuer}/jwks`)) };
}

const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr); // what they log
const SERVERS = { autorest, spector, oidc, oauth2 };
const started = { credentials: { tenant: TENANT, ...CREDENTIALS } };
for (const name of Object.keys(SERVERS)) started[name] = await SERVERS[name]();
print(JSON.stringify(started) + "\n");
process.stdin.on("end", () => process.exit(0)).resume();
