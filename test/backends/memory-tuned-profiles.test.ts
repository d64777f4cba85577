import { expect, test } from "vitest";
import { memoryCluster } from "./memory-cluster.ts";

const PROFILE = { profile_name: "fast", placement: { host_pattern: "*" }, settings: { "vm.swappiness": "10" } };

test("tuned profiles are saved, listed and removed", async () => {
  const { write, read } = await memoryCluster();
  expect(await write("apply_tuned_profiles", { specs: [PROFILE, { profile_name: "plain" }] })).toBe(
    "Saved tuned profile fast\nSaved tuned profile plain",
  );
  expect(await read("tuned_profile_ls")).toEqual([
    PROFILE,
    { profile_name: "plain", placement: { host_pattern: "*" }, settings: {} },
  ]);
  expect(await write("rm_tuned_profile", { profile_name: "fast" })).toBe("Removed tuned profile fast");
  expect(await read("tuned_profile_ls")).toMatchObject([{ profile_name: "plain" }]);
});

test("a tuned profile that exists is kept when nothing is to be overwritten", async () => {
  const { write, read } = await memoryCluster();
  await write("apply_tuned_profiles", { specs: [PROFILE] });
  const other = { ...PROFILE, settings: { a: "1" } };
  expect(await write("apply_tuned_profiles", { specs: [other], no_overwrite: true })).toBe(
    "Tuned profile 'fast' already exists (--no-overwrite was passed)",
  );
  expect(await read("tuned_profile_ls")).toEqual([PROFILE]);
});

test("the settings of a tuned profile are added and removed, one or several", async () => {
  const { write, read } = await memoryCluster();
  await write("apply_tuned_profiles", { specs: [PROFILE] });
  const on = (params: object): object => ({ profile_name: "fast", ...params });
  expect(await write("tuned_profile_add_setting", on({ setting: "a", value: "1" }))).toBe(
    "Added setting a with value 1 to tuned profile fast",
  );
  expect(await write("tuned_profile_add_settings", on({ setting: { b: "2", c: "3" } }))).toBe(
    "Added settings b with value 2, c with value 3 to tuned profile fast",
  );
  expect(await write("tuned_profile_rm_setting", on({ setting: "vm.swappiness" }))).toBe(
    "Removed setting vm.swappiness from tuned profile fast",
  );
  expect(await write("tuned_profile_rm_settings", on({ settings: ["a", "b"] }))).toBe(
    "Removed settings a, b from tuned profile fast",
  );
  expect(await read("tuned_profile_ls")).toMatchObject([{ settings: { c: "3" } }]);
  await expect(write("tuned_profile_rm_setting", on({ setting: "zz" }))).rejects.toThrow(
    "tuned profile fast has no setting zz",
  );
});

test.each([
  ["rm_tuned_profile", {}],
  ["tuned_profile_add_setting", { setting: "a", value: "1" }],
  ["tuned_profile_add_settings", { setting: { a: "1" } }],
  ["tuned_profile_rm_setting", { setting: "a" }],
  ["tuned_profile_rm_settings", { settings: ["a"] }],
])("%s names a profile that does not exist", async (method, params) => {
  const { write } = await memoryCluster();
  await expect(write(method, { profile_name: "nope", ...params })).rejects.toMatchObject({
    type: "NotFoundError",
    message: "tuned profile nope does not exist; 'ceph orch tuned-profile ls' lists the profiles",
  });
});

test("a tuned profile without a name is refused", async () => {
  const { write } = await memoryCluster();
  await expect(write("apply_tuned_profiles", { specs: [{ profile_name: " " }] })).rejects.toThrow(
    "a tuned profile needs a profile_name",
  );
});
