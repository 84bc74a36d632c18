// node examples/typescript-caller/main.js ADDRESS NAMESPACE ENDPOINT KEY-FILE ASKED-AS-JSON
//
// Runs a worker of a team elsewhere and one deployment on it; prints the answer as JSON when people have decided.
const { randomUUID } = require('node:crypto');
const { NativeConnection, Runtime, DefaultLogger, Worker } = require('@temporalio/worker');
const { Client, Connection } = require('@temporalio/client');
const { ExchangeCodec } = require('./exchange-codec.js');

async function main() {
  const [address, namespace, endpoint, keyFile, asked] = process.argv.slice(2);
  if (!address || !namespace || !endpoint || !keyFile || !asked) throw new Error('Give all five, as main.js says.');
  // Standard output carries the answer and nothing else.
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const dataConverter = { payloadCodecs: [new ExchangeCodec(keyFile)] };
  const connection = await NativeConnection.connect({ address });
  const taskQueue = `typescript-${randomUUID()}`;
  const workflowsPath = require.resolve('./workflows.js');
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath, dataConverter });
  const client = new Client({ connection: await Connection.connect({ address }), namespace, dataConverter });
  const answer = await worker.runUntil(
    client.workflow.execute('deployment', {
      args: [endpoint, JSON.parse(asked)],
      taskQueue,
      workflowId: `deployment-${randomUUID()}`,
    })
  );
  await client.connection.close();
  await connection.close();
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n${error.cause?.stack ?? ''}\n`);
  process.exitCode = 1;
});
