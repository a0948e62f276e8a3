export function ApprovalsPage() {
  return null;
}
export function ApprovalPage() {
  return null;
}
