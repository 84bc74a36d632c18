// The service as Countersign documents it: this is all that a caller needs to know of it.
const nexus = require('nexus-rpc');

/**
 * @typedef {{ action: string, arguments: Record<string, string | number>, reasoning?: string, reference?: string,
 *   requested_by?: string[] }} Asked
 * @typedef {{ outcome: 'approved' | 'denied' | 'expired' | 'not_needed', action: string,
 *   arguments: Record<string, string | number>, reference: string, question: Record<string, unknown> | null }} Answer
 */

exports.countersign = nexus.service('countersign', {
  requestApproval: /** @type {nexus.OperationDefinition<Asked, Answer>} */ (
    nexus.operation({ name: 'request-approval' })
  ),
});
