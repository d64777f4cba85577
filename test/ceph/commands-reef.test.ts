import { modernCommands } from "./commands/modern.ts";

modernCommands("reef");
