/** What `orchbridge completion --help` says. */

/** Apart from the command itself, which is loaded late. */
export const completionUsage = `usage: orchbridge completion bash|zsh|fish

Prints a script that completes the command's words, options and method names:

  bash   source <(orchbridge completion bash)
  zsh    source <(orchbridge completion zsh), after compinit
  fish   orchbridge completion fish | source
`;
