// A client written from the provider's quickstart page: its four steps, with its own paths, header
// and bodies. Only the host is another: that of `gangway serve`.
//
//   gangway serve &
//   node docs/examples/quickstart-client.mjs http://127.0.0.1:8080 config/demo/documents

import { readFile } from 'node:fs/promises';

const [host, folder, expiresAt = '2035-05-30'] = process.argv.slice(2);
const key = process.env.API_KEY ?? 'none';
const userLocator = 'userId:johnd-123';

async function call(method, path, body) {
    const options = { method, headers: { 'X-API-KEY': key } };
    if (body !== undefined) {
        options.headers['Content-Type'] = 'application/json';
        options.body = JSON.stringify(body);
    }
    const response = await fetch(`${host}/api/2025-06-09${path}`, options);
    const answer = await response.json();
    if (!response.ok) {
        throw new Error(`${method} was answered with ${response.status}: ${JSON.stringify(answer)}`);
    }
    return answer;
}

const FILES = {
    'id-passport': 'passport.png',
    'proof-of-address': 'proof-of-address.pdf',
    'proof-of-income': 'proof-of-income.pdf',
};

async function upload(documentType, more) {
    const data = (await readFile(`${folder}/${FILES[documentType]}`)).toString('base64');
    return call('POST', '/documents', { userLocator, documentType, data, ...more });
}

const userDetails = {
    firstName: 'John',
    lastName: 'Doe',
    dateOfBirth: '1995-01-01',
    countryOfResidence: 'DE',
};
const kycData = {
    addressOfResidence: {
        line1: '123 Hauptstrasse',
        line2: 'Apt 5',
        city: 'Berlin',
        postalCode: '10115',
    },
    email: 'john.doe@example.com',
    identityDocument: { type: 'passport', number: 'AS12321' },
};

// 1. Create and register user information.
console.log('user', JSON.stringify(await call('PUT', `/users/${userLocator}`, { userDetails, kycData })));

// 2. Upload a document.
console.log('document', JSON.stringify(await upload('id-passport', { expiresAt })));

// 3. Run identity verification.
const trigger = () => call('PUT', `/users/${userLocator}/identity-verification`);
console.log('trigger', JSON.stringify(await trigger()));

// 4. Check verification status: until nothing is pending any more.
async function settled() {
    for (;;) {
        const answer = await call('GET', `/users/${userLocator}/identity-verification`);
        const pending = (of) => of.status === 'pending-review' || of.status === 'not-started';
        if (!answer.eligibility.some(pending)) {
            return answer;
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

const { eligibility } = await settled();
console.log('status', JSON.stringify({ eligibility }));

// As the page says: gather what is missing, supply it with the whole record, and trigger again.
const missing = (list) => [...new Set(eligibility.flatMap((of) => of[list] ?? []))];
if (eligibility.some((of) => of.status === 'requires-data')) {
    console.log('missing', JSON.stringify([...missing('missingData'), ...missing('missingDocuments')]));
    const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toISOString();
    await call('PUT', `/users/${userLocator}`, {
        userDetails,
        kycData,
        dueDiligence: {
            employmentStatus: 'full-time',
            sourceOfFunds: 'employment-income',
            industry: 'finance-insurance',
        },
        verificationHistory: {
            idVerificationTimestamp: daysAgo(40),
            livenessVerificationTimestamp: daysAgo(40),
        },
    });
    for (const documentType of missing('missingDocuments')) {
        await upload(documentType);
    }
    console.log('trigger', JSON.stringify(await trigger()));
    console.log('status', JSON.stringify(await settled()));
}
