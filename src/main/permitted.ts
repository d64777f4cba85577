/** What Node's permission model lets this process do. Started without it, by a person, it may do anything. */

/** Whether a file may be read; asking is no access, and never throws. */
export function mayRead(path: string): boolean {
  const { permission } = process as { permission?: NodeJS.ProcessPermission };
  return permission === undefined || permission.has("fs.read", path);
}
