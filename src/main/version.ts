/** The package's version; a test holds it to package.json, which the installed module does not have. */
export const VERSION = "0.1.0";

/** The version of the wire protocol. */
export const PROTOCOL = 1;
