// An authorization server that this project did not write: oidc-provider, with token exchange (RFC 8693) registered.
//
//   node tests/mcp/authorization_server.mjs SECRET RESOURCE...
//
// It prints "listening PORT". People do not sign in: POST /subjects with {person, agent, scope, resource, expires_at?} gives
// a refresh token as a sign-in would have, and POST /tokens with the same an access token. POST /secrets {agent, accepted}
// says which of an agent's secrets count, and POST /withdrawn {token} takes a refresh token back.

import { createServer } from "node:http";
import Provider, { errors } from "oidc-provider";

const [secret, ...resources] = process.argv.slice(2);
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE = "urn:ietf:params:oauth:token-type";
const SCOPE = "calendar.read calendar.write tickets.write";

let handle;
const server = createServer((request, response) => handle(request, response)).listen(0, "127.0.0.1", () => {
  const port = server.address().port;
  const provider = made(`http://127.0.0.1:${port}`);
  const answer = provider.callback();
  handle = async (request, response) => {
    const make = { "/subjects": refreshToken, "/tokens": accessToken, "/secrets": secretsOf, "/withdrawn": withdraw }[request.url];
    if (!make) return answer(request, response);
    let body = "";
    for await (const part of request) body += part;
    response.end(await make(provider, JSON.parse(body)));
  };
  console.log(`listening ${port}`);
});

function made(issuer) {
  const client = (client_id) => ({
    client_id,
    client_secret: secret,
    grant_types: [GRANT, "refresh_token", "authorization_code"],
    redirect_uris: ["https://agents.example.com/callback"],
  });
  const provider = new Provider(issuer, {
    clients: [client("incident-agent"), client("another-agent")],
    scopes: ["openid", "offline_access", ...SCOPE.split(" ")],
    findAccount: (_context, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    extraTokenClaims: (_context, token) => ({ act: { sub: token.clientId } }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: (_context, resource) => server_of(resource) },
    },
  });
  provider.registerGrantType(GRANT, exchange, ["subject_token", "subject_token_type", "requested_token_type", "resource", "audience", "scope"]);
  return provider;
}

function server_of(resource) {
  if (!resources.includes(resource)) throw new errors.InvalidTarget();
  return { scope: SCOPE, audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 60, jwt: { sign: { alg: "RS256" } } };
}

async function exchange(ctx) {
  const { client, params, provider } = ctx.oidc;
  const subject = await provider.RefreshToken.find(params.subject_token ?? "");
  if (params.subject_token_type !== `${TYPE}:refresh_token`) throw new errors.InvalidRequest("unsupported subject_token_type");
  if (!subject || !subject.isValid || subject.clientId !== client.clientId) throw new errors.InvalidGrant("subject_token");
  const grant = await provider.Grant.find(subject.grantId);
  const wanted = new Set((params.scope ?? "").split(" "));
  const info = server_of(params.resource);
  const had = new Set(grant.getResourceScope(params.resource).split(" "));
  if ([...wanted].some((scope) => !had.has(scope))) throw new errors.InvalidScope("not the person's", params.scope);
  const token = new provider.AccessToken({ accountId: subject.accountId, client, grantId: subject.grantId, scope: params.scope, gty: "token-exchange" });
  token.resourceServer = new provider.ResourceServer(params.resource, info);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: `${TYPE}:access_token`,
    token_type: "Bearer",
    expires_in: token.expiration,
    scope: token.scope,
  };
}

async function granted(provider, { person, agent, scope, resource }) {
  const grant = new provider.Grant({ accountId: person, clientId: agent });
  grant.addOIDCScope("openid offline_access");
  grant.addResourceScope(resource, scope);
  return { client: await provider.Client.find(agent), accountId: person, grantId: await grant.save() };
}

async function refreshToken(provider, wanted) {
  const facts = await granted(provider, wanted);
  return new provider.RefreshToken({ ...facts, scope: `openid offline_access ${wanted.scope}`, resource: wanted.resource, gty: "authorization_code", ...issued(wanted) }).save();
}

async function accessToken(provider, wanted) {
  const token = new provider.AccessToken({ ...(await granted(provider, wanted)), scope: wanted.scope, gty: "token-exchange", ...issued(wanted) });
  token.resourceServer = new provider.ResourceServer(wanted.resource, server_of(wanted.resource));
  return token.save();
}

async function secretsOf(provider, { agent, accepted }) {
  const client = await provider.Client.find(agent);
  client.compareClientSecret = (given) => accepted.includes(given);
  return "";
}

async function withdraw(provider, { token }) {
  await (await provider.RefreshToken.find(token)).destroy();
  return "";
}

function issued({ expires_at: exp }) {
  return exp ? { exp } : {};
}
