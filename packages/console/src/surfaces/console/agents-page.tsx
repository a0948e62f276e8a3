export function AgentsPage() {
  return null;
}
export function AgentPage() {
  return null;
}
