/** Demo: the surface's first page. */
import { Empty } from '../../components/states.tsx';
import { Page } from '../../components/panel.tsx';

export function DemoPage() {
  return (
    <Page title="Demo">
      <Empty title="This surface is not built yet." />
    </Page>
  );
}
