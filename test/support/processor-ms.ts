/** What this process and its threads have used of the processors so far: work is compared by it, which no other program makes longer. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
