import { modernCommands } from "./commands/modern.ts";

modernCommands("pacific");
