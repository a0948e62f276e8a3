export function InDoubtPage() {
  return null;
}
