// An OpenID Connect provider that this project did not write: oidc-provider, with its own sign-in pages.
//
//   node tests/browser/openid_provider.mjs PORT REDIRECT_URI
//
// Any login and password will do; `groups` come from PUT /people/LOGIN/groups with a JSON list.
// It prints "listening" when it does.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const groups = new Map();

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "countersign",
      client_secret: "a secret for the tests of the browser",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  pkce: { required: () => true },
  scopes: ["openid", "profile", "groups", "email"],
  claims: { openid: ["sub"], profile: ["name"], groups: ["groups"], email: ["email", "email_verified"] },
  cookies: { keys: ["a key for the cookies of the tests"] },
  // Some providers put everything into the token, some only into userinfo: this one does the latter.
  findAccount: (_context, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id,
      name: `${id[0].toUpperCase()}${id.slice(1)} of Acme`,
      groups: groups.get(id) ?? [],
      email: `${id}@mail.example`,
      email_verified: true,
    }),
  }),
});
const answer = provider.callback();

createServer(async (request, response) => {
  const person = request.url.match(/^\/people\/(\w+)\/groups$/);
  if (!person || request.method !== "PUT") {
    answer(request, response);
    return;
  }
  let body = "";
  for await (const part of request) {
    body += part;
  }
  groups.set(person[1], JSON.parse(body));
  response.writeHead(204).end();
}).listen(Number(port), "localhost", () => console.log("listening"));
