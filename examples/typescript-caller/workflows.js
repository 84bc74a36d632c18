// A deployment that waits for a person: it asks through this team's endpoint, and goes on when the decision is there.
const { createNexusServiceClient } = require('@temporalio/workflow');
const { countersign } = require('./countersign.js');

/**
 * @param {string} endpoint
 * @param {import('./countersign.js').Asked} asked
 * @returns {Promise<import('./countersign.js').Answer>}
 */
exports.deployment = async function deployment(endpoint, asked) {
  const client = createNexusServiceClient({ endpoint, service: countersign });
  const answer = await client.executeOperation(countersign.operations.requestApproval, asked, {
    scheduleToCloseTimeout: '1 hour',
  });
  // Whatever is not "approved" is no approval. Here the deployment itself would follow.
  return answer;
};
