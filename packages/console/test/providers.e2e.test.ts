// Goal: a person signs in to the console with their provider, comes back as who they are, and sees whom the plane trusts.
// Method: a real browser, a real plane, and a provider on another site.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anIssuer, CLIENT, type TestIssuer } from '../../server/test/issuer.ts';
import { aPage, aStage, closeBrowser, type Stage } from './browser.ts';

let stage: Stage;
let issuer: TestIssuer;
beforeAll(async () => {
  [stage, issuer] = await Promise.all([aStage(), anIssuer()]);
  const settings = issuer.settings({
    profile: 'oidc',
    agents: [],
    people: [{ when: { groups: ['ops'] }, roles: ['viewer', 'operator'] }],
    signIn: {
      clientId: CLIENT,
      authorizationEndpoint: `${issuer.iss}/authorize`,
      tokenEndpoint: `${issuer.iss}/token`,
    },
  });
  const answer = await stage.operator.register({ kind: 'issuer', name: 'Acme staff', settings });
  expect(answer.verdict).toBe('done');
}, 60_000);
afterAll(async () => {
  await closeBrowser();
  await stage?.close();
  await issuer?.stop();
});

test('goes there and back, signed in; the page of identities names the issuer and the age of its keys', async () => {
  const watched = await aPage({ url: stage.url, publicUrl: issuer.iss });
  const { page } = watched;
  await page.goto(`${stage.url}/console`);
  await page.getByRole('button', { name: 'Sign in with Acme staff' }).waitFor();
  await watched.settle();
  await page.getByRole('button', { name: 'Sign in with Acme staff' }).click();
  await page.getByRole('link', { name: 'You, by provider' }).waitFor();
  await page.getByRole('link', { name: 'Agents' }).first().click();
  const panel = page.getByText('Trusted issuers');
  await panel.waitFor();
  await page.getByText(issuer.iss).waitFor();
  expect(new URL(page.url()).hash).toBe('');
  await page.getByRole('button', { name: 'Ask for its keys now' }).click();
  await page.getByText('1 key of').waitFor();
  await watched.settle();
  await watched.close();
});

test('comes back with nothing, and is told why', async () => {
  issuer.provider.person = { sub: 'guest', groups: ['guests'] };
  const watched = await aPage({ url: stage.url, publicUrl: issuer.iss }, { width: 390, height: 800 });
  const { page } = watched;
  await page.goto(`${stage.url}/console`);
  await page.getByRole('button', { name: 'Sign in with Acme staff' }).click();
  await page.getByText('The plane did not take what your provider said').waitFor();
  await watched.settle();
  await watched.close();
});
