// Why something does not verify. The codes are closed, so that a page can say each in its reader's language; message is
// the technical detail, in English.

export type Reason =
  | "trust" // the trust file is not sound
  | "receipt" // not a receipt in its one form: altered, cut off, too long
  | "checkpoint" // the same of its checkpoint
  | "origin" // it is of another log than the trust file names
  | "log" // the log's own signature is missing or does not fit
  | "stranger" // a signature by a key that is not trusted
  | "cosignature" // a guardian's signature does not fit
  | "repeated" // a signature stands there twice
  | "quorum" // too few guardians have co-signed
  | "index" // it is of another entry
  | "path" // the proof is too short or too long for its place in the log
  | "inclusion" // entry, place and proof do not lead to the signed root
  | "entry" // the entry is not in its one form
  | "tag" // the entry does not carry this person's mark
  | "bundle" // entries that the server sent cannot be read
  | "root" // the entries that the server sent are not those that were signed
  | "shorter" // the log is shorter than a receipt says
  | "fetch" // the server did not answer, or not with what was asked for
  | "browser"; // this browser cannot check Ed25519 signatures

export class Refused extends Error {
  constructor(
    readonly reason: Reason,
    message: string,
  ) {
    super(message);
    this.name = "Refused";
  }
}
