export function ContainmentPage() {
  return null;
}
