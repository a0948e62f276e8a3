/** Handlers of webhooks: an operator says where holds are told of, and the log says that they did (RULE 34, 47). */
import { base64url, canonicalBytes, sha256, utf8, type Json } from '@licet/evidence';
import { PlaneError, type WebhooksView } from '@licet/api';
import { known, type Context, type Handlers, type Parts } from './handlers.ts';

/** Returns the handlers. */
export function webhookHandlers({ plane, webhooks }: Parts): Handlers {
  const view = (): WebhooksView => {
    const { publicKey } = webhooks;
    return { items: webhooks.list(), ...(publicKey === undefined ? {} : { publicKey }) };
  };
  /** Governed and in the log before it counts: what is sent leaves the plane. */
  async function note(context: Context, kind: string, said: Json): Promise<void> {
    const { subject, jkt } = known(context);
    const digest = base64url(sha256(utf8('licet/webhook/v1\n'), canonicalBytes(said)));
    const { reply } = await plane.operate({ subject, jkt }, { op: 'notice', notice: kind, digest }, {});
    if (reply.kind !== 'operated')
      throw new PlaneError('forbidden', 'forbidden: the log did not take that a webhook changes');
  }
  return {
    webhooks: async () => view(),
    async addWebhook(context) {
      const { url, arguments: open = false } = context.body as {
        readonly url: string;
        readonly arguments?: boolean;
      };
      await note(context, 'webhook_added', { url, arguments: open });
      await webhooks.add(url, open);
      return view();
    },
    async removeWebhook(context) {
      await note(context, 'webhook_removed', { id: context.id });
      await webhooks.remove(context.id);
      return view();
    },
    testWebhook: (context) => webhooks.test(context.id),
  };
}
