// SPDX-License-Identifier: Apache-2.0
// What Azure's own client for resources does with a namespace: node arm.mjs MODULES ENDPOINT KEY CA
// (the node's certificate is trusted by NODE_EXTRA_CA_CERTS). Ends with 0 if all of it went well.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { join } from 'node:path';

const [modules, endpoint, key, ca] = process.argv.slice(2);
const { ResourceManagementClient } = createRequire(join(modules, 'x.js'))('@azure/arm-resources');
const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const VERSION = '2025-02-15';
const NAMESPACE = `subscriptions/${SUBSCRIPTION}/resourceGroups/samples/providers/Microsoft.EventGrid/namespaces/plant`;
const credential = { getToken: async () => ({ token: key, expiresOnTimestamp: Date.now() + 3.6e6 }) };
const { resources } = new ResourceManagementClient(credential, SUBSCRIPTION, { endpoint, retryOptions: { maxRetries: 0 } });

const put = (path, properties, more = {}) =>
  resources.createOrUpdateById(`${NAMESPACE}${path}`, VERSION, { ...more, properties }, { updateIntervalInMs: 20 });
const get = (path, version = VERSION) => resources.getById(`${NAMESPACE}${path}`, version);
const fails = async (promise, code, text) => {
  const error = await promise.then(() => assert.fail(`no error ${code}`), (e) => e);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
};

try {
  await resources.deleteById(NAMESPACE, VERSION, { updateIntervalInMs: 20 });

  const made = await put('', { topicSpacesConfiguration: { state: 'Enabled' }, topicsConfiguration: { inputSchema: 'x' } },
    { location: 'westeurope', sku: { name: 'Standard', capacity: 1 }, tags: { of: 'samples' } });
  assert.equal(made.properties.provisioningState, 'Succeeded');
  assert.equal(made.properties.topicSpacesConfiguration.state, 'Enabled');
  assert.ok(made.properties.topicSpacesConfiguration.hostname);

  // as the official setup script sends it: one line
  await put('/caCertificates/authority', { encodedCertificate: readFileSync(ca, 'utf8').replace(/\n/g, '') });
  for (const [name, type] of [['vehicle1', 'vehicle'], ['vehicle2', 'vehicle'], ['map-client', 'map']]) {
    await put(`/clients/${name}`, {
      authenticationName: name, state: 'Enabled', attributes: { type, sensors: ['gps', 'fuel'] },
      clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
    });
  }
  await put('/clientGroups/vehicles', { query: "attributes.type = 'vehicle'" });
  await put('/topicSpaces/positions', { topicTemplates: ['vehicles/${client.authenticationName}/position'] });
  await put('/topicSpaces/everything', { topicTemplates: ['vehicles/#'] });
  await put('/permissionBindings/publish', { clientGroupName: 'vehicles', topicSpaceName: 'positions', permission: 'Publisher' });
  await put('/permissionBindings/watch', { clientGroupName: '$all', topicSpaceName: 'everything', permission: 'Subscriber' });

  const client = await get('/clients/vehicle1');
  assert.equal(client.type, 'Microsoft.EventGrid/namespaces/clients');
  assert.deepEqual(client.properties.attributes, { type: 'vehicle', sensors: ['gps', 'fuel'] });
  // ids in any case, and with the slash in front with which Azure gives them
  assert.equal((await resources.getById(`/${NAMESPACE.toLowerCase()}/TOPICSPACES/Positions`, VERSION)).name, 'positions');
  assert.ok(await resources.checkExistenceById(`${NAMESPACE}/clientGroups/vehicles`, VERSION).then((r) => r.body ?? true));

  const updated = await put('/topicSpaces/positions', { description: 'where', topicTemplates: ['vehicles/${client.authenticationName}/#'] });
  assert.equal(updated.properties.description, 'where');
  const patched = await resources.updateById(NAMESPACE, '2025-04-01-preview', {
    tags: { of: 'all' },
    properties: { topicSpacesConfiguration: { clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateSubject'] } } },
  }, { updateIntervalInMs: 20 });
  assert.deepEqual(patched.tags, { of: 'all' });
  assert.deepEqual((await get('')).properties.topicSpacesConfiguration.clientAuthentication.alternativeAuthenticationNameSources, ['ClientCertificateSubject']);

  await fails(put('/clients/vehicle3', { authenticationName: 'VEHICLE1' }), 'Conflict', /must be unique/);
  await fails(put('/clientGroups/bad', { query: 'attributes.type ~ 1' }), 'InvalidRequest', /properties\.query: column/);
  await fails(get('/clients/nobody'), 'ResourceNotFound', /client 'nobody' was not found/);
  await fails(get('', '2019-01-01'), 'InvalidApiVersionParameter', /2025-02-15/);

  await resources.deleteById(`${NAMESPACE}/permissionBindings/watch`, VERSION, { updateIntervalInMs: 20 });
  await fails(get('/permissionBindings/watch'), 'ResourceNotFound', /not found/);
  await resources.deleteById(NAMESPACE, VERSION, { updateIntervalInMs: 20 });
  await fails(get(''), 'ResourceNotFound', /namespace 'plant' was not found/);
  console.log('arm-resources: a namespace made, read, changed, deleted');
} catch (e) {
  console.error(e);
  process.exit(1);
}
