// The trust file: the log's key, the guardians' co-signing keys, and how many of them must have signed.
//
//   # comment
//   log KEY [URL]               exactly one; the key's name is the log's name, the origin
//   witness ALIAS KEY [URL]     one a guardian; KEY is its cosignature/v1 key
//   group ALIAS N|any|all ALIAS...
//   quorum ALIAS                exactly one
//
// As strict as `tribune verify`: a key or name occurs once, a component belongs to one group, every witness counts, no
// threshold is zero.

import { equal, utf8 } from "./_bytes";
import { COSIGNATURE, PLAIN, readKey, type NoteKey } from "./_note";
import { Refused } from "./_refused";

const MAX_FILE = 64 << 10;
const MAX_WITNESSES = 64;
const WORDS = ["log", "witness", "group", "quorum", "any", "all", "none"];

export interface Trust {
  log: NoteKey;
  guardians: NoteKey[]; // in the order of the file
  need: number; // co-signatures of the quorum, where it is one group of guardians; else 0
  satisfied(names: Set<string>): boolean;
}

interface Rule {
  alias: string;
  guardian: string; // "" = a group
  need: number;
  members: Rule[];
  used: boolean;
}

function fits(r: Rule, names: Set<string>): boolean {
  return r.guardian ? names.has(r.guardian) : r.members.filter((m) => fits(m, names)).length >= r.need;
}

export async function readTrust(file: string): Promise<Trust> {
  if (utf8(file).length > MAX_FILE) throw new Refused("trust", `longer than ${MAX_FILE} bytes`);
  const reader = new Reader();
  for (const [i, line] of file.split("\n").entries()) {
    const fields = (line.split("#")[0] ?? "").split(/\s+/).filter((f) => f !== "");
    if (fields.length === 0) continue;
    const wrong = await reader.line(fields);
    if (wrong) throw new Refused("trust", `line ${i + 1}: ${wrong}`);
  }
  return reader.finish();
}

class Reader {
  private log: NoteKey | null = null;
  private guardians: NoteKey[] = [];
  private rules = new Map<string, Rule>();
  private quorum: Rule | null = null;

  /** What is wrong with a line, "" = nothing. */
  async line(f: string[]): Promise<string> {
    switch (f[0]) {
      case "log":
        return this.logLine(f);
      case "witness":
        return this.witnessLine(f);
      case "group":
        return this.groupLine(f);
      case "quorum":
        return this.quorumLine(f);
    }
    return "it begins with none of log, witness, group, quorum";
  }

  private async logLine(f: string[]): Promise<string> {
    if (this.log) return "a second log";
    this.log = f.length === 2 || f.length === 3 ? await readKey(f[1] ?? "", PLAIN) : null;
    return this.log ? "" : "want log KEY [URL]";
  }

  private async witnessLine(f: string[]): Promise<string> {
    const key = f.length === 3 || f.length === 4 ? await readKey(f[2] ?? "", COSIGNATURE) : null;
    if (!key) return "want witness ALIAS KEY [URL], with a cosignature/v1 key";
    if (this.guardians.length === MAX_WITNESSES) return `more than ${MAX_WITNESSES} witnesses`;
    if (this.guardians.some((g) => g.name === key.name || equal(g.key, key.key))) return "a name or key of a witness above: one signature would count twice";
    this.guardians.push(key);
    return this.define({ alias: f[1] ?? "", guardian: key.name, need: 1, members: [], used: false });
  }

  private groupLine(f: string[]): string {
    if (f.length < 4) return "want group ALIAS N and one or more further ALIAS";
    const members: Rule[] = [];
    for (const alias of f.slice(3)) {
      const m = this.use(alias);
      if (typeof m === "string") return m;
      members.push(m);
    }
    let need = f[2] === "any" ? 1 : members.length;
    if (f[2] !== "any" && f[2] !== "all") {
      if (!/^[1-9][0-9]?$/.test(f[2] ?? "") || Number(f[2]) > members.length) return `threshold of the group: want 1 to ${members.length}`;
      need = Number(f[2]);
    }
    return this.define({ alias: f[1] ?? "", guardian: "", need, members, used: false });
  }

  private quorumLine(f: string[]): string {
    if (this.quorum) return "a second quorum";
    if (f.length !== 2) return "want quorum ALIAS";
    const r = this.use(f[1] ?? "");
    if (typeof r === "string") return r;
    this.quorum = r;
    return "";
  }

  private define(r: Rule): string {
    if (WORDS.includes(r.alias)) return "a word of the format is no name";
    if (this.rules.has(r.alias)) return "this name is defined above";
    this.rules.set(r.alias, r);
    return "";
  }

  private use(alias: string): Rule | string {
    const r = this.rules.get(alias);
    if (!r) return "a name that is not defined above";
    if (r.used) return "a name that is used already: it would count twice";
    r.used = true;
    return r;
  }

  finish(): Trust {
    const { log, quorum, guardians } = this;
    if (!log) throw new Refused("trust", "no log line");
    if (!quorum) throw new Refused("trust", "no quorum line");
    if ([...this.rules.values()].some((r) => !r.used)) throw new Refused("trust", "a line that does not count for the quorum");
    if (guardians.some((g) => g.name === log.name || equal(g.key, log.key))) throw new Refused("trust", "a witness has the log's own key or name");
    const flat = quorum.members.every((m) => m.guardian !== "");
    return { log, guardians, need: flat ? quorum.need : 0, satisfied: (names) => fits(quorum, names) };
  }
}
