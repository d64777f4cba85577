/** What a backend declares that its process needs: asked before the process that is to run it is started. */

import type { BackendDefinition } from "../orchestrator/backend.ts";
import { toWireError } from "../orchestrator/errors.ts";
import { type DeclaredPermissions, NO_PERMISSIONS } from "../orchestrator/permissions.ts";
import type { BackendConfig, Logger } from "../orchestrator/ports.ts";
import { hideSecretsOf } from "../orchestrator/secrets.ts";

/** The permissions, or the sentence why this configuration cannot be used. */
export type CheckedBackend = { readonly permissions: DeclaredPermissions } | { readonly refused: string };

/** Loads the backend and parses its options, and creates nothing. */
export async function checkBackend(
  { name, options, options_error }: BackendConfig,
  load: (name: string) => Promise<BackendDefinition>,
  log: Logger,
): Promise<CheckedBackend> {
  if (options_error !== null) return { refused: options_error };
  if (name === null) return { permissions: NO_PERMISSIONS };
  try {
    const definition = await load(name);
    return { permissions: definition.permissionsFor(await definition.parseOptions(options)) };
  } catch (error) {
    return { refused: toWireError(hideSecretsOf([options], error), log, name).message };
  }
}
