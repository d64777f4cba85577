/** `orch upgrade …` and `orch update …` */

import { ValidationError } from "../../../orchestrator/errors.ts";
import type { UpgradeStatusSpec } from "../../../orchestrator/generated/types.ts";
import { command, type OrchCommand, oneCall, resultText } from "./command.ts";
import { formatted } from "./formats.ts";

export const UPGRADE_COMMANDS: readonly OrchCommand[] = [
  command(
    "upgrade check",
    "[image] [ceph_version]",
    "Check service versions vs available and target containers",
    async (args, orch) => {
      const [image, version] = [args.optional("image"), args.optional("ceph_version")];
      refuseVersionAsImage(image, version);
      return resultText(await orch.call("upgrade_check", { image: image ?? null, version: version ?? null }));
    },
  ),
  command(
    "upgrade ls",
    "[image] [--tags] [--show-all-versions]",
    "Check for available versions (or tags) we can upgrade to",
    async (args, orch) => {
      const found = await orch.call("upgrade_ls", {
        image: args.optional("image") ?? null,
        tags: args.flag("tags"),
        show_all_versions: args.flag("show-all-versions"),
      });
      return JSON.stringify(found, null, 4);
    },
  ),
  command(
    "upgrade status",
    "[--format=json|json-pretty|yaml]",
    "Check the status of any potential ongoing upgrade operation",
    async (args, orch) => {
      const status = await orch.call<UpgradeStatusSpec>("upgrade_status");
      if (!status.in_progress) return "There are no upgrades in progress currently.";
      const shown = {
        target_image: status.target_image ?? null,
        in_progress: status.in_progress,
        which: status.which ?? "<unknown>",
        services_complete: status.services_complete ?? [],
        progress: status.progress ?? null,
        message: status.message ?? "",
        is_paused: status.is_paused ?? false,
      };
      const format = args.optional("format");
      return format === undefined ? JSON.stringify(shown, null, 4) : formatted(shown, format);
    },
  ),
  command(
    "upgrade start",
    "[image] [--daemon_types=text] [--hosts=text] [--services=text] [--limit=integer] [--ceph_version=text]",
    "Initiate upgrade",
    async (args, orch) => {
      const [image, version] = [args.optional("image"), args.optional("ceph_version")];
      refuseVersionAsImage(image, version);
      const started = await orch.call("upgrade_start", {
        image: image ?? null,
        version: version ?? null,
        daemon_types: args.optional("daemon_types")?.split(",") ?? null,
        hosts: args.optional("hosts") ?? null,
        services: args.optional("services")?.split(",") ?? null,
        limit: args.integer("limit") ?? null,
      });
      return resultText(started);
    },
  ),
  oneCall("upgrade pause", "", "Pause an in-progress upgrade", "upgrade_pause"),
  oneCall("upgrade resume", "", "Resume paused upgrade", "upgrade_resume"),
  oneCall("upgrade stop", "", "Stop an in-progress upgrade", "upgrade_stop"),
];

function refuseVersionAsImage(image: string | undefined, version: string | undefined): void {
  if (image === undefined || version !== undefined || !/^v?\d+\.\d+\.\d+$/.test(image)) return;
  throw new ValidationError(
    `Error: unable to pull image name \`${image}\`.\n  Maybe you meant \`--ceph-version ${image.replace(/^v/, "")}\`?`,
  );
}
