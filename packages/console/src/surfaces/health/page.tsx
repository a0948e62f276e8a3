/** Health: the surface's first page. */
import { Empty } from '../../components/states.tsx';
import { Page } from '../../components/panel.tsx';

export function HealthPage() {
  return (
    <Page title="Health">
      <Empty title="This surface is not built yet." />
    </Page>
  );
}
