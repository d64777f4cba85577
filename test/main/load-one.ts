/** Loads backends as the process does and prints what became of each, one JSON line a file. For load-backend.test.ts. */

import { isOrchestratorError } from "../../src/index.ts";
import { loadBackend } from "../../src/main/load-backend.ts";

for (const name of process.argv.slice(2)) {
  try {
    console.log(JSON.stringify({ name: (await loadBackend(name)).name }));
  } catch (error) {
    console.log(
      JSON.stringify({
        expected: isOrchestratorError(error),
        error: error instanceof Error ? error.message : String(error),
      }),
    );
  }
}
