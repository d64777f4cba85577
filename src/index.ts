/** The public API: what a backend's author imports from "orchbridge". */

export type {
  Availability,
  Backend,
  BackendCall,
  BackendContext,
  BackendDefinition,
  BackendState,
  ParamsOf,
  ResultOf,
} from "./orchestrator/backend.ts";
export { defineBackend } from "./orchestrator/backend.ts";
export type { Log, MaybePromise, Operation, Persisted, ReadCall, WriteCall, WriteResult } from "./orchestrator/call.ts";
export {
  checkDriveGroup,
  deviceClassOf,
  type Gaps,
  LEAST_PARTS,
  type OsdLayout,
  osdLayouts,
  osdsOn,
  pathsOf,
  previewOf,
} from "./orchestrator/drive-groups.ts";
export {
  isOrchestratorError,
  messageOf,
  NotFoundError,
  NotSupportedError,
  OrchestratorError,
  type OrchestratorErrorOptions,
  UnavailableError,
  ValidationError,
} from "./orchestrator/errors.ts";
export type { BackendFeatures, BackendMethodName, BackendMethods } from "./orchestrator/generated/methods.ts";
export type * from "./orchestrator/generated/types.ts";
export type { Permissions } from "./orchestrator/permissions.ts";
export {
  checkPlacement,
  MOST_PER_HOST,
  matchingHosts,
  NO_CONF_KEYRING,
  NO_SCHEDULE,
  type PlaceableHost,
  type PlacedHost,
  placedHost,
  placementOf,
} from "./orchestrator/placement.ts";
export type { HealthCheck, Json, MgrPort } from "./orchestrator/ports.ts";
export { withoutSecrets } from "./orchestrator/secrets.ts";
export {
  type AnySpec,
  type ServiceType,
  serviceName,
  serviceOf,
  serviceType,
  TRACING,
} from "./orchestrator/service-types.ts";
