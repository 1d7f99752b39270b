// What can be wrong with the machine rather than with the code. The message is one line and ends with the remedy;
// whoever runs a command prints the message alone.

/** Something that must be installed, or started, by the reader. */
export class MissingPrerequisite extends Error {
  readonly code = 'MISSING_PREREQUISITE';
}

/** A server that did not come up; the message ends with the end of its log. */
export class ServerNotReady extends Error {
  readonly code = 'SERVER_NOT_READY';
}
