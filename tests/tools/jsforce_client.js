// Uses an org as any other customer of jsforce would. One JSON object on standard input: {base, assertion, client_id,
// client_secret}. Prints what it saw as one JSON object.
const { createRequire } = require('node:module');
const path = require('node:path');

const tools = createRequire(path.resolve(__dirname, '../../.tools/sf/package/package.json'));
const { Connection } = tools('@jsforce/jsforce-node');
const JSZip = tools('jszip');

const SETTINGS = 'ExtlClntAppGlobalOauthSettings';
const JWT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const refused = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    return `${error.errorCode ?? error.name}: ${error.message}`;
  }
};

const read = async (metadata) => {
  const found = await metadata.read('ConnectedApp', 'Legacy');
  return { label: found.label, description: found.description, key: found.oauthConfig.consumerKey };
};

const main = async () => {
  const { base, assertion, client_id, client_secret } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const org = (version, more) => new Connection({ loginUrl: base, instanceUrl: base, version, ...more });
  const seen = {};

  // Logins: by password (as old as SOAP), by client credentials, by JWT.
  seen.passwords = [
    await refused(() => org('66.0').login('rekeyd@acme.example', 'password')),
    await refused(() => org('64.0').login('rekeyd@acme.example', 'password')),
  ];
  const robot = org('66.0', { oauth2: { loginUrl: base, clientId: client_id, clientSecret: client_secret } });
  await robot.authorize({ grant_type: 'client_credentials' });
  seen.robot = (await robot.identity()).username;
  const wrong = org('66.0', { oauth2: { loginUrl: base, clientId: client_id, clientSecret: 'wrong' } });
  seen.wrong = await refused(() => wrong.authorize({ grant_type: 'client_credentials' }));
  const conn = org('66.0');
  const user = await conn.authorize({ grant_type: JWT, assertion });
  seen.identity = (await conn.identity()).username;
  seen.same_user = user.id === (await conn.request('/services/oauth2/userinfo')).user_id;

  // Records in pages, each asked for by the address that the one before names.
  const query = 'SELECT Id, DeveloperName FROM ExternalClientApplication';
  const headers = { 'Sforce-Query-Options': 'batchSize=200' };
  const first = await conn.request({ method: 'GET', url: `/query?q=${encodeURIComponent(query)}`, headers });
  const second = await conn.queryMore(first.nextRecordsUrl);
  const third = await conn.queryMore(second.nextRecordsUrl);
  const pages = [first, second, third];
  seen.pages = pages.map((page) => [page.records.length, page.done, page.totalSize]);
  seen.different = new Set(pages.flatMap((page) => page.records.map((record) => record.Id))).size;
  seen.locator = await refused(() => conn.queryMore(second.nextRecordsUrl.replace(/-\d+$/, '-999999')));

  // The credentials of an External Client App, staged and promoted.
  const found = await conn.query("SELECT Id FROM ExternalClientApplication WHERE DeveloperName = 'Billing'");
  const app = `/services/data/v66.0/apps/oauth/credentials/${found.records[0].Id}`;
  const consumer = (await conn.request(app)).consumers[0];
  const before = await conn.request(`${consumer.url}?part=keyandsecret`);
  const staged = (await conn.requestPost(consumer.stagedCredentialsUrl, {})).stagedCredentials[0];
  const taken = await refused(() => conn.requestPost(consumer.stagedCredentialsUrl, {}));
  await conn.requestPatch(staged.url, { command: 'rotate' });
  const after = await conn.request(`${consumer.url}?part=keyandsecret`);
  const retired = (await conn.request(consumer.stagedCredentialsUrl)).stagedCredentials[0];
  await conn.requestDelete(retired.url);
  seen.staged = {
    taken,
    live: after.key === staged.key && after.secret === staged.secret,
    retired: [retired.key === before.key, retired.state],
    left: (await conn.request(consumer.stagedCredentialsUrl)).stagedCredentials.length,
  };

  // Components.
  const { metadata } = conn;
  seen.types = (await metadata.describe()).metadataObjects.map((one) => one.xmlName);
  const listed = await metadata.list([{ type: 'ConnectedApp' }, { type: SETTINGS }]);
  seen.listed = listed.filter((one) => /Legacy|Billing/.test(one.fullName)).map((one) => one.fileName);
  const legacy = await metadata.read('ConnectedApp', 'Legacy');
  seen.read = [legacy.label, legacy.oauthConfig.consumerKey === client_id, legacy.oauthConfig.consumerSecret ?? null];
  // It sends fields in the order in which they stand: at its end a new one is out of the schema's.
  const { label, oauthConfig, permissionSetName } = legacy;
  const whole = (description) => ({
    fullName: 'Legacy',
    contactEmail: legacy.contactEmail,
    description,
    label,
    oauthConfig,
    permissionSetName,
  });
  seen.updated = (await metadata.update('ConnectedApp', whole('by jsforce'))).success;
  seen.reread = await read(metadata);
  const { description, ...rest } = whole('out of order');
  seen.out_of_order = (await metadata.update('ConnectedApp', { ...rest, description })).success;
  seen.dropped = (await read(metadata)).description ?? null;
  seen.other_key = (
    await metadata.update('ConnectedApp', { ...whole('x'), oauthConfig: { ...oauthConfig, consumerKey: '3MVG9other' } })
  ).errors.map((error) => error.message);

  // What is retrieved can be changed and deployed again.
  const request = {
    apiVersion: '66.0',
    singlePackage: true,
    unpackaged: {
      types: [
        { members: ['Legacy', 'Nobody'], name: 'ConnectedApp' },
        { members: ['Billing_glbloauth'], name: SETTINGS },
      ],
      version: '66.0',
    },
  };
  const retrieved = await metadata.retrieve(request).complete();
  seen.problems = retrieved.messages.map((message) => message.problem);
  const zip = await JSZip.loadAsync(retrieved.zipFile, { base64: true });
  const names = Object.keys(zip.files).sort();
  seen.files = names;
  const texts = await Promise.all(names.map((name) => zip.file(name).async('string')));
  seen.secrets = texts.filter((text) => text.includes('onsumerSecret') || text.includes(client_secret)).length;
  const parcel = new JSZip();
  names.forEach((name, place) =>
    parcel.file(
      name,
      texts[place]
        .replace('<members>Nobody</members>', '')
        .replace('<label>Legacy', '<description>deployed</description><label>Legacy')
        .replace('<label>Billing</label>', '<label>Billing</label><shouldRotateConsumerSecret>true</shouldRotateConsumerSecret>'),
    ),
  );
  const sent = await parcel.generateAsync({ type: 'nodebuffer', compression: 'DEFLATE' });
  const options = { rollbackOnError: true, singlePackage: true };
  const deploy = async (more) => {
    const ended = await metadata.deploy(sent, { ...more, ...options }).complete(true);
    const { componentSuccesses, componentFailures } = ended.details;
    return [ended.status, componentSuccesses.length, componentFailures.map((failure) => failure.problemType)];
  };
  seen.warned = await deploy({});
  seen.deployed = await deploy({ ignoreWarnings: true });
  seen.last = (await read(metadata)).description;
  console.log(JSON.stringify(seen));
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
