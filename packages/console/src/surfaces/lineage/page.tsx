/** Lineage: the surface's first page. */
import { Empty } from '../../components/states.tsx';
import { Page } from '../../components/panel.tsx';

export function LineagePage() {
  return (
    <Page title="Lineage">
      <Empty title="This surface is not built yet." />
    </Page>
  );
}
