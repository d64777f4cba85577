/** Splits a line of the prompt into words, as a shell does: quotes, backslashes, `#` for a comment. */

/** The words; throws where a quote does not end. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:#.*$|((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)|(\S.*))/gsy;
  for (const [whole, word, rest] of line.matchAll(pattern)) {
    if (rest !== undefined) throw new Error(`a quote does not end: ${rest}`);
    if (word !== undefined) words.push(unquote(word));
    else if (whole.trim() === "") break;
  }
  return words;
}

function unquote(word: string): string {
  return word.replaceAll(
    /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs,
    (_, escaped?: string, double?: string, single?: string) =>
      escaped ?? single ?? (double ?? "").replaceAll(/\\(["\\$`])/g, "$1"),
  );
}
