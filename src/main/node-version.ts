/** Whether this Node can run the package. Imports nothing, so that it can be asked before anything that a new Node is needed for. */

const oldest = "22.18";

/** What is wrong with the running Node, as a sentence; undefined when nothing is. */
export function nodeProblem(version: string = process.versions.node): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split(".").map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `Node ${oldest} or later is needed, and ${process.execPath} is ${version}`;
}
