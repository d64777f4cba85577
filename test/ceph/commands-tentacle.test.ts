import { modernCommands } from "./commands/modern.ts";

modernCommands("tentacle");
