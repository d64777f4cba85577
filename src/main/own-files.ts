/** Where the package's own modules lie: in src (unbuilt), in dist (built), or in the installed module's js folder. */

import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** How our own modules end: .ts unbuilt, .js built, .mjs in the bundle. */
export const ownExtension = extname(fileURLToPath(import.meta.url));

const bundled = ownExtension === ".mjs";

/** The folder of index and backends. In the bundle this very code is part of a file there. */
export const ownFolder = new URL(bundled ? "./" : "../", import.meta.url);

/** What `import … from "orchbridge"`, `"orchbridge/contract"` and `"zod"` mean in a backend's file. */
export function ownModule(name: "orchbridge" | "orchbridge/contract" | "zod"): string {
  if (name === "orchbridge") return new URL(`index${ownExtension}`, ownFolder).href;
  if (name === "orchbridge/contract")
    return new URL(bundled ? "contract.mjs" : `contract/index${ownExtension}`, ownFolder).href;
  return bundled ? new URL("zod.mjs", ownFolder).href : import.meta.resolve("zod");
}
