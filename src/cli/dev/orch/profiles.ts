/** `orch tuned-profile …` */

import { ValidationError } from "../../../orchestrator/errors.ts";
import type { TunedProfileSpec } from "../../../orchestrator/generated/types.ts";
import { readYaml } from "../yaml-reader.ts";
import type { Arguments } from "./arguments.ts";
import { command, type Orch, type OrchCommand, oneCall, resultText } from "./command.ts";
import { formatted } from "./formats.ts";
import { placementOf, placementText } from "./placement.ts";

export const PROFILE_COMMANDS: readonly OrchCommand[] = [
  command(
    "tuned-profile apply",
    "[profile_name] [placement] [settings] [--no-overwrite] [-in-file=text]",
    "Add or update a tuned profile",
    async (args, orch) =>
      resultText(
        await orch.call("apply_tuned_profiles", {
          specs: profilesOf(args, orch),
          no_overwrite: args.flag("no-overwrite"),
        }),
      ),
  ),
  oneCall("tuned-profile rm", "profile_name", "Remove a tuned profile", "rm_tuned_profile"),
  command("tuned-profile ls", "[--format=plain|json|json-pretty|yaml]", "List tuned profiles", async (args, orch) => {
    const profiles = await orch.call<TunedProfileSpec[]>("tuned_profile_ls");
    const format = args.optional("format") ?? "plain";
    return format === "plain" ? profiles.map(profileText).join("\n") : formatted(profiles, format);
  }),
  oneCall(
    "tuned-profile add-setting",
    "profile_name setting value",
    "Add a setting to a tuned profile",
    "tuned_profile_add_setting",
  ),
  oneCall(
    "tuned-profile rm-setting",
    "profile_name setting",
    "Remove a setting from a tuned profile",
    "tuned_profile_rm_setting",
  ),
];

function profilesOf(args: Arguments, orch: Orch): unknown[] {
  const [name, file] = [args.optional("profile_name"), args.optional("in-file")];
  if ((name === undefined) === (file === undefined)) {
    throw new ValidationError(`Usage:
  ceph orch tuned-profile apply -i <yaml spec>
  ceph orch tuned-profile apply <profile_name> [--placement=<placement_string>] [--settings='option=value,option2=value2']
        `);
  }
  if (file !== undefined) return readYaml(orch.readFile(file));
  const placement = args.has("placement") ? placementOf(args.optional("placement")) : { host_pattern: "*" };
  return [{ profile_name: name, placement, settings: settingsOf(args.optional("settings")) }];
}

function settingsOf(text: string | undefined): Record<string, string> {
  const settings = text === undefined || text === "" ? [] : text.split(",");
  return Object.fromEntries(
    settings.map((setting) => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(setting) ?? [];
      if (name === undefined || value === undefined)
        throw new ValidationError(
          'settings defined on cli for tuned profile must be of format "setting_name=value,setting_name2=value2" etc.',
        );
      return [name.trim(), value.trim()];
    }),
  );
}

function profileText({ profile_name: name, placement, settings = {} }: TunedProfileSpec): string {
  const lines = Object.entries(settings).map(([setting, value]) => `  ${setting}: ${String(value)}`);
  return [`profile_name: ${name}`, `placement: ${placementText(placement)}`, "settings:", ...lines, "---"].join("\n");
}
