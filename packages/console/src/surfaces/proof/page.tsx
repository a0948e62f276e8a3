/** Proof: the surface's first page. */
import { Empty } from '../../components/states.tsx';
import { Page } from '../../components/panel.tsx';

export function ProofPage() {
  return (
    <Page title="Proof">
      <Empty title="This surface is not built yet." />
    </Page>
  );
}
